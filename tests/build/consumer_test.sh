#!/bin/sh
# SPDX-License-Identifier: MIT
# consumer_test.sh HOW ROOT BUILD COMPILER [PYTHON]: builds and runs tests/consumer against the library
#   find_package   installed, found by CMake
#   examples       installed; examples/ in its place
#   pkg_config     installed, moved to another folder, found by pkg-config
#   subdirectory   built as a part of the consumer
#   no_toolkit     the package of a CUDA build on a machine without the toolkit: a clear message
set -eu
how=$1
root=$2
build=$3
compiler=$4
python=${5-python3}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

install_package() {
  cmake --install "$build" --prefix "$scratch/first" >"$scratch/install.log"
  # Nothing in a package may depend on where it was installed first.
  mv "$scratch/first" "$scratch/prefix"
}

# configure_and_build FOLDER [OPTION...]
configure_and_build() {
  project=$1
  shift
  cmake -S "$root/$project" -B "$scratch/build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_BUILD_TYPE=Debug "$@"
  cmake --build "$scratch/build"
}

# A shared library with vae inside exports only what its own object file defines, and of that nothing
# of vae's.
check_exports() {
  nm -D --defined-only "$1" | cut -d' ' -f3 | sort >"$scratch/exported"
  nm --defined-only "$2" | cut -d' ' -f3 | sort >"$scratch/own"
  comm -23 "$scratch/exported" "$scratch/own" >"$scratch/leaked"
  grep '3vae' "$scratch/exported" >>"$scratch/leaked" || true
  if [ -s "$scratch/leaked" ] || ! grep -q '^plugin_run$' "$scratch/exported"; then
    echo "$1 exports what is not its own:"
    head -n 50 "$scratch/leaked" | c++filt
    exit 1
  fi
}

# Manual pages and completions are installed where man and the shells look, and are the program's.
check_documents() {
  "$2" manual --out "$scratch/man1"
  diff -r "$scratch/man1" "$1/man/man1"
  "$2" completion bash | cmp - "$1/bash-completion/completions/vae"
  "$2" completion zsh | cmp - "$1/zsh/site-functions/_vae"
  "$2" completion fish | cmp - "$1/fish/vendor_completions.d/vae.fish"
}

case $how in
  find_package)
    install_package
    configure_and_build tests/consumer -DCMAKE_PREFIX_PATH="$scratch/prefix"
    (cd "$scratch" && ./build/consumer)
    check_exports "$scratch/build/libplugin.so" "$(find "$scratch/build" -name 'plugin.cpp.o')"
    (cd "$scratch" && ./build/plugin_host ./build/libplugin.so)
    if [ -e "$build/vae" ]; then
      "$scratch/prefix/bin/vae" --version
      check_documents "$scratch/prefix/share" "$scratch/prefix/bin/vae"
    fi
    ;;
  examples)
    install_package
    configure_and_build examples -DCMAKE_PREFIX_PATH="$scratch/prefix"
    for example in own_data own_network training_loop latent_arithmetic classes restore segment \
      detect compress odd_images; do
      (cd "$scratch" && "./build/$example" && test -s "$example.png")
    done
    (cd "$scratch" && ./build/serve_model own_network.safetensors own_network.npy) \
      >"$scratch/served"
    grep -c 'nats, code' "$scratch/served" | grep -qx 10
    test -s "$scratch/serve_model.png"
    "$scratch/prefix/bin/vae" sample "$scratch/own_network.safetensors" --out "$scratch/own-s.png"
    "$scratch/prefix/bin/vae" train --data "$root/data/mnist" --epochs 1 --encoder 32 --decoder 32 \
      --latent 4 --no-pictures --quiet --out "$scratch/run"
    "$scratch/build/few_labels" "$scratch/run" "$root/data/mnist" 100 |
      grep -qx '100 labels known, [0-9]* of 9900 others found'
    # What they wrote is read by the program, and by the examples in Python where it has NumPy.
    for model in own_data training_loop; do
      "$scratch/prefix/bin/vae" sample "$scratch/$model.safetensors" --out "$scratch/$model-s.png"
      if "$python" -c 'import numpy' 2>/dev/null; then
        "$python" -B "$root/examples/read_checkpoint.py" "$scratch/$model.safetensors"
      fi
    done
    ;;
  pkg_config)
    install_package
    PKG_CONFIG_PATH=$(dirname "$(find "$scratch/prefix" -name vae.pc)")
    export PKG_CONFIG_PATH
    pkg-config --print-errors --exists 'vae >= 0.1'
    # Plain, as people type it; --static must not hurt.
    for static in "" --static; do
      # shellcheck disable=SC2046,SC2086 # flags are words
      "$compiler" -std=c++20 "$root/tests/consumer/main.cpp" -o "$scratch/consumer" \
        $(pkg-config --cflags $static --libs vae)
    done
    (cd "$scratch" && ./consumer)
    ;;
  no_toolkit)
    mkdir "$scratch/package"
    cat >"$scratch/package/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.22)
project(package LANGUAGES NONE)
include(CMakePackageConfigHelpers)
set(VAE_CUDA_BACKEND ON)
set(CUDAToolkit_VERSION 13.0)
set(CUDAToolkit_VERSION_MAJOR 13)
configure_package_config_file("${ROOT}/cmake/vaeConfig.cmake.in" "${PREFIX}/lib/cmake/vae/vaeConfig.cmake"
  INSTALL_DESTINATION lib/cmake/vae)
write_basic_package_version_file("${PREFIX}/lib/cmake/vae/vaeConfigVersion.cmake" VERSION 0.1.0
  COMPATIBILITY SameMinorVersion)
END
    cmake -S "$scratch/package" -B "$scratch/made" -DROOT="$root" -DPREFIX="$scratch/prefix"
    if cmake -S "$root/tests/consumer" -B "$scratch/build" -G Ninja \
      -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$scratch/prefix" \
      -DCMAKE_DISABLE_FIND_PACKAGE_CUDAToolkit=ON 2>"$scratch/message"; then
      echo "a package with the CUDA backend was accepted without the toolkit"
      exit 1
    fi
    # CMake breaks lines where it likes.
    tr -s ' \n' '  ' <"$scratch/message" >"$scratch/line"
    for words in "built with the CUDA backend" "CUDA toolkit 13.0" "-DVAE_WITH_CUDA=OFF"; do
      grep -q -e "$words" "$scratch/line" || { cat "$scratch/message"; exit 1; }
    done
    ;;
  subdirectory)
    # The CPU's part, unoptimised: minutes count here. Every source alone, as no preset does.
    configure_and_build tests/consumer -DVAE_SOURCE="$root" -DVAE_WITH_CUDA=OFF \
      -DCMAKE_CXX_FLAGS_DEBUG=-O0
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
