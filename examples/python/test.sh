#!/usr/bin/env bash
# The Python client against a real rmdd, over TCP and over its Unix socket: accepted, refused, to 911, and without a verdict.
#
#     test.sh [RMDD]     the program to test; target/debug/rmdd if it is not named
#
# It needs python3 with its venv module, and PyPI for the packages. VENV names an environment to keep them in.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rmdd=$(realpath "${1:-$here/../../target/debug/rmdd}")
. "$here/../clients.sh"

venv=${VENV:-$scratch/venv}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"

start_rmdd
client=("$venv/bin/python" "$here/client.py" --target "$target")
expect 0 "RMD0001410: ACCEPT LISTED: " RMD0001410 0012897441 --caller-id +12125550100
expect 1 "0041000009: REFUSE NOT_LISTED: " RMD0001410 0041000009
expect 1 "TG-Acme-1: REFUSE ROLE_NOT_CERTIFIED: " TG-Acme-1
expect 0 "TG-Acme-1: ACCEPT LISTED: " TG-Acme-1 --role voice_service
expect 0 "TG-Acme-1: ACCEPT EMERGENCY_CALL: " TG-Acme-1 --emergency
expect 2 "TG-Nobody: no verdict: PEER_UNKNOWN: " TG-Nobody
client=("$venv/bin/python" "$here/client.py" --target "unix:$scratch/state/rmdd.sock")
expect 0 "RMD0001410: ACCEPT LISTED: " RMD0001410 --caller-id '"Fern, Inc." <sip:+12125550100@gw>'
expect 1 "0041000009: REFUSE NOT_LISTED: " 0041000009
expect 2 "TG-Nobody: no verdict: PEER_UNKNOWN: " TG-Nobody
stop_rmdd
expect 2 "RMD0001410: no verdict: UNAVAILABLE: " RMD0001410
echo "Python: all answers were as they should be"
