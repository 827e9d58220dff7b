#!/usr/bin/env bash
# A real switch: SIPp -> Kamailio with rmdd.cfg, which asks a real rmdd -> SIPp. Shows accepted, refused and emergency calls,
# and what happens while rmdd is down or hangs.
#
#     test.sh [RMDD]     the program to test; target/debug/rmdd if it is not named
#
# With a daemon that wants a token with every question too, by what `rmdd connect kamailio` prints for it.
#
# It needs kamailio with its http_client module, sipp, curl and python3, and says so with exit status 77 if it lacks one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rmdd=$(realpath "${1:-$here/../../target/debug/rmdd}")
. "$here/../sipp/calls.sh"

need kamailio sipp curl python3
find /usr/lib*/ -path '*kamailio/modules/http_client.so' -print -quit 2>/dev/null | grep -q . ||
  { echo "Kamailio's http_client module is not here (Debian: kamailio-utils-modules)"; exit 77; }

# start_kamailio NAME PORT [OPTION...]: with what stands beside this, and what rmdd-local.cfg says.
start_kamailio() {
  local name=$1 port=$2
  shift 2
  mkdir -p "$scratch/$name"
  cp "$here"/*.cfg "$scratch/$name"
  printf '#!substdef "!RMDD_ADDRESS!127.0.0.1:%s!g"\n' "$http_port" >"$scratch/$name/rmdd-local.cfg"
  run_kamailio "$name" "$port" "$@"
}

# start_printed NAME PORT TOKEN: with what `rmdd connect` prints, filled in.
start_printed() {
  mkdir -p "$scratch/$1"
  cp "$here/kamailio.cfg" "$scratch/$1"
  : >"$scratch/$1/rmdd-local.cfg"
  snippet kamailio "$3" >"$scratch/$1/rmdd.cfg"
  run_kamailio "$1" "$2"
}

run_kamailio() {
  local name=$1 port=$2
  shift 2
  printf '#!substdef "!NEXT_HOP!sip:127.0.0.1:%s!g"\n' "$next_port" >>"$scratch/$name/rmdd-local.cfg"
  kamailio -f "$scratch/$name/kamailio.cfg" -DD -E -T -m 32 -Y "$scratch/$name" -l "udp:127.0.0.1:$port" "$@" \
    >"$scratch/$name.log" 2>&1 &
  running[$name]=$!
  until_so "$name listens" udp_bound "$port"
}

begin
ask peers add 127.0.0.1 RMD0001410 --kind ip --role voice_service >/dev/null
ask peers add 127.0.0.2 RMD0001413 --kind ip >/dev/null
start_kamailio kamailio "$switch_port"

number=sip:+12125550199@127.0.0.1
everything_runs "$number"

echo "-- 127.0.0.1 is listed, 127.0.0.2 removed, of 127.0.0.3 nothing is known"
accepted 127.0.0.1 "$number"
refused 127.0.0.2 "$number"
accepted 127.0.0.2 urn:service:sos
accepted 127.0.0.2 sip:911@127.0.0.1
accepted 127.0.0.2 "sip:911;phone-context=+1@127.0.0.1"
unknown 127.0.0.3 "$number"
accepted 127.0.0.3 urn:service:sos.fire

echo "-- rmdd reads who calls, and takes nothing in it for an emergency"
caller=+442079460018 refused 127.0.0.2 "$number"
caller=anonymous asserted='<tel:+442079460018>' refused 127.0.0.2 "$number"
caller='a&emergency=true' refused 127.0.0.2 "$number"
caller='a%26emergency=true;b' refused 127.0.0.2 "$number"
metrics=$(curl -fs "http://127.0.0.1:$http_port/metrics")
for read in us:7 not_us:2 unreadable:2; do
  grep -qxF "rmdd_caller_ids_total{read=\"${read%:*}\",interface=\"http\"} ${read#*:}" <<<"$metrics" ||
    fail "rmdd read ${read%:*} otherwise than ${read#*:} times"
done

rmdd_hangs "$number"

rmdd_is_down "$number"

echo "-- rmdd is down, and the script says to go on (RMDD_FAIL_OPEN)"
start_kamailio fail_open "$other_port" -A RMDD_FAIL_OPEN
accepted 127.0.0.2 "$number" "$other_port"

rmdd_is_back "$number"

echo "-- rmdd wants a token with every question: what \`rmdd connect kamailio\` prints, with a token in it"
start_rmdd
demand_tokens
start_printed token "$token_port" "$token"
accepted 127.0.0.1 "$number" "$token_port"
refused 127.0.0.2 "$number" "$token_port"
accepted 127.0.0.2 sip:911@127.0.0.1 "$token_port"
unknown 127.0.0.3 "$number" "$token_port"
# A token that is shown only after a refusal makes two requests of each question.
[ "$(denied)" = 0 ] || fail "the switch asked $(denied) times without its token"

echo "-- with a wrong token there is no verdict"
start_printed wrong_token "$wrong_port" "not-$token"
no_verdict 127.0.0.1 "$number" "$wrong_port"
no_verdict 127.0.0.2 "$number" "$wrong_port"
accepted 127.0.0.2 sip:911@127.0.0.1 "$wrong_port"
grep -q 'NO VERDICT on call .* status 401' "$scratch/wrong_token.log" || fail "the log of the switch does not say why"
accepted 127.0.0.1 "$number" "$token_port"
! grep -qF "$token" "$scratch"/{token,wrong_token,rmdd}.log || fail "the token stands in a log"
stop rmdd

# rmdd itself accepts emergency calls, whoever hands them over: it was asked, and that is no choice of the script.
said=$(grep -c 'EMERGENCY .* the answer was 200 ACCEPT$' "$scratch/kamailio.log")
[ "$said" = 4 ] || fail "rmdd accepted $said emergency calls, and not 4"
came 15
echo "Kamailio: all $calls calls went as they should"
