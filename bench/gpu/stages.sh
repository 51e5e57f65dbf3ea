#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# stages.sh STAGE: one stage of gpu_acceptance.sh, which sets these for it:
#   ACCEPT_BUILD, ACCEPT_WORK      where the programs are, where results go
#   ACCEPT_PREBUILT, ACCEPT_PREFIX, ACCEPT_PYTHON, ACCEPT_GPU, ACCEPT_DRY_RUN   its options
#   ACCEPT_BEGAN, ACCEPT_SECONDS   when the stage began, when it will be stopped
# Exit status 0: passed; 77: nothing to do here; 78: passed as far as it came; else failed.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
skipped=77
partial=78

note() { # TEXT: one line about the stage for the report
  printf '%s\n' "$*" >"$ACCEPT_WORK/note"
}

seconds_left() {
  echo $((ACCEPT_SECONDS - ($(date +%s) - ACCEPT_BEGAN)))
}

stage_build() {
  if [ -n "$ACCEPT_PREBUILT" ]; then
    note "prebuilt in $ACCEPT_PREBUILT"
    return "$skipped"
  fi
  for tool in nvcc cmake ninja; do
    if ! command -v "$tool" >/dev/null; then
      note "no $tool on PATH"
      return $((ACCEPT_DRY_RUN ? skipped : 1))
    fi
  done
  local architecture=native
  [ "$ACCEPT_GPU" = 1 ] || architecture=90 # "native" stops where no GPU is visible
  local options=(-DVAE_BUILD_BENCH=ON "-DCMAKE_CUDA_ARCHITECTURES=$architecture") targets
  [ -z "$ACCEPT_PREFIX" ] || options+=("-DCMAKE_PREFIX_PATH=$ACCEPT_PREFIX")
  cd "$root" || return 1
  cmake --preset gpu "${options[@]}" || return 1
  # What runs on the card; the simulated card and the fuzzers need not be there.
  mapfile -t targets < <(cmake --build "$ACCEPT_BUILD" --target help | sed -nE \
    's/^(vae_program|vae_(kernels|host|api|curand|cuda[a-z_]*)_test|gpu_microbench|ops_bench): .*/\1/p')
  cmake --build "$ACCEPT_BUILD" --parallel "$(nproc)" --target "${targets[@]}" || return 1
  note "architecture $architecture; ${targets[*]}"
}

stage_devices() {
  "$ACCEPT_BUILD/vae" --version || return 1
  "$ACCEPT_BUILD/vae" doctor
  "$ACCEPT_BUILD/vae" devices || return 1
  # An unusable card is named with the reason why.
  local line
  line=$("$ACCEPT_BUILD/vae" devices | grep -m1 '^cuda') || return 1
  note "$(printf '%s' "$line" | tr -s ' ')"
  [[ $line =~ ^cuda:0\ +usable ]]
}

test_programs() {
  find "$ACCEPT_BUILD" -maxdepth 3 -type f -perm -u+x -name 'vae_*_test' |
    grep -E '/vae_(kernels|host|api|cuda[a-z_]*)_test$' | sort
}

