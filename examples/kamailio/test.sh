#!/usr/bin/env bash
# A real switch: SIPp -> Kamailio with rmdd.cfg, which asks a real rmdd -> SIPp. Shows accepted, refused and emergency calls,
# and what happens while rmdd is down or hangs. Everything is on loopback, on ports that are free, in a directory of its own.
#
#     test.sh [RMDD]     the program to test; target/debug/rmdd if it is not named
#
# It needs kamailio with its http_client module, sipp, curl and python3, and says so with exit status 77 if it lacks one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rmdd=$(realpath "${1:-$here/../../target/debug/rmdd}")

for program in kamailio sipp curl python3; do
  command -v "$program" >/dev/null || { echo "$program is not here"; exit 77; }
done
find /usr/lib*/ -path '*kamailio/modules/http_client.so' 2>/dev/null | grep -q . ||
  { echo "Kamailio's http_client module is not here (Debian: kamailio-extra-modules)"; exit 77; }

scratch=$(mktemp -d)
declare -A running=()
finish() {
  for pid in "${running[@]}"; do
    kill -CONT "$pid" 2>/dev/null || true
    kill "$pid" 2>/dev/null || true
  done
  wait
  rm -rf "$scratch"
}
trap finish EXIT

fail() {
  echo "FAILED: $*"
  tail -n 30 "$scratch"/{rmdd,kamailio,fail_open}.log "$scratch/call-$calls.txt" 2>/dev/null || true
  exit 1
}

# until_so WHAT COMMAND...: waits for something to become so, within bounds.
until_so() {
  local what=$1 deadline=$((SECONDS + 60))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "not within a minute: $what"
    sleep 0.05
  done
}

stop() {
  kill "${running[$1]}"
  wait "${running[$1]}" 2>/dev/null || true
  unset "running[$1]"
}

# So many ports that no UDP and no TCP socket has.
free_ports() {
  python3 - "$1" <<'PY'
import socket, sys
held, found = [], []
while len(found) < int(sys.argv[1]):
    udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
    held += [udp, tcp]
    udp.bind(("", 0))
    try:
        tcp.bind(("", udp.getsockname()[1]))
    except OSError:
        continue
    found.append(udp.getsockname()[1])
print(*found)
PY
}
read -r kamailio_port next_port http_port open_port < <(free_ports 4)

udp_bound() { grep -q ":$(printf %04X "$1") 00000000:0000" /proc/net/udp; }

# A listing of which one filing is taken away again: rmdd has seen it removed.
python3 - "$here/../listing.csv" "$scratch" <<'PY'
import csv, sys
rows = list(csv.reader(open(sys.argv[1], newline="")))
for name, kept in [("before.csv", rows), ("listing.csv", [row for row in rows if row[0] != "RMD0001413"])]:
    csv.writer(open(f"{sys.argv[2]}/{name}", "w", newline="")).writerows(kept)
PY
mv "$scratch/listing.csv" "$scratch/after.csv"
mv "$scratch/before.csv" "$scratch/listing.csv"

ask() { "$rmdd" --state-dir "$scratch/state" "$@"; }

start_rmdd() {
  RMDD_VET__CORROBORATE_AFTER=0s "$rmdd" serve --state-dir "$scratch/state" --source "$scratch/listing.csv" \
    --grpc-listen off --http-listen "127.0.0.1:$http_port" >"$scratch/rmdd.out" 2>>"$scratch/rmdd.log" &
  running[rmdd]=$!
  until_so "rmdd is ready" curl -fs "http://127.0.0.1:$http_port/readyz"
}

