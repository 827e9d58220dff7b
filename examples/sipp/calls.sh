# What the tests of the switches share: a real rmdd on a made-up listing, a next hop, and calls by SIPp. Everything is on
# loopback, on ports that are free, in a directory of its own. To be sourced, with `rmdd` set to the program to test.
#
#     need PROGRAM...; begin      then the switch's own; see the test.sh of Kamailio and of Asterisk
scenarios=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
calls=0
declare -A running=()
# What rmdd is told beside its arguments: NAME=VALUE.
settings=()

# Says what is not here, with exit status 77.
need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || { echo "$program is not here"; exit 77; }
  done
}

finish() {
  local pid
  for pid in "${running[@]}"; do
    kill -CONT "$pid" 2>/dev/null || true
    kill "$pid" 2>/dev/null || true
  done
  wait
  rm -rf "$scratch"
}

fail() {
  echo "FAILED: $*"
  tail -n 30 "$scratch"/{rmdd,kamailio,fail_open,token,wrong_token,asterisk,radius}.log "$scratch/call-$calls.txt" 2>/dev/null || true
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

# rmdd, started anew so that every question needs a token, which is $token for the switch named switch-1.
demand_tokens() {
  stop rmdd
  token=$(python3 -c 'import secrets; print(secrets.token_hex(32))')
  (umask 077 && printf '[[token]]\nname = "switch-1"\nright = "query"\ntoken = "%s"\n' "$token" >"$scratch/tokens.toml")
  settings=(RMDD_ACCESS__REQUIRE=true "RMDD_ACCESS__TOKENS_FILE=$scratch/tokens.toml")
  start_rmdd
}

# How many requests were refused since, for want of a token that is known.
denied() { curl -fs -u "switch-1:$token" "http://127.0.0.1:$http_port/metrics" | sed -n 's/^rmdd_requests_denied_total //p'; }

# What `rmdd connect` prints where a token is needed, which is for a switch to show: snippet SWITCH TOKEN
snippet() {
  env "${settings[@]}" "$rmdd" --state-dir "$scratch/state" connect "$1" --address "127.0.0.1:$http_port" 2>"$scratch/beside.txt" |
    sed "s/NAME:TOKEN@/switch-1:$2@/; s/'NAME'/'switch-1'/; s/'TOKEN'/'$2'/"
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

udp_bound() { grep -q ":$(printf %04X "$1") 00000000:0000" /proc/net/udp; }

ask() { "$rmdd" --state-dir "$scratch/state" "$@"; }

start_rmdd() {
  RMDD_VET__CORROBORATE_AFTER=0s env "${settings[@]}" "$rmdd" serve --state-dir "$scratch/state" --source "$scratch/listing.csv" \
    --grpc-listen off --http-listen "127.0.0.1:$http_port" >"$scratch/rmdd.out" 2>>"$scratch/rmdd.log" &
  running[rmdd]=$!
  until_so "rmdd is ready" curl -fs "http://127.0.0.1:$http_port/readyz"
}

# rmdd, serving at $http_port a listing of which `take_away` takes one filing.
begin_rmdd() {
  scratch=$(mktemp -d)
  trap finish EXIT
  read -r switch_port next_port http_port other_port token_port wrong_port < <(free_ports 6)
  python3 - "$scenarios/../listing.csv" "$scratch" <<'PY'
import csv, sys
rows = list(csv.reader(open(sys.argv[1], newline="")))
for name, kept in [("listing.csv", rows), ("after.csv", [row for row in rows if row[0] != "RMD0001413"])]:
    csv.writer(open(f"{sys.argv[2]}/{name}", "w", newline="")).writerows(kept)
PY
  start_rmdd
}

# That, and where accepted calls go, at $next_port.
begin() {
  begin_rmdd
  sipp -sn uas -i 127.0.0.1 -p "$next_port" -nostdin -trace_msg -message_file "$scratch/next-hop.txt" \
    >"$scratch/next-hop.log" 2>&1 &
  running[next_hop]=$!
  until_so "the next hop listens" udp_bound "$next_port"
}

# RMD0001413 is removed, as far as rmdd has seen.
take_away() {
  mv "$scratch/after.csv" "$scratch/listing.csv"
  ask sync >/dev/null
}

# Who calls: the user in the From header, and what the network asserts, if it does.
caller=+12125550100
asserted=

# call FROM TO SCENARIO [PORT]: one call from an address, and what becomes of it.
call() {
  calls=$((calls + 1))
  printf '%-11s calls %-32s %s: ' "$1" "$2" "$3"
  (cd "$scratch" && sipp -sf "$scenarios/$3.xml" -key ruri "$2" -key caller "$caller" \
    -key asserted "${asserted:+$'\r\n'P-Asserted-Identity: $asserted}" -i "$1" -m 1 -nostdin -timeout 30s -trace_logs \
    -log_file "call-$calls.log" -trace_msg -message_file "call-$calls.txt" "127.0.0.1:${4:-$switch_port}") \
    >"$scratch/sipp-$calls.log" 2>&1 || fail "that was not so"
  echo "yes $(tr -d '\r' <"$scratch/call-$calls.log" 2>/dev/null)"
}
accepted() { call "$1" "$2" accepted "${3:-}"; }
refused() { call "$1" "$2" refused "${3:-}"; }
no_verdict() { call "$1" "$2" no-verdict "${3:-}"; }
unknown() { call "$1" "$2" unknown "${3:-}"; }

# came NUMBER: so many calls came to the next hop, each counted once however often it was sent on a busy machine. What was
# refused never did.
came() {
  local came
  came=$(tr -d '\r' <"$scratch/next-hop.txt" | sed -n '/^INVITE /,/^$/s/^Call-ID: *//p' | sort -u | wc -l)
  [ "$came" = "$1" ] || fail "the next hop had $came calls, and not the $1 that were accepted"
}

# What every switch does, with calls to NUMBER.

# everything_runs NUMBER: and then the filing of 127.0.0.2 is removed.
everything_runs() {
  echo "-- everything runs; the filing of 127.0.0.2 is about to be removed"
  accepted 127.0.0.1 "$1"
  accepted 127.0.0.2 "$1"
  take_away
}

# rmdd_hangs NUMBER: and answers again.
rmdd_hangs() {
  echo "-- rmdd hangs"
  kill -STOP "${running[rmdd]}"
  no_verdict 127.0.0.1 "$1"
  accepted 127.0.0.2 sip:911@127.0.0.1
  kill -CONT "${running[rmdd]}"
  until_so "rmdd answers again" curl -fs -m 1 "http://127.0.0.1:$http_port/readyz"
  refused 127.0.0.2 "$1"
}

# rmdd_is_down NUMBER: and stays so.
rmdd_is_down() {
  echo "-- rmdd is down"
  stop rmdd
  no_verdict 127.0.0.1 "$1"
  no_verdict 127.0.0.2 "$1"
  accepted 127.0.0.2 sip:911@127.0.0.1
}

# rmdd_is_back NUMBER
rmdd_is_back() {
  echo "-- rmdd is back"
  start_rmdd
  accepted 127.0.0.1 "$1"
  refused 127.0.0.2 "$1"
  stop rmdd
  decisions_name_calls
}

# Each decision in rmdd's log names its call as the switch got it.
decisions_name_calls() {
  python3 - "$scratch" <<'PY' || fail "the decision log does not name the calls"
import json, pathlib, re, sys
scratch = pathlib.Path(sys.argv[1])
sent = {call_id for log in scratch.glob("call-*.txt") for call_id in re.findall(r"^Call-ID: *(\S+)", log.read_text(), re.M)}
lines = [json.loads(line) for line in (scratch / "state/decisions.jsonl").read_text().splitlines()]
refs = [line["ref"] for line in lines if "verdict" in line]
print(f"{len(refs)} decisions are logged, each with its Call-ID")
sys.exit(not refs or any(ref not in sent for ref in refs))
PY
}
