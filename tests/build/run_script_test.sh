#!/bin/sh
# SPDX-License-Identifier: MIT
# run_script_test.sh ROOT: the script `run` on machines where packages are missing
#
# Stubs stand in for the package manager, the build and the program: nothing is installed or built.
# Then a little project stands in for this one, for the real CMake and Ninja. The last part
# configures for real what `run mnist` builds, with the test packages hidden.
set -eu
root=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
  echo "run_script_test: $*" >&2
  cat "$scratch/out" "$scratch/err" >&2
  exit 1
}

# stub NAME BODY: a program that comes first on PATH
stub() {
  printf '#!/bin/sh\n%s\n' "$2" >"$scratch/bin/$1"
  chmod +x "$scratch/bin/$1"
}

# expect STATUS ARGUMENTS...: of `run`
expect() {
  expected=$1
  shift
  : >"$scratch/calls"
  status=0
  PATH="$scratch/bin:$PATH" "$clone/run" "$@" >"$scratch/out" 2>"$scratch/err" \
    </dev/null || status=$?
  [ "$status" -eq "$expected" ] || fail "status $status instead of $expected: run $*"
}

clone=$scratch/clone
mkdir -p "$scratch/bin" "$clone/host/cli"
cp "$root/run" "$clone/run"
cp "$root"/host/cli/train_options.* "$clone/host/cli/"
for tool in apt-get cmake ctest; do
  stub "$tool" "echo \"$tool \$*\" >>'$scratch/calls'"
done

# Neither root nor sudo: the list of what is missing, and nothing is done.
# shellcheck disable=SC2016 # the stub expands it
stub dpkg-query 'for package; do :; done
case $package in libfmt-dev | libgtest-dev) exit 1 ;; esac
echo "install ok installed"'
stub id 'echo 1000'
stub sudo 'exit 1'
expect 2 mnist
grep -q '^  apt-get install --no-install-recommends libfmt-dev *$' "$scratch/err" ||
  fail 'the list is not that of what is missing'
[ ! -s "$scratch/calls" ] || fail 'went on without its packages'
expect 2 test
grep -q 'libfmt-dev libgtest-dev' "$scratch/err" || fail 'does not list the packages of the tests'

# Root: says what it installs, installs that and no more. No program comes out of this build.
stub id 'echo 0'
expect 127 mnist
grep -q '^Installing with apt-get: libfmt-dev *$' "$scratch/err" || fail 'does not say so'
grep -q '^apt-get install .*--no-install-recommends libfmt-dev *$' "$scratch/calls" ||
  fail 'does not install it'

# Nothing missing: not a word, and the program gets the words of the user.
stub dpkg-query 'echo "install ok installed"'
mkdir -p "$clone/build/release"
# shellcheck disable=SC2016 # the stub expands it
printf '#!/bin/sh\necho "$*"\n' >"$clone/build/release/vae"
chmod +x "$clone/build/release/vae"
expect 0 mnist --epochs 2 --out 'a folder'
[ ! -s "$scratch/err" ] || fail 'is not silent'
if grep -q apt-get "$scratch/calls"; then fail 'installs what is there'; fi
grep -qx 'train --data mnist --epochs 2 --out a folder' "$scratch/out" || fail 'other words'
expect 0 mnist
grep -qx 'train --data mnist' "$scratch/out" || fail 'other words than those of the user'
# In the clone itself the program has a short name, for the commands it suggests.
# shellcheck disable=SC2016 # the program expands it
printf '#!/bin/sh\necho "$0"\n' >"$clone/build/release/vae"
(cd "$clone" && PATH="$scratch/bin:$PATH" ./run mnist >"$scratch/out" 2>"$scratch/err")
grep -qx 'build/release/vae' "$scratch/out" || fail 'a long name for the program'

# Wrong options are refused, and right ones explained, before anything is done.
stub dpkg-query 'exit 1'
expect 2 mnist --epoch 3
grep -q "unknown option '--epoch'; did you mean '--epochs'" "$scratch/err" || fail 'no suggestion'
expect 2 mnist --out
expect 0 mnist --epochs 3 --help
grep -q -e '--epochs N' "$scratch/out" || fail 'explains no option'
[ ! -s "$scratch/calls" ] || fail 'does something about options that are wrong'
stub dpkg-query 'echo "install ok installed"'

# CUDA is compiled where there is a card or somebody asks.
told_of_cuda() {
  grep -q -x -e "cmake --preset release${1:+ $1}" "$scratch/calls" || fail "CMake is not told $1"
}
unset VAE_WITH_CUDA
stub nvidia-smi 'exit 9'
expect 0 mnist
told_of_cuda -DVAE_WITH_CUDA=OFF
for words in '--device cuda' '--device cuda:1' '--device=cuda'; do
  # shellcheck disable=SC2086 # words
  expect 0 mnist $words
  told_of_cuda -DVAE_WITH_CUDA=ON
