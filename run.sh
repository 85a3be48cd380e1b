#!/bin/sh
# Installs what is missing, builds a release and starts the gateway in the foreground.
#   ./run.sh               build and start with conf/config.yaml (written at the first start)
#   ./run.sh --build-only  build only: the binary is build/release/pylon
set -eu
cd "$(dirname "$0")"

case "${1:-}" in
  "" | --build-only) ;;
  *) echo "usage: ./run.sh [--build-only]" >&2; exit 2 ;;
esac

tools/deps.sh install
echo "building build/release/pylon"
mkdir -p build
cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log >&2; exit 1; }
cmake --build --preset release --target pylon
[ "${1:-}" = --build-only ] && exit 0

[ -f conf/config.yaml ] || build/release/pylon init
exec build/release/pylon start --foreground
