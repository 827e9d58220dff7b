#!/usr/bin/env bash
# The Go client against a real rmdd: accepted, refused, to 911, and without a verdict.
#
#     test.sh [RMDD]     the program to test; target/debug/rmdd if it is not named
#
# It needs go, protoc, protoc-gen-go and protoc-gen-go-grpc, and what go.mod names: from a module proxy or the module cache,
# or as Debian's packages (golang-google-grpc-dev and golang-google-genproto-dev, of Debian unstable). It says so with exit
# status 77 if it lacks one of these.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rmdd=$(realpath "${1:-$here/../../target/debug/rmdd}")
for program in go protoc protoc-gen-go protoc-gen-go-grpc; do
  command -v "$program" >/dev/null || { echo "$program is not here"; exit 77; }
done
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

client=$scratch/go/src/example.com/rmdd-client
mkdir -p "$client"
cp "$here"/{main.go,go.mod} "$client"
cp -r "$here/../../proto" "$scratch/go/src/proto"
cd "$client"
if [ -d /usr/share/gocode/src/google.golang.org/grpc ]; then
  export GO111MODULE=off GOPATH=$scratch/go:/usr/share/gocode
elif ! go mod download >"$scratch/modules.log" 2>&1; then
  echo "the modules are not here: $(tail -n 1 "$scratch/modules.log")"
  exit 77
fi
go generate
[ "${GO111MODULE:-}" = off ] || go mod tidy
go vet .
go build -o "$scratch/client" .

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
  "$scratch/client" -target "$target" "$@" >"$scratch/said.log" 2>&1 || got=$?
  cat "$scratch/said.log"
  [ "$got" = "$status" ] || fail "$* ended with $got and not with $status"
  grep -qF "$text" "$scratch/said.log" || fail "$* did not say $text"
}
expect 0 "RMD0001410: ACCEPT LISTED: " -caller-id +12125550100 RMD0001410 0012897441
expect 1 "0041000009: REFUSE NOT_LISTED: " RMD0001410 0041000009
expect 1 "TG-Acme-1: REFUSE ROLE_NOT_CERTIFIED: " TG-Acme-1
expect 0 "TG-Acme-1: ACCEPT EMERGENCY_CALL: " -emergency TG-Acme-1
expect 2 "TG-Nobody: no verdict: PEER_UNKNOWN: " TG-Nobody
kill "$daemon"
wait "$daemon" || true
daemon=
expect 2 "RMD0001410: no verdict: Unavailable: " RMD0001410
echo "Go: all answers were as they should be ($(go version))"