done
expect 0 mnist --out cuda --device cpu
told_of_cuda -DVAE_WITH_CUDA=OFF
export VAE_WITH_CUDA=ON
expect 0 mnist
told_of_cuda -DVAE_WITH_CUDA=ON
unset VAE_WITH_CUDA
stub nvidia-smi 'echo "GPU 0: NVIDIA H100 (UUID: GPU-0)"'
expect 0 mnist
told_of_cuda -DVAE_WITH_CUDA=AUTO
stub nvidia-smi 'exit 9'
stub ctest 'exit 8'
expect 8 test
told_of_cuda '' # the tests take what the preset says

# A build that fails is reported with its output.
stub cmake 'echo "no compiler"; exit 1'
expect 4 mnist
grep -q 'no compiler' "$scratch/err" || fail 'hides why the build failed'

# Stages of `test full` that no longer fit are named; nothing of them is run.
stub cmake "echo \"cmake \$*\" >>'$scratch/calls'"
expect 0 test full --minutes 1
[ ! -s "$scratch/calls" ] || fail 'runs what does not fit'
grep -q '^left out, .*fuzzing' "$scratch/out" || fail 'does not name what it leaves out'
expect 2 test full --minutes soon
expect 2 test ful

expect 2 mnits
expect 0 help

# The real tools on a project of three steps whose program prints its words.
rm "$scratch/bin/cmake"
rm -r "$clone/build"
# shellcheck disable=SC2016 # the program expands it
printf '#!/bin/sh\necho "$*"\n' >"$clone/program"
chmod +x "$clone/program"
cat >"$clone/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.22)
project(little LANGUAGES CXX)
foreach(file one two vae)
  add_custom_command(OUTPUT ${file}
    COMMAND ${CMAKE_COMMAND} -E copy "${CMAKE_SOURCE_DIR}/program" ${file})
endforeach()
add_custom_target(vae_program DEPENDS one two vae)
END
cat >"$clone/CMakePresets.json" <<'END'
{"version": 6, "configurePresets":
 [{"name": "release", "generator": "Ninja", "binaryDir": "${sourceDir}/build/${presetName}"}]}
END
expect 0 mnist --out x
grep -qx 'train --data mnist --out x' "$scratch/out" || fail 'does not run what it built'
grep -qx 'building 1/3' "$scratch/err" || fail 'shows no progress'
expect 0 mnist --out x
[ ! -s "$scratch/err" ] || fail 'is not silent where there is nothing to build'

# A build that has CUDA keeps it.
for words in '' '--device cuda' ''; do
  # shellcheck disable=SC2086 # words
  expect 0 mnist $words
done
grep -q '^VAE_WITH_CUDA:.*=AUTO$' "$clone/build/release/CMakeCache.txt" || fail 'drops the kernels'

# A moved folder is mended, and so is a copy.
mended() {
  expect 0 mnist --out x
  grep -q "$1; building it anew" "$scratch/err" || fail 'does not say so'
  grep -qx 'building 1/3' "$scratch/err" || fail 'does not build anew'
  grep -qx 'train --data mnist --out x' "$scratch/out" || fail 'does not run'
}
mv "$scratch/clone" "$scratch/moved"
clone=$scratch/moved
mended 'was moved or copied'
cp -r "$scratch/moved" "$scratch/copy"
clone=$scratch/copy
mended 'was moved or copied'
sed -i 's/^CMAKE_GENERATOR:INTERNAL=.*/CMAKE_GENERATOR:INTERNAL=Unix Makefiles/' \
  "$clone/build/release/CMakeCache.txt"
mended 'was made with other tools'

# On a terminal the progress stays in its line.
rm -r "$clone/build"
TERM=xterm PATH="$scratch/bin:$PATH" script -qec "'$clone/run' mnist --out x" \
  "$scratch/err" >"$scratch/out" </dev/null || fail 'does not run on a terminal'
# \r moves to the start of the line, ESC [ K clears it.
tr '\r\033' '<^' <"$scratch/err" | grep -q '<building 1/3 <building 2/3 .*<^\[K' ||
  fail 'does not draw in its line'

# What `run mnist` installs is enough to configure: GoogleTest and Python are not among it.
cmake -S "$root" -B "$scratch/build" -G Ninja \
  -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON -DCMAKE_DISABLE_FIND_PACKAGE_Python3=ON \
  -DVAE_WITH_CUDA=OFF >"$scratch/out" 2>"$scratch/err" || fail 'needs the packages of the tests'
cmake --build "$scratch/build" --target help | grep -q '^vae_program' || fail 'has no program'
