#!/usr/bin/env bash
# The Python client against a real rmdd: accepted, refused, to 911, and without a verdict.
#
#     test.sh [RMDD]     the program to test; target/debug/rmdd if it is not named
#
# It needs python3 with its venv module, and PyPI for the packages. VENV names an environment to keep them in.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rmdd=$(realpath "${1:-$here/../../target/debug/rmdd}")
scratch=$(mktemp -d)
daemon=
finish() {
  if [ -n "$daemon" ]; then
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  rm -rf "$scratch"
}
trap finish EXIT
fail() {
  echo "FAILED: $*"
  cat "$scratch"/*.log
  exit 1
}

venv=${VENV:-$scratch/venv}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"

RMDD_HTTP__LISTEN=off "$rmdd" serve --state-dir "$scratch/state" --source "$here/../listing.csv" \
  --grpc-listen 127.0.0.1:0 >"$scratch/rmdd.out" 2>"$scratch/rmdd.log" &
daemon=$!
deadline=$((SECONDS + 60))
until "$rmdd" --state-dir "$scratch/state" check RMD0001410 >/dev/null 2>&1; do
  ((SECONDS < deadline)) || fail "rmdd answers nothing"
  sleep 0.05
done
target=$(sed -n 's/^listening on \([^ ]*\) (gRPC: queries)$/\1/p' "$scratch/rmdd.out")
"$rmdd" --state-dir "$scratch/state" peers add TG-Acme-1 RMD0001410 --role gateway >/dev/null

# expect STATUS TEXT ARGUMENT...
expect() {
  local status=$1 text=$2 got=0
  shift 2
  "$venv/bin/python" "$here/client.py" --target "$target" "$@" >"$scratch/said.log" 2>&1 || got=$?
  cat "$scratch/said.log"
  [ "$got" = "$status" ] || fail "$* ended with $got and not with $status"
  grep -qF "$text" "$scratch/said.log" || fail "$* did not say $text"
}
expect 0 "RMD0001410: ACCEPT LISTED: " RMD0001410 0012897441 --caller-id +12125550100
expect 1 "0041000009: REFUSE NOT_LISTED: " RMD0001410 0041000009
expect 1 "TG-Acme-1: REFUSE ROLE_NOT_CERTIFIED: " TG-Acme-1
expect 0 "TG-Acme-1: ACCEPT LISTED: " TG-Acme-1 --role voice_service
expect 0 "TG-Acme-1: ACCEPT EMERGENCY_CALL: " TG-Acme-1 --emergency
expect 2 "TG-Nobody: no verdict: PEER_UNKNOWN: " TG-Nobody
kill "$daemon"
wait "$daemon" || true
daemon=
expect 2 "RMD0001410: no verdict: UNAVAILABLE: " RMD0001410
echo "Python: all answers were as they should be"
