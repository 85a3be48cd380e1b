#!/bin/bash
# Pylon behind a runner of APISIX's own tests.
#   conformance-adapter.sh start CONFIG_YAML [APISIX_YAML]
#   conformance-adapter.sh stop
#   conformance-adapter.sh reset    forget all stored resources
# The state lies in $PYLON_CONFORMANCE_DIR (default: build/conformance) and lasts across starts.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
pylon=${PYLON_BINARY:-$root/build/release/pylon}
dir=${PYLON_CONFORMANCE_DIR:-$root/build/conformance}
mkdir -p "$dir/conf" "$dir/logs"

stop() {
  [ ! -f "$dir/logs/pylon.pid" ] || "$pylon" stop --prefix "$dir" >/dev/null 2>&1 || true
}

# The runner's configuration wants an etcd; the embedded store stands in for it. Its tests expect
# answers at once after a stop, so nothing is waited for.
take_config() {
  sed -E 's/^(\s*config_provider:\s*)"?etcd"?\s*$/\1embedded/' "$1" >"$dir/conf/config.yaml"
  printf '\npylon: {stop_timeout: 500ms}\n' >>"$dir/conf/config.yaml"
}

case "${1:-}" in
  start)
    stop
    take_config "$2"
    [ -z "${3:-}" ] || cp "$3" "$dir/conf/$(basename "$3")"
    "$pylon" start --prefix "$dir" >"$dir/logs/start.log" 2>&1 || {
      status=$?
      cat "$dir/logs/start.log" >&2
      exit $status
    }
    ;;
  stop) stop ;;
  reset)
    stop
    rm -rf "$dir/data"
    ;;
  *) sed -n '2,6p' "$0" >&2; exit 2 ;;
esac
