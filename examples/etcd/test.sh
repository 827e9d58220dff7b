#!/usr/bin/env bash
# A real etcd with TLS, users and roles, as certificates.sh and roles.sh make them; and three real sites of rmdd in it: a fetcher
# that founds the fleet, an operator that puts a record, a reader that follows and may change nothing.
#
#     test.sh [RMDD]     the program to test; target/debug/rmdd if it is not named
#
# It needs etcd, etcdctl and openssl (etcd: on the path, or unpacked under target/tools/etcd), and says so with exit status 77 if
# it lacks one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
rmdd=$(realpath "${1:-$root/target/debug/rmdd}")
PATH="$root/target/tools/etcd/usr/bin:$PATH"
for tool in etcd etcdctl openssl python3; do
  command -v "$tool" >/dev/null || { echo "left out: $tool is not here"; exit 77; }
done

scratch=$(mktemp -d)
started=()
finish() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$scratch"
}
trap finish EXIT

failed() { echo "FAILED: $*"; tail -n 20 "$scratch"/*.log 2>/dev/null; exit 1; }
# soon WHAT COMMAND...: the command comes to succeed within two minutes.
soon() {
  local what=$1 deadline=$((SECONDS + 120))
  shift
  until "$@" >"$scratch/soon" 2>&1; do
    [ $SECONDS -lt $deadline ] || { cat "$scratch/soon"; failed "$what"; }
    sleep 0.2
  done
}
refused() { ! "$@" >"$scratch/refused" 2>&1 && grep -q "permission denied" "$scratch/refused"; }

ports=$(python3 -c '
import socket
held = [socket.socket() for _ in range(2)]
for each in held: each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in held))')
client=${ports% *} peer=${ports#* }

keys=$scratch/keys
"$here/certificates.sh" authority "$keys"
"$here/certificates.sh" member "$keys" member localhost 127.0.0.1
for name in root nyc1 chi1 sea1; do "$here/certificates.sh" site "$keys" "$name"; done

etcd --name m0 --data-dir "$scratch/etcd" --logger zap --log-level error \
  --listen-client-urls "https://127.0.0.1:$client" --advertise-client-urls "https://127.0.0.1:$client" \
  --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
  --initial-cluster "m0=http://127.0.0.1:$peer" \
  --cert-file "$keys/member.pem" --key-file "$keys/member.key" --trusted-ca-file "$keys/ca.pem" --client-cert-auth \
  >"$scratch/etcd.log" 2>&1 &
started+=($!)

export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=https://127.0.0.1:$client ETCDCTL_CACERT=$keys/ca.pem
as() { local user=$1; shift; ETCDCTL_CERT=$keys/$user.pem ETCDCTL_KEY=$keys/$user.key "$@"; }
soon "etcd does not start" as root etcdctl endpoint health
as root "$here/roles.sh" fleet east
as root "$here/roles.sh" site east nyc1 fetcher
as root "$here/roles.sh" site east chi1 fetcher
# A rank is taken away again, and what is there already does no harm.
as root "$here/roles.sh" site east chi1 operator
as root "$here/roles.sh" site east sea1 reader
as root "$here/roles.sh" fleet east
as root "$here/roles.sh" enable

for key in listing/head fetcher fleet records/head ask/1 site/nyc1 alive/nyc1; do
  refused as sea1 etcdctl put "/rmdd/east/$key" x || failed "a reader may write $key"
  as sea1 etcdctl get "/rmdd/east/$key" >/dev/null || failed "a reader may not read $key"
done
for key in listing/head fetcher fleet site/nyc1; do
  refused as chi1 etcdctl put "/rmdd/east/$key" x || failed "an operator may write $key"
done
for key in site/sea1 alive/sea1; do
  as sea1 etcdctl put "/rmdd/east/$key" x >/dev/null && as sea1 etcdctl del "/rmdd/east/$key" >/dev/null
done
refused as nyc1 etcdctl get /rmdd/west/fleet || failed "a site of one fleet may read another"
refused as nyc1 etcdctl user add mallory --no-password || failed "a fetcher may make users"
echo "good: each role may do what it should, and no more"

# site NAME: its configuration.
site() {
  mkdir -p "$scratch/$1"
  cat >"$scratch/$1.toml" <<TOML
source = "$root/examples/listing.csv"
state_dir = "$scratch/$1"
[grpc]
listen = "off"
[http]
listen = "off"
[fleet]
name = "east"
engine = ["https://127.0.0.1:$client"]
site = "$1"
fetches = $2
[fleet.tls]
ca = "$keys/ca.pem"
certificate = "$keys/$1.pem"
key = "$keys/$1.key"
TOML
}
ask() { local at=$1; shift; "$rmdd" --config "$scratch/$at.toml" "$@"; }
# The program itself, and no function: what is killed at the end is it.
serve() { "$rmdd" --config "$scratch/$1.toml" serve >"$scratch/$1.log" 2>&1 & started+=($!); }
site nyc1 true
site chi1 false
site sea1 false
ask nyc1 config check >/dev/null
ask nyc1 fleet init
for name in nyc1 chi1 sea1; do serve "$name"; done

current() { [ "$(ask "$1" fleet status --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["state"])')" = current ]; }
for name in nyc1 chi1 sea1; do soon "$name does not follow" current "$name"; done
ask chi1 peers add TG-1 RMD0001410 --role voice_service >/dev/null || failed "an operator may put no record"
lists() { ask "$1" peers list >"$scratch/peers" && grep -q TG-1 "$scratch/peers"; }
soon "the record does not come to the reader" lists sea1
! ask sea1 peers remove TG-1 >"$scratch/refused" 2>&1 || failed "a reader may change records"
cat "$scratch/refused"
soon "the record is not at the fetcher" lists nyc1
ask sea1 fleet status || true
grep -q "see which role the user of this site's certificate has" "$scratch/refused" || failed "why a reader may not is not said"
echo "good: a fetcher, an operator and a reader, each with a certificate of its own"

# A reader that takes itself for one that may fetch: nobody fetches, it says why, and it follows all the same.
sed -i 's/^fetches = false/fetches = true/' "$scratch/sea1.toml"
kill "${started[3]}" && wait "${started[3]}" || true
serve sea1
soon "the reader does not follow" current sea1
kill "${started[1]}" && wait "${started[1]}" || true
says_why() { grep -q "this site may not: the role of its user in etcd does not permit it" "$scratch/sea1.log"; }
soon "the reader does not say that it may not fetch" says_why
current sea1 || failed "the reader follows no longer"
# Its exit status is of the alarms, too.
shows() { { ask sea1 fleet status || true; } >"$scratch/shown" && grep -q "$1" "$scratch/shown"; }
soon "somebody fetches" shows "nobody fetches"
! ask sea1 sync >"$scratch/refused" 2>&1 || failed "a reader may have others sync"
cat "$scratch/refused"
grep -q "does not permit it" "$scratch/refused" || failed "why a reader may not have others sync is not said"
serve nyc1
soon "the fetcher does not fetch again" shows "nyc1 fetches"
echo "good: a reader that is to fetch says that it may not, and leaves it to others"

# A fetcher whose role is taken away while it fetches leaves that to another, though its lease would live on.
kill "${started[2]}" && wait "${started[2]}" || true
as root "$here/roles.sh" site east chi1 fetcher >/dev/null
sed -i 's/^fetches = false/fetches = true/' "$scratch/chi1.toml"
serve chi1
soon "the second fetcher does not follow" current chi1
as root "$here/roles.sh" site east nyc1 operator >/dev/null
# What it fetches it may not tell.
ask nyc1 sync >"$scratch/untold" 2>&1 || true
soon "nobody takes over from a fetcher that may not" shows "chi1 fetches"
as root "$here/roles.sh" site east nyc1 fetcher >/dev/null
as root "$here/roles.sh" remove chi1 >/dev/null
soon "nobody takes over from a site that was shut out" shows "nyc1 fetches"
echo "good: a fetcher that may not any more leaves it to another"
