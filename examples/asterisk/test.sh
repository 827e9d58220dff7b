#!/usr/bin/env bash
# A real switch: SIPp -> Asterisk with extensions.conf, which asks a real rmdd -> SIPp. Shows accepted, refused and emergency
# calls, and what happens while rmdd is down or hangs.
#
#     test.sh [RMDD]     the program to test; target/debug/rmdd if it is not named
#
# It needs asterisk, sipp, curl and python3, and says so with exit status 77 if it lacks one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rmdd=$(realpath "${1:-$here/../../target/debug/rmdd}")
. "$here/../sipp/calls.sh"

need asterisk sipp curl python3
modules=$(dirname "$(find /usr/lib*/ -path '*asterisk/modules/func_curl.so' -print -quit 2>/dev/null)")
[ -f "$modules/func_curl.so" ] || { echo "Asterisk's func_curl is not here"; exit 77; }
data=/usr/share/asterisk
[ -d "$data" ] || data=/var/lib/asterisk

cli() { asterisk -C "$scratch/asterisk/asterisk.conf" -rx "$*"; }

start_asterisk() {
  local conf=$scratch/asterisk kind
  mkdir -p "$conf"/{run,log,spool,lib}
  {
    printf '[directories]\nastetcdir => %s\nastmoddir => %s\nastdatadir => %s\n' "$conf" "$modules" "$data"
    for kind in run log spool; do printf 'ast%sdir => %s/%s\n' "$kind" "$conf" "$kind"; done
    for kind in varlib db key; do printf 'ast%sdir => %s/lib\n' "$kind" "$conf"; done
  } >"$conf/asterisk.conf"
  {
    printf '[modules]\nautoload=no\n'
    printf 'load=%s.so\n' res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_timing_timerfd \
      res_rtp_asterisk res_pjsip res_pjsip_session res_pjsip_pubsub res_pjsip_sdp_rtp res_pjsip_caller_id \
      res_pjsip_endpoint_identifier_ip chan_pjsip bridge_simple bridge_builtin_features codec_ulaw pbx_config app_dial \
      app_stack app_verbose app_exec func_callerid func_channel func_strings func_uri res_curl func_curl
  } >"$conf/modules.conf"
  printf '[logfiles]\nconsole => notice,warning,error\n' >"$conf/logger.conf"
  printf '[general]\nrtpstart=20000\nrtpend=20999\n' >"$conf/rtp.conf"
  sed -e "s/127.0.0.1:5060/127.0.0.1:$switch_port/" -e "s/127.0.0.1:5080/127.0.0.1:$next_port/" "$here/pjsip.conf" \
    >"$conf/pjsip.conf"
  sed "s/127.0.0.1:7634/127.0.0.1:$http_port/" "$here/extensions.conf" >"$conf/extensions.conf"
  cat >>"$conf/extensions.conf" <<'INBOUND'

[inbound]
exten => _[+0-9].,1,Dial(PJSIP/next-hop/sip:${EXTEN}@127.0.0.1:NEXT,10)
INBOUND
  sed -i "s/127.0.0.1:NEXT/127.0.0.1:$next_port/" "$conf/extensions.conf"
  asterisk -f -n -C "$conf/asterisk.conf" >"$scratch/asterisk.log" 2>&1 &
  running[asterisk]=$!
  until_so "Asterisk has started" cli core waitfullybooted
  until_so "Asterisk listens" udp_bound "$switch_port"
}

begin
# Asterisk says 603, 503 and 403 and no more: the scenarios without what they look for in the headers.
mkdir "$scratch/scenarios"
for scenario in accepted refused no-verdict unknown; do
  sed '/<action>/,/<\/action>/d' "$scenarios/$scenario.xml" >"$scratch/scenarios/$scenario.xml"
done
scenarios=$scratch/scenarios
ask peers add acme-1 RMD0001410 --role voice_service >/dev/null
ask peers add acme-2 RMD0001413 >/dev/null
start_asterisk

number=sip:+12125550199@127.0.0.1
everything_runs "$number"

echo "-- 127.0.0.1 is listed, 127.0.0.2 removed, of 127.0.0.3 nothing is known"
accepted 127.0.0.1 "$number"
refused 127.0.0.2 "$number"
for emergency in 911 1911 +1911 "911;phone-context=+1"; do
  accepted 127.0.0.2 "sip:$emergency@127.0.0.1"
done
unknown 127.0.0.3 "$number"
accepted 127.0.0.3 sip:911@127.0.0.1

rmdd_hangs "$number"

rmdd_is_down "$number"

rmdd_is_back "$number"

# rmdd itself accepts emergency calls, whoever hands them over: it was asked, and that is no choice of the dialplan.
said=$(grep -c 'EMERGENCY .* goes on: ACCEPT EMERGENCY_CALL ' "$scratch/asterisk.log")
[ "$said" = 5 ] || fail "rmdd accepted $said emergency calls, and not 5"
came 11
echo "Asterisk: all $calls calls went as they should"
