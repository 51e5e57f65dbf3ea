#!/bin/sh
# SPDX-License-Identifier: MIT
# check_headers.sh ROOT COMPILER...: does every public header compile alone, without warnings, and
# does it begin with a clear error where the language is too old?
set -eu
root=$1
shift
status=0
count=0
for compiler in "$@"; do
  for header in "$root"/include/vae/*.h; do
    name=vae/$(basename "$header")
    count=$((count + 1))
    # Included twice: #pragma once is tested too.
    printf '#include "%s"\n#include "%s"\n' "$name" "$name" |
      "$compiler" -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Werror -I"$root/include" \
        -x c++ - || {
      echo "$compiler: $name does not compile alone"
      status=1
    }
    printf '#include "%s"\n' "$name" |
      "$compiler" -std=c++17 -E -I"$root/include" -x c++ - 2>&1 >/dev/null |
      grep -m 1 'error:' | grep -q 'vae needs C++20: compile with -std=c++20' || {
      echo "$compiler: $name as C++17 does not begin with an error that asks for C++20"
      status=1
    }
  done
done
echo "$count compilations"
[ "$count" -gt 0 ] || status=1
exit "$status"
