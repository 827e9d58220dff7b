#!/usr/bin/env bash
# A real RADIUS server: radclient -> FreeRADIUS with rmdd-rest and rmdd-policy, which asks a real rmdd. Shows accepted, refused
# and emergency calls, and what happens while rmdd hangs, is down, and is back.
#
#     test.sh [RMDD]     the program to test; target/debug/rmdd if it is not named
#
# With a daemon that wants a token with every question too, by what `rmdd connect freeradius` prints for it.
#
# It needs freeradius with rlm_rest, radclient, curl and python3, and says so with exit status 77 if it lacks one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rmdd=$(realpath "${1:-$here/../../target/debug/rmdd}")
. "$here/../sipp/calls.sh"

need freeradius radclient curl python3
modules=$(dirname "$(find /usr/lib*/ -path '*freeradius/rlm_rest.so' -print -quit 2>/dev/null)")
[ -n "$modules" ] && [ "$modules" != . ] || { echo "FreeRADIUS's rlm_rest is not here (Debian: freeradius-rest)"; exit 77; }

begin_rmdd
ask peers add TG-Acme-1 RMD0001410 --role voice_service >/dev/null
ask peers add "TG Gone&emergency=true" RMD0001413 >/dev/null
take_away
radius_port=$switch_port

# start_radius NAME PORT: the smallest server around the two files in the directory of that name.
start_radius() {
  local name=$1 port=$2
  cat >"$scratch/$name/radiusd.conf" <<CONF
prefix = /usr
libdir = $modules
logdir = $scratch/$name
run_dir = $scratch/$name
max_request_time = 10
thread pool {
	start_servers = 2
	max_servers = 8
}
client localhost {
	ipaddr = 127.0.0.1
	secret = testing123
	require_message_authenticator = no
}
modules {
	always ok {
		rcode = ok
	}
	always reject {
		rcode = reject
	}
	\$INCLUDE rmdd-rest
}
policy {
	\$INCLUDE rmdd-policy
}
server rmdd {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = $port
	}
	authorize {
		rmdd
	}
}
CONF
  freeradius -d "$scratch/$name" -n radiusd -f -l "$scratch/$name.log" &
  running[$name]=$!
  until_so "FreeRADIUS listens" udp_bound "$port"
}

# start_printed NAME PORT TOKEN: with what `rmdd connect` prints, filled in, each part in the file that it names.
start_printed() {
  mkdir -p "$scratch/$1"
  snippet freeradius "$3" >"$scratch/$1/printed"
  awk -v into="$scratch/$1" '/^# ==== .*rmdd-rest/ { out = into "/rmdd-rest" } /^# ==== .*rmdd-policy/ { out = into "/rmdd-policy" }
    { print >out }' "$scratch/$1/printed"
  start_radius "$1" "$2"
}

mkdir -p "$scratch/radius"
sed "s/127\.0\.0\.1:7634/127.0.0.1:$http_port/" "$here/rmdd-rest" >"$scratch/radius/rmdd-rest"
cp "$here/rmdd-policy" "$scratch/radius/"
start_radius radius "$radius_port"

# call OUTCOME MESSAGE UPSTREAM CALLED CALLER: at $radius_port, what the softswitch asks, and is to be answered.
call() {
  calls=$((calls + 1))
  printf 'User-Name = "%s"\nCalled-Station-Id = "%s"\nCalling-Station-Id = "%s"\nAcct-Session-Id = "call-%s@test"\n' \
    "$3" "$4" "$5" "$calls" >"$scratch/call-$calls.request"
  radclient -D "$dictionaries" -x -r 1 -t 8 -f "$scratch/call-$calls.request" "127.0.0.1:$radius_port" auth testing123 \
    >"$scratch/call-$calls.txt" 2>&1 || true
  grep -q "Received $1" "$scratch/call-$calls.txt" && grep -q "Reply-Message = \"$2\"" "$scratch/call-$calls.txt" ||
    { cat "$scratch/call-$calls.txt"; fail "a call of $3 to $4 was to be answered $1 $2"; }
  echo "$3 to $4: $1 $2"
}
dictionaries=/usr/share/freeradius

number=+12125550199
everything() {
  call Access-Accept LISTED TG-Acme-1 "$number" +12125550100
  call Access-Reject REMOVED "TG Gone&emergency=true" "$number" +12125550100
  call Access-Reject NO_VERDICT TG-Nobody "$number" +12125550100
  call Access-Accept EMERGENCY "TG Gone&emergency=true" 911 +12125550100
  call Access-Accept EMERGENCY TG-Nobody urn:service:sos.fire +12125550100
}
echo "-- TG-Acme-1 is listed, TG Gone removed, of TG-Nobody nothing is known"
everything
call Access-Reject REMOVED "TG Gone&emergency=true" "$number" "a&emergency=true"

echo "-- rmdd hangs"
kill -STOP "${running[rmdd]}"
call Access-Reject NO_VERDICT TG-Acme-1 "$number" +12125550100
call Access-Accept EMERGENCY "TG Gone&emergency=true" 911 +12125550100
kill -CONT "${running[rmdd]}"

echo "-- rmdd is down"
stop rmdd
call Access-Reject NO_VERDICT TG-Acme-1 "$number" +12125550100
call Access-Accept EMERGENCY "TG Gone&emergency=true" 911 +12125550100

echo "-- rmdd is back"
start_rmdd
everything
grep -q '"ref":"call-2@test"' "$scratch/state/decisions.jsonl" || fail "the decision log does not name the second call"

echo "-- rmdd wants a token with every question: what \`rmdd connect freeradius\` prints, with a token in it"
demand_tokens
start_printed token "$token_port" "$token"
radius_port=$token_port
everything
# A token that is shown only after a refusal makes two requests of each question.
[ "$(denied)" = 0 ] || fail "FreeRADIUS asked $(denied) times without its token"

echo "-- with a wrong token there is no verdict"
start_printed wrong_token "$wrong_port" "not-$token"
radius_port=$wrong_port
call Access-Reject NO_VERDICT TG-Acme-1 "$number" +12125550100
call Access-Accept EMERGENCY "TG Gone&emergency=true" 911 +12125550100
[ "$(denied)" = 2 ] || fail "rmdd refused $(denied) questions with a wrong token, and not 2"
! grep -qF "$token" "$scratch"/{token,wrong_token,rmdd}.log || fail "the token stands in a log"
echo "FreeRADIUS: all $calls calls went as they should"
