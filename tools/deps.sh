#!/bin/sh
# The Debian packages that Pylon needs: `deps.sh` prints those that are missing, `deps.sh install`
# installs them. With `test` as last word also what only the checks need.
set -eu

BUILD="g++ cmake ninja-build pkg-config ccache mold libexpected-dev libfmt-dev libsimdjson-dev libyaml-dev
  libre2-dev libpcre2-dev libsqlite3-dev libxxhash-dev libssl-dev libcli11-dev curl"
TEST="libgtest-dev libgmock-dev clang libclang-rt-14-dev clang-format nginx prometheus
  python3 python3-pytest python3-h11 python3-yaml openssl"

names=$BUILD
for word in "$@"; do [ "$word" = test ] && names="$BUILD $TEST"; done

missing=
for name in $names; do
  dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q "ok installed" || missing="$missing $name"
done
[ -z "$missing" ] && exit 0

if [ "${1:-}" != install ]; then
  echo "$missing"
  exit 0
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "missing packages:$missing (run as root, or install sudo)" >&2; exit 1; }
  sudo=sudo
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# Services that packages would start are none of ours.
$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq $missing >/dev/null
