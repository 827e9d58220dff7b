#!/usr/bin/env bash
# Alerts of a real rmdd at real other ends: the official library of Standard Webhooks, a mail server with STARTTLS (aiosmtpd),
# and, where it is here, an Alertmanager.
#
#     test.sh [RMDD]     the program to test; target/debug/rmdd if it is not named
#
# It needs python3 with its venv module, PyPI for the packages, and openssl. VENV names an environment to keep them in.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rmdd=$(realpath "${1:-$here/../../target/debug/rmdd}")
scratch=$(mktemp -d)
running=()
finish() {
  for process in "${running[@]}"; do
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
  rm -rf "$scratch"
}
trap finish EXIT
fail() {
  echo "FAILED: $*"
  tail -n 40 "$scratch"/*.log "$scratch"/*.jsonl 2>/dev/null || true
  exit 1
}
# eventually WHAT COMMAND...
eventually() {
  local what=$1 deadline=$((SECONDS + 60))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "$what"
    sleep 0.1
  done
  echo "$what"
}

venv=${VENV:-$scratch/venv}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"

umask 077
secret="whsec_$(openssl rand -base64 32)"
echo "$secret" >"$scratch/secret"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
  -keyout "$scratch/key.pem" -out "$scratch/certificate.pem" 2>/dev/null
"$venv/bin/python" "$here/ends.py" "$scratch" "$secret" 2>"$scratch/ends.log" &
running+=($!)
eventually "the other ends listen" test -s "$scratch/ports"
read -r http smtp <"$scratch/ports"

cat >"$scratch/rmdd.toml" <<SETTINGS
[alerts]
group_wait = "100ms"
[[alerts.channel]]
name = "hook"
type = "webhook"
url = "http://127.0.0.1:$http/a/secret/path"
secret_file = "$scratch/secret"
[[alerts.channel]]
name = "mail"
type = "mail"
server = "localhost:$smtp"
ca_file = "$scratch/certificate.pem"
from = "rmdd <rmdd@carrier.example>"
to = ["noc@carrier.example"]
SETTINGS
manager=$(command -v prometheus-alertmanager || command -v alertmanager || true)
if [ -n "$manager" ]; then
  port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  printf 'route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n' >"$scratch/alertmanager.yml"
  "$manager" --config.file="$scratch/alertmanager.yml" --storage.path="$scratch/alertmanager" \
    --web.listen-address="127.0.0.1:$port" --cluster.listen-address= >"$scratch/alertmanager.log" 2>&1 &
  running+=($!)
  eventually "Alertmanager is ready" curl -fsS "http://127.0.0.1:$port/-/ready"
  cat >>"$scratch/rmdd.toml" <<SETTINGS
[[alerts.channel]]
name = "alertmanager"
type = "webhook"
format = "alertmanager"
url = "http://127.0.0.1:$port/api/v2/alerts"
repeat = "10s"
SETTINGS
else
  echo "left out: Alertmanager is not here"
fi

cp "$here/../listing.csv" "$scratch/listing.csv"
RMDD_HTTP__LISTEN=off "$rmdd" serve --config "$scratch/rmdd.toml" --state-dir "$scratch/state" \
  --source "$scratch/listing.csv" --grpc-listen off >"$scratch/rmdd.out" 2>"$scratch/rmdd.log" &
running+=($!)
ask() { "$rmdd" --config "$scratch/rmdd.toml" --state-dir "$scratch/state" "$@"; }
eventually "rmdd has its listing" ask check RMD0001410
eventually "the baseline is told" grep -q '"fault": null.*rmdd.baseline.taken' "$scratch/hooks.jsonl"
for channel in hook mail; do ask alerts test "$channel" || fail "the test of $channel"; done

echo "no listing" >"$scratch/listing.csv"
ask sync >/dev/null || true
eventually "the webhook has the alarm, signed" grep -q '"fault": null.*rmdd.alarm.raised' "$scratch/hooks.jsonl"
eventually "the mail has it" grep -q 'alarm SYNC_REFUSED' "$scratch/mails.jsonl"
# What Alertmanager holds; where it does not answer, it is neither firing nor quiet.
active() { curl -fsS "http://127.0.0.1:$port/api/v2/alerts?active=true" >"$scratch/active"; }
firing() { active && grep -q rmdd_SYNC_REFUSED "$scratch/active"; }
quiet() { active && ! grep -q rmdd_SYNC_REFUSED "$scratch/active"; }
if [ -n "$manager" ]; then eventually "Alertmanager has it" firing; fi
cp "$here/../listing.csv" "$scratch/listing.csv"
ask sync >/dev/null
eventually "its end is told" grep -q '"fault": null.*rmdd.alarm.cleared' "$scratch/hooks.jsonl"
eventually "the mail has it, as an answer" grep -q '"in-reply-to"' "$scratch/mails.jsonl"
if [ -n "$manager" ]; then eventually "Alertmanager has its end" quiet; fi

# A mail about a peer that is out of trouble answers the one that told of it.
frn=0012897441
ask peers add TG-Mail "$frn" >/dev/null
ask overrides add deny "$frn" --why "a test" >/dev/null
eventually "the mail has that a peer is refused" grep -q 'may no longer hand you calls' "$scratch/mails.jsonl"
ask overrides remove "$frn" >/dev/null
eventually "the mail has that it is accepted again" grep -q 'may hand you calls again' "$scratch/mails.jsonl"
"$venv/bin/python" - "$scratch/mails.jsonl" <<'PYTHON' || fail "a mail about a peer that answers none"
import json, sys

mails = [json.loads(line)["headers"] for line in open(sys.argv[1], encoding="utf-8")]
refused = next(mail for mail in mails if "may no longer hand" in mail["subject"])
accepted = next(mail for mail in mails if "again" in mail["subject"])
sys.exit(accepted.get("in-reply-to") != refused["message-id"])
PYTHON

! grep -v '"fault": null' "$scratch/hooks.jsonl" || fail "a message that the official library or the schema refuses"
! grep -v '"tls": true' "$scratch/mails.jsonl" || fail "a mail in the clear"
grep -q '"text/csv": "time,event,' "$scratch/mails.jsonl" || fail "a mail without its list"
grep -q '"auto-submitted": "auto-generated"' "$scratch/mails.jsonl" || fail "a mail that absence notices answer"
! grep -rq "a/secret/path" "$scratch/rmdd.log" || fail "an address in the log"
ask alerts
echo "Alerts: all other ends have what they should"