# A prebuilt tree knows the paths of another machine, so ctest is of no use and two tests that read
# the bundled MNIST by such a path are left out.
stage_tests() {
  if [ -z "$ACCEPT_PREBUILT" ]; then
    ctest --test-dir "$ACCEPT_BUILD" --label-regex '^(kernels|host|api|cuda)$' --no-tests=error \
      --output-on-failure --timeout 120 --parallel "$(nproc)" \
      --output-junit "$ACCEPT_WORK/tests.xml" | tee "$ACCEPT_WORK/tests.txt"
    local status=${PIPESTATUS[0]}
    note "$(grep -m1 -E 'tests passed|No tests' "$ACCEPT_WORK/tests.txt")"
    return "$status"
  fi
  local failed=() count=0 program
  for program in $(test_programs); do
    count=$((count + 1))
    "$program" --gtest_brief=1 --gtest_filter='-*BundledMnist*:IdxTest.ReadsMnist' || failed+=("${program##*/}")
  done
  note "$count programs, failed: ${failed[*]:-none}"
  [ "$count" -gt 0 ] && [ ${#failed[@]} -eq 0 ]
}

# Suites with a test whose parameter is a CUDA device, as Suite.*/cuda*.
cuda_suites() {
  "$1" --gtest_list_tests | awk '
    /^[^ ]/ { suite = $1 }
    /^  / && $1 ~ /\/cuda/ && !(suite in seen) { seen[suite] = 1; print suite "*/cuda*" }'
}

# One suite after the other, until the time is up: what was checked by then counts.
sanitize() { # TOOL
  if ! command -v compute-sanitizer >/dev/null; then
    note 'no compute-sanitizer on this machine'
    return "$skipped"
  fi
  local program suites done=0 all left status
  program=$(test_programs | grep -m1 /vae_kernels_test) || return 1
  mapfile -t suites < <(cuda_suites "$program")
  all=${#suites[@]}
  note "no test with a CUDA device in ${program##*/}"
  [ "$all" -gt 0 ] || return 1
  for suite in "${suites[@]}"; do
    left=$(($(seconds_left) - 3))
    [ "$left" -ge 5 ] || break
    timeout -k 3 "$left" compute-sanitizer --tool "$1" --error-exitcode 9 --print-limit 20 \
      "$program" --gtest_brief=1 --gtest_filter="$suite"
    status=$?
    case $status in 124 | 137) break ;; esac
    if [ "$status" -ne 0 ]; then
      note "$suite: status $status"
      return 1
    fi
    done=$((done + 1))
  done
  note "$done of $all suites without a finding"
  [ "$done" -gt 0 ] || return 124
  [ "$done" -eq "$all" ] || return "$partial"
}

train() { # OUT DEVICE EPOCHS [options]
  local out=$1 device=$2 epochs=$3
  shift 3
  VAE_DATA_DIR="$root/data" "$ACCEPT_BUILD/vae" train --data mnist --out "$out" --overwrite \
    --device "$device" --epochs "$epochs" --batch-size 128 --no-pictures --quiet "$@"
}

# Two runs, and one whose steps are launched one by one instead of replayed as CUDA graphs.
stage_determinism() {
  local runs=$ACCEPT_WORK/determinism
  note 'training failed'
  train "$runs/first" cuda 2 --seed 7 || return 1
  train "$runs/second" cuda 2 --seed 7 || return 1
  VAE_CUDA_EAGER=1 train "$runs/eager" cuda 2 --seed 7 || return 1
  local result
  result=$(python3 -B "$root/bench/gpu/compare_runs.py" "$runs/first" "$runs/second" "$runs/eager")
  local status=$?
  printf '%s\n' "$result"
  note "graph, graph again, eager: ${result##*$'\n'}"
  [ "$status" -eq 0 ] || return 1
  if ! VAE_CUDA_EAGER=1 "$ACCEPT_BUILD/vae" doctor | grep -q 'VAE_CUDA_EAGER=1'; then
    note 'the build does not know VAE_CUDA_EAGER, so eager launches were not compared'
    return 1
  fi
}

stage_elbo() {
  note 'training failed'
  train "$ACCEPT_WORK/runs/cuda" cuda 10 --seed 1 --json >"$ACCEPT_WORK/train-cuda.json" || return 1
  train "$ACCEPT_WORK/runs/cpu" cpu 10 --seed 1 --json >"$ACCEPT_WORK/train-cpu.json" || return 1
  local result status
  result=$(python3 -B "$root/bench/gpu/report.py" elbo --within 0.3 "$ACCEPT_WORK/train-cuda.json" \
    "$ACCEPT_WORK/train-cpu.json")
  status=$?
  note "$result"
  return "$status"
}

stage_microbench() {
  "$ACCEPT_BUILD/bench/gpu_microbench" --json "$ACCEPT_WORK/microbench.json" |
    tee "$ACCEPT_WORK/microbench.txt"
  local status=${PIPESTATUS[0]}
  note "$(tail -n 1 "$ACCEPT_WORK/microbench.txt")"
  return "$status"
}

stage_vae_bench() {
  VAE_DATA_DIR="$root/data" "$ACCEPT_BUILD/vae" bench --device cuda --batch-size 20,128,1024 \
    --json --quiet >"$ACCEPT_WORK/vae_bench.json"
}

stage_ops_bench() {
  local program=$ACCEPT_BUILD/bench/ops_bench peaks=()
  if [ ! -x "$program" ]; then
    note 'not built: Google Benchmark was missing'
    return "$skipped"
  fi
  [ ! -s "$ACCEPT_WORK/microbench.json" ] || peaks=(--peaks "$ACCEPT_WORK/microbench.json")
  "$program" --device cuda "${peaks[@]}" --benchmark_min_time=0.05 --benchmark_repetitions=5 \
    --benchmark_report_aggregates_only=true --benchmark_out_format=json \
    --benchmark_out="$ACCEPT_WORK/ops_bench.json"
}

# SCRIPT MODE DTYPE: one JSON file; the strongest modes come first, so that they are not cut off.
baseline_list='
pytorch_vae cuda-graph-compile tf32
jax_vae scan tf32
pytorch_vae compile-reduce-overhead tf32
pytorch_vae eager tf32
pytorch_vae fused-adam tf32
pytorch_vae compile tf32
pytorch_vae cuda-graph tf32
jax_vae jit-step tf32
pytorch_vae cuda-graph-compile float32
jax_vae scan float32
'
stage_baselines() {
  mkdir -p "$ACCEPT_WORK/baselines"
  local script mode dtype left file done=0 failed=() missing=''
  for module in torch jax; do
    "$ACCEPT_PYTHON" -c "import numpy, $module" 2>/dev/null || missing="$missing $module"
  done
  while read -r script mode dtype; do
    case "$script:$missing" in
      '':* | pytorch_vae:*torch* | jax_vae:*jax*) continue ;;
    esac
    left=$(($(seconds_left) - 3))
    [ "$left" -ge 10 ] || {
      failed+=('(time)')
      break
    }
    file=$ACCEPT_WORK/baselines/$script-$mode-$dtype.json
    if XLA_PYTHON_CLIENT_PREALLOCATE=false timeout -k 3 "$((left < 60 ? left : 60))" \
      "$ACCEPT_PYTHON" -B "$root/bench/baselines/$script.py" --device cuda --mode "$mode" \
      --dtype "$dtype" --batch-size 128 --repeats 5 --seconds 0.5 --warmup-seconds 0.5 \
      </dev/null >"$file"; then
      done=$((done + 1))
    else
      failed+=("$script:$mode:$dtype")
    fi
  done <<<"$baseline_list"
  note "$done modes; missing:${missing:- nothing}; failed: ${failed[*]:-none}"
  [ "$done" -gt 0 ] || [ ${#failed[@]} -gt 0 ] || return "$skipped"
  [ "$done" -gt 0 ] || return 1
  [ ${#failed[@]} -eq 0 ] || return "$partial"
}

case ${1-} in
  build) stage_build ;;
  devices) stage_devices ;;
  tests) stage_tests ;;
  determinism) stage_determinism ;;
  elbo) stage_elbo ;;
  microbench) stage_microbench ;;
  vae_bench) stage_vae_bench ;;
  memcheck | racecheck | initcheck | synccheck) sanitize "$1" ;;
  ops_bench) stage_ops_bench ;;
  baselines) stage_baselines ;;
  *)
    echo "stages.sh: no stage '${1-}'" >&2
    exit 2
    ;;
esac
