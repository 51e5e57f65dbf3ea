#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# make_prefix.sh [PREFIX]      PREFIX is build/gpu-prefix unless given
#
# Copies what the build needs beyond CUDA, CMake, ninja and Python from this machine's Debian or
# Ubuntu packages into one folder, so that a machine without them can build:
#   cmake --preset gpu -DCMAKE_PREFIX_PATH=PREFIX
# libjpeg, libpng and zlib go as static libraries, fmt and Google Benchmark as shared ones found by rpath.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
packages=(libjpeg62-turbo-dev libpng-dev zlib1g-dev nlohmann-json3-dev libgtest-dev libcli11-dev libfmt-dev
  libbenchmark-dev)
shared=(libfmt.so libbenchmark.so) # of these the libraries themselves, too
prefix=$root/build/gpu-prefix

while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      sed -n '4,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    -*)
      echo "make_prefix.sh: unknown option $1" >&2
      exit 2
      ;;
    *) prefix=$1 ;;
  esac
  shift
done

# copy FILE: to the same place below the prefix; relative links stay links.
copy() {
  local target=$prefix/${1#/usr/}
  mkdir -p "$(dirname "$target")"
  cp -P --preserve=mode,timestamps "$1" "$target"
}

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' ok installed' ||
    missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "make_prefix.sh: not installed here: ${missing[*]}" >&2
  exit 1
fi

rm -rf "$prefix"
for package in "${packages[@]}"; do
  dpkg -L "$package" | while read -r file; do
    case $file in
      /usr/include/* | /usr/lib/*.a | /usr/lib/*.so* | /usr/lib/*/cmake/* | /usr/share/cmake/*)
        if [ ! -d "$file" ]; then copy "$file"; fi
        ;;
    esac
  done
done

libraries=$(dirname "$(find "$prefix/lib" -name 'libfmt.so' -print -quit)")
system=/usr/${libraries#"$prefix"/}
for name in "${shared[@]}"; do
  real=$(readlink -f "$system/$name")
  soname=$(objdump -p "$real" | awk '$1 == "SONAME" { print $2 }')
  cp --preserve=mode,timestamps "$real" "$libraries/"
  for link in "$soname" "$name"; do
    if [ "$link" != "$(basename "$real")" ]; then
      ln -sf "$(basename "$real")" "$libraries/$link"
    fi
  done
done
rm -f "$libraries"/libz.so* "$libraries"/libpng*.so* "$libraries"/libjpeg*.so* # the archives are taken instead

dangling=$(find "$prefix" -xtype l)
if [ -n "$dangling" ]; then
  echo "make_prefix.sh: links without a target:" "$dangling" >&2
  exit 1
fi
du -sh "$prefix"
