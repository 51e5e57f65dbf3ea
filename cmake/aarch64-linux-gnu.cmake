# SPDX-License-Identifier: MIT
#
# Debian's cross compiler and emulator. From an x86-64 machine:
#   dpkg --add-architecture arm64 && apt-get update
#   apt-get install g++-aarch64-linux-gnu qemu-user libjpeg-dev:arm64 libpng-dev:arm64 zlib1g-dev:arm64
#   cmake -B build/aarch64 --toolchain cmake/aarch64-linux-gnu.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
# The compiler has a libstdc++ of its own, which the loader does not find; a path to it would bring
# that folder's C library too, which is another one than the loader's: threads then hang.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static-libstdc++ -static-libgcc")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
