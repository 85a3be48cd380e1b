#!/bin/bash
# Runs everything that CI runs: ./test.sh, or some steps by name: ./test.sh style unit gateway
#   style    layers, lengths, format
#   unit     debug build, unit tests
#   docs     generated pages are current
#   gateway  release build, the whole gateway against real peers (pytest)
#   asan     unit tests and a gateway under AddressSanitizer and UBSan
#   tsan     the same under ThreadSanitizer, the rooms that threads share, two workers
#   fuzz     each fuzzer for FUZZ_SECONDS (60), from tests/seeds and what it found before; those of
#            what every request or change goes through for FUZZ_CORE_SECONDS (the same)
# The last line counts the cases of all steps; what a step printed stands in build/logs/.
set -u
cd "$(dirname "$0")" || exit 1
ALL="style unit docs gateway asan tsan fuzz"
STEPS=${*:-$ALL}
LOGS=build/logs
JOBS=$(nproc)
mkdir -p "$LOGS"
passed=0 failed=0 broken=""

# The cases in a log: those of GoogleTest and of pytest; a step without any is one case itself.
count_cases() {
  awk -v status="$2" '
    match($0, /\[  (PASSED|FAILED)  \] [0-9]+ test/) {
      split(substr($0, RSTART, RLENGTH), word, " ")
      n[word[2]] += word[4]
    }
    / in [0-9.]+s/ && match($0, /[0-9]+ passed/) { n["PASSED"] += substr($0, RSTART) }
    / in [0-9.]+s/ && match($0, /[0-9]+ failed/) { n["FAILED"] += substr($0, RSTART) }
    / in [0-9.]+s/ && match($0, /[0-9]+ errors?/) { n["FAILED"] += substr($0, RSTART) }
    END {
      if (status && !n["FAILED"]) n["FAILED"] = 1
      if (!status && !n["PASSED"]) n["PASSED"] = 1
      print n["PASSED"] + 0, n["FAILED"] + 0
    }' "$1"
}

# step NAME: runs the function of that name, shows its last lines, and more where it failed.
step() {
  local name=$1 start=$SECONDS status=0 good bad
  echo "== $name"
  "$name" >"$LOGS/$name.log" 2>&1 || status=1
  read -r good bad < <(count_cases "$LOGS/$name.log" $status)
  passed=$((passed + good)) failed=$((failed + bad))
  if [ $status -eq 0 ]; then
    grep -E "^(skipped|layers|tidy|format)" "$LOGS/$name.log"
    echo "== $name: $good passed in $((SECONDS - start)) s"
  else
    broken="$broken $name"
    tail -n 150 "$LOGS/$name.log"
    echo "== $name: FAILED ($bad) after $((SECONDS - start)) s, all of it in $LOGS/$name.log"
  fi
}

build() {  # build PRESET [targets...]
  local preset=$1
  shift
  cmake --preset "$preset" && cmake --build --preset "$preset" ${1:+--target "$@"}
}

targets() {  # targets PRESET PATTERN: the names of its targets that fit
  ninja -C "build/$1" -t targets all | sed -nE "s/^($2): .*/\1/p" | sort -u
}

unit_tests() { ctest --test-dir "build/$1" --verbose --no-tests=error -j "$JOBS"; }

style() {
  local status=0
  tools/check_layers.py || status=1
  tools/tidy.py || status=1
  tools/check_format.sh || status=1
  return $status
}

unit() { build debug && unit_tests debug; }

docs() {
  build release pylon || return 1
  local pylon=build/release/pylon status=0
  $pylon help config | diff -u docs/configuration.md - || status=1
  $pylon help plugins | diff -u docs/plugins.md - || status=1
  tools/check_links.py || status=1
  return $status
}

# gateway_tests PRESET ARGS...: pytest with the binary of that preset. A case that fails is run once
# more: timing on a busy machine is no fault, and the log tells of it.
gateway_tests() {
  local preset=$1 first=$LOGS/$1-first.log
  shift
  local -x PYLON_BINARY=$PWD/build/$preset/pylon
  local pytest="/usr/bin/python3 -m pytest -q -o cache_dir=$PWD/build/pytest"
  if $pytest "$@" >"$first" 2>&1; then
    cat "$first"
    return 0
  fi
  grep -aE "^(FAILED|ERROR) " "$first" | sed "s/^/first run: /"
  $pytest "$@" --last-failed --last-failed-no-failures none
}

gateway() { build release pylon && gateway_tests release tests; }

# sanitized PRESET ARGS...: the gateway's tests with that preset; each report is a failure, also
# when the supervisor's next process hid it from the tests. Times are not those of users.
sanitized() {
  local folder=$PWD/build/pytest-$1 status=0
  rm -rf "$folder" && mkdir -p "$folder"
  local -x PYTEST_DEBUG_TEMPROOT=$folder # keeps the folders of both runs
  gateway_tests "$@" -k "not quickly" || status=1
  grep -raE -A 30 "runtime error:|Sanitizer: " --include=output.log "$folder" && status=1
  return $status
}

asan() {
  build asan && unit_tests asan && sanitized asan tests/http1 tests/gateway/test_process.py
}

SHARED_ROOMS="net|tls|observe|snapshot|upstream|plugins|store|stream|gateway"
tsan() {
  cmake --preset tsan || return 1
  local name names status=0
  names=$(targets tsan "($SHARED_ROOMS)_test")
  cmake --build --preset tsan --target $names || return 1
  for name in $names; do "build/tsan/$name" --gtest_brief=1 || status=1; done
  build tsan pylon || return 1
  sanitized tsan tests/gateway/test_{routing,admin,process,tls,stream}.py || status=1
  return $status
}

CORE_FUZZERS=" http_parser_fuzz http_body_decoder_fuzz http_uri_fuzz base_json_fuzz base_yaml_fuzz "
run_fuzzer() {
  local name=$1 corpus=build/corpus/$1 seeds=tests/seeds/$1 seconds=${FUZZ_SECONDS:-60}
  [[ $CORE_FUZZERS != *" $name "* ]] || seconds=${FUZZ_CORE_SECONDS:-$seconds}
  mkdir -p "$corpus"
  "build/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
    -verbosity=0 -artifact_prefix="$corpus." "$corpus" "$seeds" >"$LOGS/$name.log" 2>&1 &&
    echo "$name: 1 passed in 0s" && return 0
  tail -n 60 "$LOGS/$name.log"
  echo "$name: 1 failed in 0s"
  return 1
}

fuzz() {
  cmake --preset fuzz || return 1
  local name names status=0
  names=$(targets fuzz "[a-z0-9_]+_fuzz" | grep -v "^cmake_")
  cmake --build --preset fuzz --target $names || return 1
  for name in $names; do
    run_fuzzer "$name" &
    [ "$(jobs -rp | wc -l)" -lt "$JOBS" ] || wait -n || status=1
  done
  while [ -n "$(jobs -p)" ]; do wait -n || status=1; done
  return $status
}

for name in $STEPS; do
  case " $ALL " in
    *" $name "*) ;;
    *) echo "unknown step $name: one of $ALL" >&2; exit 2 ;;
  esac
done
tools/deps.sh install test || exit 1
for name in $STEPS; do step "$name"; done
echo
[ -z "$broken" ] || echo "steps that failed:$broken"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
