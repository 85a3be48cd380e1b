#!/bin/sh
# Installs what is missing, builds a release and starts the gateway in the foreground.
#   ./run.sh               build and start, configuration conf/config.yaml
#   ./run.sh --build-only  build only: the binary is build/release/pylon
set -eu
cd "$(dirname "$0")"

case "${1:-}" in
  "" | --build-only) ;;
  *) echo "usage: ./run.sh [--build-only]" >&2; exit 2 ;;
esac

tools/deps.sh install
echo "building build/release/pylon"
cmake --preset release >build-release.log 2>&1 || { cat build-release.log >&2; exit 1; }
rm -f build-release.log
cmake --build --preset release --target pylon
[ "${1:-}" = --build-only ] && exit 0

[ -f conf/config.yaml ] || build/release/pylon init
exec build/release/pylon start --foreground
