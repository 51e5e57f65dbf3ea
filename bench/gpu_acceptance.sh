#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# gpu_acceptance.sh [options]: builds for the card at hand, proves it correct, measures it, and
# writes DIR/<device>-<date>.json with a readable .md beside it. Without network, in ten minutes.
#
#   --prebuilt DIR   take the programs of this build folder instead of building
#   --prefix DIR     libraries for the build [build/gpu-prefix, if it is there]; bench/gpu/make_prefix.sh
#   --stages A,B     only these; --help-stages lists them
#   --out DIR        where the results go [bench/results]
#   --work DIR       logs and what the stages leave; emptied first [build/gpu-acceptance]
#   --python PYTHON  the Python that may have PyTorch or JAX [python3]
#   --budget S       seconds for all stages together [600]
#   --commit HASH    the commit, where the sources came without git
#   --dry-run        only what needs no GPU; results go below --work unless --out says else
#
# A stage that fails or is cut off does not stop the next. Exit status 0: all required stages passed;
# 1: some did not; 2: usage; 5: no GPU.
set -uo pipefail
script=$(readlink -f "${BASH_SOURCE[0]}")
root=$(dirname "$(dirname "$script")")

# name, seconds at most, required or optional, gpu or none
stages='
build        420 required none
devices       30 required gpu
tests        240 required gpu
determinism   60 required gpu
elbo         180 required gpu
microbench   180 required gpu
vae_bench     60 required gpu
memcheck      60 required gpu
racecheck     60 required gpu
initcheck     60 required gpu
synccheck     60 required gpu
ops_bench     90 optional gpu
baselines    150 optional gpu
'

# What a stage's exit status says beyond passed and failed; see gpu/stages.sh.
skipped=77
partial=78

usage() {
  sed -n '4,20s/^# \{0,1\}//p' "$script"
}

die() { # STATUS TEXT
  echo "gpu_acceptance.sh: $2" >&2
  exit "$1"
}

gpu_visible() {
  nvidia-smi -L 2>/dev/null | grep -q '^GPU '
}

parse() {
  while [ $# -gt 0 ]; do
    case $1 in
      --prebuilt | --prefix | --stages | --out | --work | --python | --budget | --commit)
        [ $# -ge 2 ] || die 2 "$1 needs a value"
        ;;&
      --prebuilt) ACCEPT_PREBUILT=$(readlink -e "$2") || die 2 "no folder $2" ;;
      --prefix) ACCEPT_PREFIX=$(readlink -e "$2") || die 2 "no folder $2" ;;
      --stages) wanted=$2 ;;
      --out) results=$(readlink -m "$2") ;;
      --work) ACCEPT_WORK=$(readlink -m "$2") ;;
      --python) ACCEPT_PYTHON=$2 ;;
      --budget) budget=$2 ;;
      --commit) commit=$2 ;;
      --dry-run) ACCEPT_DRY_RUN=1 ;;
      -h | --help)
        usage
        exit 0
        ;;
      --help-stages)
        awk 'NF { printf "%-12s %3d s at most, %s\n", $1, $2, $3 }' <<<"$stages"
        exit 0
        ;;
      *) die 2 "unknown option $1; --help lists them" ;;
    esac
    case $1 in
      --dry-run) shift ;;
      *) shift 2 ;;
    esac
  done
  local name
  for name in ${wanted//,/ }; do
    grep -q "^$name " <<<"$stages" || die 2 "no stage '$name'; --help-stages lists them"
  done
  [[ $budget =~ ^[0-9]+$ ]] || die 2 "--budget: '$budget' is no number of seconds"
}

record() { # NAME STATUS SECONDS REQUIRED NOTE
  local required=()
  [ "$4" != required ] || required=(--required)
  python3 -B "$root/bench/gpu/report.py" stage --folder "$ACCEPT_WORK" --name "$1" --status "$2" \
    --seconds "$3" "${required[@]}" --note "$5"
  printf '%-12s %-8s %4d s  %s\n' "$1" "$2" "$3" "$5"
}

