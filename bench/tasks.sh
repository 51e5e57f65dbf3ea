#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Trains and measures every task of docs/results.md and writes that page: bench/tasks.sh --help.
set -eu
exec python3 -B "$(dirname "$(readlink -f "$0")")/tasks.py" "$@"
