#!/bin/sh
# SPDX-License-Identifier: MIT
#
# aarch64.sh ROOT BUILD: cross-compiles the library for aarch64 and runs tests/exactness and the
# sample of tests/ulp under qemu-user.
set -eu
root=$1
build=$2

cmake -G Ninja -S "$root" -B "$build" --toolchain "$root/cmake/aarch64-linux-gnu.cmake" \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON -DVAE_WERROR=ON -DVAE_WITH_CUDA=OFF \
  -DVAE_BUILD_PROGRAM=OFF -DVAE_INSTALL=OFF -DVAE_BUILD_TESTS=ON -DVAE_TEST_PARTS=exactness
cmake --build "$build" --target vae_exactness vae_ulp
qemu-aarch64 "$build/tests/vae_exactness"
qemu-aarch64 "$build/tests/vae_exactness" --layers
qemu-aarch64 "$build/tests/vae_exactness" --optimizer
qemu-aarch64 "$build/tests/vae_exactness" --codec
qemu-aarch64 "$build/tests/vae_exactness" --samples
qemu-aarch64 "$build/tests/vae_ulp" --sample