# The stage runs as a process of its own, which can be stopped with all it started.
run_stage() { # NAME CAP REQUIRED
  local name=$1 cap=$2 began status left text
  left=$((budget - ($(date +%s) - started)))
  if [ "$left" -lt 5 ]; then
    record "$name" timeout 0 "$3" "not begun: the budget of $budget s was used up"
    return
  fi
  [ "$cap" -le "$left" ] || cap=$left
  rm -f "$ACCEPT_WORK/note"
  began=$(date +%s)
  ACCEPT_SECONDS=$cap ACCEPT_BEGAN=$began timeout -k 10 "$cap" bash "$root/bench/gpu/stages.sh" "$name" \
    >"$ACCEPT_WORK/logs/$name.log" 2>&1 </dev/null
  status=$?
  text=$(cat "$ACCEPT_WORK/note" 2>/dev/null)
  case $status in
    0) status=passed ;;
    "$skipped") status=skipped ;;
    "$partial") status=partial ;;
    124 | 137) status=timeout text="${text:+$text; }stopped after $cap s" ;;
    *) text="${text:-status $status}" status=failed ;;
  esac
  record "$name" "$status" $(($(date +%s) - began)) "$3" "$text"
  case $status in
    failed | timeout) tail -n 25 "$ACCEPT_WORK/logs/$name.log" | sed 's/^/    /' ;;
  esac
}

run_all() {
  local name cap required needs without_gpu='dry run'
  [ "$ACCEPT_GPU" = 1 ] || without_gpu='no GPU'
  while read -r name cap required needs; do
    [ -n "$name" ] || continue
    if [ -n "$wanted" ] && [[ ",$wanted," != *",$name,"* ]]; then
      continue
    elif [ "$needs" = gpu ] && [ "$ACCEPT_DRY_RUN" = 1 ]; then
      record "$name" skipped 0 "$required" "$without_gpu"
    else
      run_stage "$name" "$cap" "$required"
    fi
  done <<<"$stages"
}

export ACCEPT_PREBUILT='' ACCEPT_PREFIX='' ACCEPT_PYTHON=python3 ACCEPT_DRY_RUN=0 ACCEPT_GPU=0
export ACCEPT_WORK=$root/build/gpu-acceptance ACCEPT_BUILD=$root/build/gpu
wanted='' results='' budget=600 commit=''
parse "$@"
command -v nvcc >/dev/null || PATH=$PATH:/usr/local/cuda/bin
command -v python3 >/dev/null || die 2 'python3 is missing'
if gpu_visible; then
  ACCEPT_GPU=1
elif [ "$ACCEPT_DRY_RUN" = 0 ]; then
  die 5 'no GPU: nvidia-smi shows none (--dry-run does what needs none)'
fi
[ -z "$ACCEPT_PREBUILT" ] || ACCEPT_BUILD=$ACCEPT_PREBUILT
if [ -z "$ACCEPT_PREFIX" ] && [ -d "$root/build/gpu-prefix" ]; then
  ACCEPT_PREFIX=$root/build/gpu-prefix
fi
if [ -n "$ACCEPT_PREBUILT" ] && [ -n "$ACCEPT_PREFIX" ]; then # the programs know another place
  LD_LIBRARY_PATH=$(find "$ACCEPT_PREFIX/lib" -name '*.so*' -printf '%h:' | tr ':' '\n' |
    sort -u | tr '\n' ':')${LD_LIBRARY_PATH-}
  export LD_LIBRARY_PATH
fi
if [ -z "$results" ]; then
  results=$root/bench/results
  [ "$ACCEPT_DRY_RUN" = 0 ] || results=$ACCEPT_WORK/dry-run
fi
export VAE_REQUIRE_GPU=1 OMP_WAIT_POLICY=passive
# Only a folder of this script's own is emptied.
if [ -n "$(ls -A "$ACCEPT_WORK" 2>/dev/null)" ] && [ ! -e "$ACCEPT_WORK/.gpu_acceptance" ]; then
  die 2 "--work $ACCEPT_WORK has other things in it"
fi
rm -rf "${ACCEPT_WORK:?}"
mkdir -p "$ACCEPT_WORK/logs"
touch "$ACCEPT_WORK/.gpu_acceptance"
started=$(date +%s)
run_all
python3 -B "$root/bench/gpu/report.py" write --folder "$ACCEPT_WORK" --results "$results" \
  --root "$root" --commit "$commit"
status=$?
echo "$(($(date +%s) - started)) s; logs in $ACCEPT_WORK/logs"
exit "$status"
