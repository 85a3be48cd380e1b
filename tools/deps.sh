#!/bin/sh
# The Debian packages that Pylon needs, in one list.
#   tools/deps.sh               prints those that are missing
#   tools/deps.sh install       installs them
#   tools/deps.sh install test  with what only the checks need
set -eu

BUILD="g++ cmake ninja-build pkg-config ccache mold curl
  libcli11-dev libexpected-dev libfmt-dev libjemalloc-dev libnghttp2-dev libpcre2-dev
  libprotobuf-dev libprotoc-dev
  libre2-dev libsimdjson-dev libsqlite3-dev libssl-dev libxxhash-dev libyaml-dev"
TEST="clang clang-format libclang-rt-dev libbenchmark-dev libgmock-dev libgtest-dev
  dnsmasq-base etcd-client etcd-server git haproxy libnginx-mod-stream mosquitto mosquitto-clients
  nghttp2-client nghttp2-server nginx openssl
  prometheus protobuf-compiler python3 python3-cryptography python3-grpcio python3-h11 python3-h2
  python3-protobuf python3-pytest python3-websockets python3-yaml rsyslog wrk"
# A Node from elsewhere brings npm, and excludes Debian's.
command -v npm >/dev/null || TEST="$TEST nodejs npm"

names=$BUILD
for word in "$@"; do [ "$word" = test ] && names="$BUILD $TEST"; done

missing=
for name in $names; do
  status=$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null) || status=
  [ "$status" = "install ok installed" ] || missing="$missing $name"
done
[ -z "$missing" ] && exit 0

if [ "${1:-}" != install ]; then
  echo "$missing"
  exit 0
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
  sudo=sudo
  command -v sudo >/dev/null || {
    echo "missing packages:$missing (run this as root, or install sudo)" >&2
    exit 1
  }
fi
echo "installing:$missing"
$sudo apt-get update -qq
# Runlevel 1: the services that come with packages are not started, they would take our ports.
$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
  apt-get install -y -qq --no-install-recommends $missing >/dev/null
