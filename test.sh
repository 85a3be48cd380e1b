#!/bin/bash
# Runs everything that CI runs: ./test.sh, or some steps by name: ./test.sh style unit gateway
#   style    layers, lengths, format
#   unit     debug build, unit tests
#   gateway  release build, the whole gateway against real peers (pytest)
#   asan     unit tests under AddressSanitizer and UBSan
#   tsan     unit tests of the rooms that threads share, under ThreadSanitizer
#   fuzz     each fuzzer for FUZZ_SECONDS (60)
set -u
cd "$(dirname "$0")"
ALL="style unit gateway asan tsan fuzz"
STEPS=${*:-$ALL}
LOGS=build/logs
mkdir -p "$LOGS"
passed=0 failed=0

# step NAME COMMAND...: runs it, shows its last lines, and all of them where it failed.
step() {
  local name=$1 start=$SECONDS
  shift
  echo "== $name"
  if "$@" >"$LOGS/$name.log" 2>&1; then
    passed=$((passed + 1))
    tail -n 2 "$LOGS/$name.log"
    echo "== $name: passed in $((SECONDS - start)) s"
  else
    failed=$((failed + 1))
    tail -n 150 "$LOGS/$name.log"
    echo "== $name: FAILED after $((SECONDS - start)) s, all of it in $LOGS/$name.log"
  fi
}

build() {  # build PRESET [targets...]
  local preset=$1
  shift
  cmake --preset "$preset" && cmake --build --preset "$preset" ${1:+--target "$@"}
}

style() { tools/check_layers.py src src/layers.txt && tools/tidy.py && tools/check_format.sh; }

unit() { build debug && ctest --test-dir build/debug --output-on-failure -j 2; }

gateway() {
  build release pylon &&
    PYLON_BINARY=$PWD/build/release/pylon /usr/bin/python3 -m pytest tests -q -p no:cacheprovider
}

asan() { build asan && ctest --test-dir build/asan --output-on-failure -j 2; }

SHARED_ROOMS="net_test observe_test snapshot_test plugins_test store_test"
tsan() {
  cmake --preset tsan || return 1
  local tests
  tests=$(ninja -C build/tsan -t targets all | grep -oE "^($(echo $SHARED_ROOMS | tr ' ' '|')):" | tr -d :)
  cmake --build --preset tsan --target $tests || return 1
  for test in $tests; do build/tsan/"$test" --gtest_brief=1 || return 1; done
}

fuzz() {
  build fuzz || return 1
  local status=0
  for fuzzer in build/fuzz/*_fuzz; do
    local corpus=build/corpus/$(basename "$fuzzer")
    mkdir -p "$corpus"
    echo "$fuzzer"
    "$fuzzer" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -verbosity=0 "$corpus" >"$corpus.log" 2>&1 &
    [ "$(jobs -rp | wc -l)" -ge 2 ] && { wait -n || status=1; }
  done
  while [ -n "$(jobs -rp)" ]; do wait -n || status=1; done
  [ "$status" -eq 0 ] || grep -lE "ERROR|SUMMARY" build/corpus/*.log | xargs tail -n 60
  return "$status"
}

tools/deps.sh install test || exit 1
for name in $STEPS; do
  case " $ALL " in
    *" $name "*) step "$name" "$name" ;;
    *) echo "unknown step $name: one of $ALL" >&2; exit 2 ;;
  esac
done
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
