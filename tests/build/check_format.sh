#!/bin/sh
# SPDX-License-Identifier: MIT
# check_format.sh ROOT CLANG_FORMAT: are all sources as clang-format 14 writes them?
set -eu
root=$1
clang_format=$2
# Other versions break lines in other places. 77 means: not tested.
case $("$clang_format" --version) in
  *' 14.'*) ;;
  *)
    echo "not clang-format 14: $("$clang_format" --version)"
    exit 77
    ;;
esac
cd "$root"
find include kernels host tests bench examples -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' |
  sort | xargs "$clang_format" --dry-run --Werror
