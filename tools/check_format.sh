#!/bin/sh
# Fails when a file of src/ is not as clang-format would have it; `check_format.sh fix` mends them.
cd "$(dirname "$0")/.." || exit 1
mode="--dry-run -Werror"
[ "${1:-}" = fix ] && mode=-i
find src -name '*.h' -o -name '*.cc' | xargs clang-format $mode && echo "format: as it should be"
