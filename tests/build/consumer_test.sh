#!/bin/sh
# SPDX-License-Identifier: MIT
# consumer_test.sh HOW ROOT BUILD COMPILER: builds and runs tests/consumer against the library
#   find_package   installed, found by CMake
#   pkg_config     installed, moved to another folder, found by pkg-config
#   subdirectory   built as a part of the consumer
set -eu
how=$1
root=$2
build=$3
compiler=$4
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

install_package() {
  cmake --install "$build" --prefix "$scratch/first" >"$scratch/install.log"
  # Nothing in a package may depend on where it was installed first.
  mv "$scratch/first" "$scratch/prefix"
}

configure_and_build() {
  cmake -S "$root/tests/consumer" -B "$scratch/build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_BUILD_TYPE=Debug "$@"
  cmake --build "$scratch/build"
}

case $how in
  find_package)
    install_package
    configure_and_build -DCMAKE_PREFIX_PATH="$scratch/prefix"
    (cd "$scratch" && ./build/consumer)
    if [ -e "$build/vae" ]; then
      "$scratch/prefix/bin/vae" --version
    fi
    ;;
  pkg_config)
    install_package
    PKG_CONFIG_PATH=$(dirname "$(find "$scratch/prefix" -name vae.pc)")
    export PKG_CONFIG_PATH
    pkg-config --print-errors --exists 'vae >= 0.1'
    # shellcheck disable=SC2046 # flags are words
    "$compiler" -std=c++20 "$root/tests/consumer/main.cpp" -o "$scratch/consumer" \
      $(pkg-config --cflags --static --libs vae)
    (cd "$scratch" && ./consumer)
    ;;
  subdirectory)
    # The CPU's part, in few compilations: minutes count here.
    configure_and_build -DVAE_SOURCE="$root" -DVAE_WITH_CUDA=OFF -DCMAKE_UNITY_BUILD=ON
    (cd "$scratch" && ./build/consumer)
    # Somebody else's project gets the library alone: no tests, no program, no install rules.
    for unwanted in vae/tests vae/vae; do
      if [ -e "$scratch/build/$unwanted" ]; then
        echo "a consumer's build must not have $unwanted"
        exit 1
      fi
    done
    ;;
esac
