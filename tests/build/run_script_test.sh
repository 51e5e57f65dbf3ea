#!/bin/sh
# SPDX-License-Identifier: MIT
# run_script_test.sh ROOT: the script `run` on machines where packages are missing
#
# Stubs stand in for the package manager, the build and the program: nothing is installed or built.
# The last part configures for real what `run mnist` builds, with the test packages hidden.
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
  PATH="$scratch/bin:$PATH" "$scratch/clone/run" "$@" >"$scratch/out" 2>"$scratch/err" \
    </dev/null || status=$?
  [ "$status" -eq "$expected" ] || fail "status $status instead of $expected: run $*"
}

mkdir "$scratch/bin" "$scratch/clone"
cp "$root/run" "$scratch/clone/run"
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
mkdir -p "$scratch/clone/build/release"
# shellcheck disable=SC2016 # the stub expands it
printf '#!/bin/sh\necho "$*"\n' >"$scratch/clone/build/release/vae"
chmod +x "$scratch/clone/build/release/vae"
expect 0 mnist --epochs 2 --out 'a folder'
[ ! -s "$scratch/err" ] || fail 'is not silent'
if grep -q apt-get "$scratch/calls"; then fail 'installs what is there'; fi
grep -qx 'train --data mnist --epochs 2 --out a folder' "$scratch/out" || fail 'other words'
expect 0 mnist
grep -q '^train --data mnist --out runs/mnist-[0-9-]*$' "$scratch/out" || fail 'no run folder'

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

# What `run mnist` installs is enough to configure: GoogleTest and Python are not among it.
cmake -S "$root" -B "$scratch/build" -G Ninja \
  -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON -DCMAKE_DISABLE_FIND_PACKAGE_Python3=ON \
  -DVAE_WITH_CUDA=OFF >"$scratch/out" 2>"$scratch/err" || fail 'needs the packages of the tests'
cmake --build "$scratch/build" --target help | grep -q '^vae_program' || fail 'has no program'
