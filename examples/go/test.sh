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
. "$here/../clients.sh"

sources=$scratch/go/src/example.com/rmdd-client
mkdir -p "$sources"
cp "$here"/{main.go,go.mod} "$sources"
cp -r "$here/../../proto" "$scratch/go/src/proto"
cd "$sources"
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

start_rmdd
client=("$scratch/client" -target "$target")
expect 0 "RMD0001410: ACCEPT LISTED: " -caller-id +12125550100 RMD0001410 0012897441
expect 1 "0041000009: REFUSE NOT_LISTED: " RMD0001410 0041000009
expect 1 "TG-Acme-1: REFUSE ROLE_NOT_CERTIFIED: " TG-Acme-1
expect 0 "TG-Acme-1: ACCEPT EMERGENCY_CALL: " -emergency TG-Acme-1
expect 2 "TG-Nobody: no verdict: PEER_UNKNOWN: " TG-Nobody
stop_rmdd
expect 2 "RMD0001410: no verdict: Unavailable: " RMD0001410
echo "Go: all answers were as they should be ($(go version))"
