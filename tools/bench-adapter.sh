#!/bin/bash
# Pylon behind a benchmark runner: one worker, one catch-all route, nothing that is not asked for.
#   bench-adapter.sh start PORT UPSTREAM_PORT    returns when it proxies 127.0.0.1:PORT
#   bench-adapter.sh stop
#   bench-adapter.sh prepare PORT UPSTREAM_PORT  as start, but leaves it stopped (for profilers)
# Environment:
#   BENCH_DIR            scratch folder (default: build/bench)
#   PYLON_BINARY         default: build/release/pylon
#   BENCH_TLS_PORT       serve TLS there too, with the PEM files BENCH_CERT and BENCH_KEY
#   PYLON_BENCH_LOG=on   write the access log
#   PYLON_BENCH_PLUGINS  of the route: prometheus, limit-count, key-auth, separated by commas.
#                        key-auth takes the Host field as its key, which every client sends.
# Uses PORT + 3 for the Admin API and PORT + 4 for the metrics. CPU affinity is inherited.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
pylon=${PYLON_BINARY:-$root/build/release/pylon}
last=$root/build/bench.last # where the running one lives, for `stop`
key=bench-admin-key

write_config() { # write_config PORT TLS_PORT
  mkdir -p "$dir/conf"
  cat >"$dir/conf/config.yaml" <<YAML
apisix:
  node_listen: [{ip: 127.0.0.1, port: $1}]
  enable_control: false
  ssl: {enable: $tls, fallback_sni: bench, listen: [{ip: 127.0.0.1, port: $2}]}
nginx_config:
  worker_processes: 1
  error_log_level: error
  http:
    enable_access_log: $([ "${PYLON_BENCH_LOG:-off}" = on ] && echo true || echo false)
    keepalive_timeout: 600s
    client_header_timeout: 600s
    client_body_timeout: 600s
    send_timeout: 600s
    upstream: {keepalive: 512, keepalive_requests: 100000000, keepalive_timeout: 600s}
deployment:
  admin:
    admin_listen: {ip: 127.0.0.1, port: $admin_port}
    admin_key: [{name: bench, key: $key, role: admin}]
plugin_attr:
  prometheus: {export_addr: {ip: 127.0.0.1, port: $metrics_port}}
pylon:
  stop_timeout: 1s
YAML
}

put() { # put PATH JSON
  local answer
  answer=$(curl -sS --fail-with-body -X PUT -H "X-API-KEY: $key" -d "$2" \
    "http://127.0.0.1:$admin_port/apisix/admin/$1") && return
  echo "PUT $1: $answer" >&2
  "$pylon" stop --prefix "$dir" >/dev/null
  return 1
}

plugins_json() {
  local name json=""
  for name in $(echo "${PYLON_BENCH_PLUGINS:-}" | tr , ' '); do
    case $name in
      prometheus) json="$json,\"prometheus\":{}" ;;
      key-auth) json="$json,\"key-auth\":{\"header\":\"Host\"}" ;;
      limit-count)
        json="$json,\"limit-count\":{\"count\":2000000000,\"time_window\":3600,"
        json="$json\"rejected_code\":429,\"key\":\"remote_addr\",\"policy\":\"local\"}"
        ;;
      *) echo "no such plugin here: $name" >&2; exit 2 ;;
    esac
  done
  echo "{${json#,}}"
}

put_certificate() {
  local body
  body=$(python3 -c 'import json, sys
cert, key = (open(name).read() for name in sys.argv[1:])
print(json.dumps({"cert": cert, "key": key, "snis": ["*"]}))' "$BENCH_CERT" "$BENCH_KEY")
  put ssls/1 "$body"
}

# The store is filled before PORT is open: whoever finds it open is proxied.
prepare() { # prepare PORT UPSTREAM_PORT
  local plugins
  plugins=$(plugins_json)
  rm -rf "$dir/data"
  write_config $((port + 5)) $((port + 6))
  "$pylon" start --prefix "$dir" >/dev/null
  put consumers/bench \
    "{\"username\":\"bench\",\"plugins\":{\"key-auth\":{\"key\":\"bench.example\"}}}"
  put routes/1 "{\"uri\":\"/*\",\"plugins\":$plugins,
    \"upstream\":{\"type\":\"roundrobin\",\"nodes\":{\"127.0.0.1:$1\":1}}}"
  if [ "$tls" = true ]; then put_certificate; fi
  "$pylon" stop --prefix "$dir" >/dev/null
  write_config "$port" "${BENCH_TLS_PORT:-$((port + 6))}"
}

stop() {
  [ -f "$last" ] || return 0
  "$pylon" stop --prefix "$(cat "$last")" >/dev/null 2>&1 || true
  rm -f "$last"
}

case "${1:-}" in
  start | prepare)
    tls=$([ -n "${BENCH_TLS_PORT:-}" ] && echo true || echo false)
    port=$2 admin_port=$(($2 + 3)) metrics_port=$(($2 + 4))
    dir=${BENCH_DIR:-$root/build/bench}
    mkdir -p "$dir" "$root/build"
    stop
    prepare "$3"
    if [ "$1" = start ]; then
      echo "$dir" >"$last"
      "$pylon" start --prefix "$dir"
    fi
    ;;
  stop) stop ;;
  *) sed -n '2,15p' "$0" >&2; exit 2 ;;
esac