# start_kamailio NAME PORT [OPTION...]
start_kamailio() {
  local name=$1 port=$2
  shift 2
  mkdir -p "$scratch/$name"
  cp "$here"/*.cfg "$scratch/$name"
  cat >"$scratch/$name/rmdd-local.cfg" <<LOCAL
#!substdef "!RMDD_ADDRESS!127.0.0.1:$http_port!g"
#!substdef "!NEXT_HOP!sip:127.0.0.1:$next_port!g"
LOCAL
  kamailio -f "$scratch/$name/kamailio.cfg" -DD -E -T -m 32 -Y "$scratch/$name" -l "udp:127.0.0.1:$port" "$@" \
    >"$scratch/$name.log" 2>&1 &
  running[$name]=$!
  until_so "$name listens" udp_bound "$port"
}

calls=0
# call FROM TO SCENARIO [PORT]: one call from an address, and what becomes of it.
call() {
  calls=$((calls + 1))
  printf '%-11s calls %-16s %s: ' "$1" "$2" "${3%.xml}"
  (cd "$scratch" && sipp -sf "$here/sipp/$3" -key ruri "$2" -i "$1" -m 1 -nostdin -timeout 30s -trace_logs \
    -log_file "call-$calls.log" -trace_msg -message_file "call-$calls.txt" "127.0.0.1:${4:-$kamailio_port}") >"$scratch/sipp-$calls.log" 2>&1 ||
    fail "that was not so"
  echo "yes $(tr -d '\r' <"$scratch/call-$calls.log" 2>/dev/null)"
}
accepted() { call "$1" "$2" accepted.xml "${3:-}"; }
refused() { call "$1" "$2" refused.xml; }
no_verdict() { call "$1" "$2" no-verdict.xml; }

start_rmdd
ask peers add 127.0.0.1 RMD0001410 --kind ip --role voice_service >/dev/null
ask peers add 127.0.0.2 RMD0001413 --kind ip >/dev/null
sipp -sn uas -i 127.0.0.1 -p "$next_port" -nostdin -trace_msg -message_file "$scratch/next-hop.txt" \
  >"$scratch/next-hop.log" 2>&1 &
running[next_hop]=$!
until_so "the next hop listens" udp_bound "$next_port"
start_kamailio kamailio "$kamailio_port"

number=sip:+12125550199@127.0.0.1
echo "-- everything runs; the filing of 127.0.0.2 is about to be removed"
accepted 127.0.0.1 "$number"
accepted 127.0.0.2 "$number"
mv "$scratch/after.csv" "$scratch/listing.csv"
ask sync >/dev/null

echo "-- 127.0.0.1 is listed, 127.0.0.2 removed, of 127.0.0.3 nothing is known"
accepted 127.0.0.1 "$number"
refused 127.0.0.2 "$number"
accepted 127.0.0.2 urn:service:sos
accepted 127.0.0.2 sip:911@127.0.0.1
no_verdict 127.0.0.3 "$number"
accepted 127.0.0.3 urn:service:sos.fire

echo "-- rmdd hangs"
kill -STOP "${running[rmdd]}"
no_verdict 127.0.0.1 "$number"
accepted 127.0.0.2 sip:911@127.0.0.1
kill -CONT "${running[rmdd]}"
until_so "rmdd answers again" curl -fs -m 1 "http://127.0.0.1:$http_port/readyz"
refused 127.0.0.2 "$number"

echo "-- rmdd is down"
stop rmdd
no_verdict 127.0.0.1 "$number"
no_verdict 127.0.0.2 "$number"
accepted 127.0.0.2 sip:911@127.0.0.1

echo "-- rmdd is down, and the script says to go on (RMDD_FAIL_OPEN)"
start_kamailio fail_open "$open_port" -A RMDD_FAIL_OPEN
accepted 127.0.0.2 "$number" "$open_port"

echo "-- rmdd is back"
start_rmdd
accepted 127.0.0.1 "$number"
refused 127.0.0.2 "$number"

# rmdd itself accepts emergency calls, whoever hands them over: it was asked, and that is no choice of the script.
said=$(grep -c 'EMERGENCY .* the answer was 200 ACCEPT$' "$scratch/kamailio.log")
[ "$said" = 3 ] || fail "rmdd accepted $said emergency calls, and not 3"

# What was refused never came through.
came=$(grep -c '^INVITE ' "$scratch/next-hop.txt")
[ "$came" = 10 ] || fail "the next hop had $came calls, and not the 10 that were accepted"
echo "Kamailio: all $calls calls went as they should"
