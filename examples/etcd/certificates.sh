#!/usr/bin/env bash
# An authority of the fleet's own, and a certificate of it for each member of etcd and each site.
#
#     certificates.sh authority DIR                 DIR/ca.pem, and DIR/ca.key, which stays here
#     certificates.sh member DIR NAME HOST...       DIR/NAME.pem and .key, for the member at these names or addresses
#     certificates.sh site DIR NAME                 DIR/NAME.pem and .key: the site is the user NAME of etcd
#
# Whoever has ca.key can be any site: keep it off the machines of the fleet. A certificate is good for two years, the authority
# for ten; make a site's anew and put it in the old one's place, rmdd takes it without a restart.
set -euo pipefail
umask 077

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '/^set /d'; exit 2; }

# sign DIR NAME EXTENSIONS: a key and a certificate of it.
sign() {
  local at=$1 name=$2
  openssl ecparam -name prime256v1 -genkey -noout -out "$at/$name.key"
  openssl req -new -key "$at/$name.key" -subj "/CN=$name" -out "$at/$name.csr"
  openssl x509 -req -in "$at/$name.csr" -CA "$at/ca.pem" -CAkey "$at/ca.key" -CAcreateserial -days 730 \
    -extfile <(printf '%s\n' "basicConstraints = CA:FALSE" "$3") -out "$at/$name.pem" 2>/dev/null
  rm "$at/$name.csr"
}

case ${1:-} in
authority)
  [ $# = 2 ] || usage
  mkdir -p "$2"
  [ ! -e "$2/ca.key" ] || { echo "$2/ca.key is there already"; exit 1; }
  openssl ecparam -name prime256v1 -genkey -noout -out "$2/ca.key"
  openssl req -x509 -new -key "$2/ca.key" -subj "/CN=rmdd fleet" -days 3650 -out "$2/ca.pem"
  ;;
member)
  [ $# -ge 4 ] || usage
  at=$2 name=$3 names=
  shift 3
  for host; do
    case $host in
    *[!0-9.]*:* | *:*) names+=",IP:$host" ;;
    *[!0-9.]*) names+=",DNS:$host" ;;
    *) names+=",IP:$host" ;;
    esac
  done
  # Members speak to one another as clients too.
  sign "$at" "$name" "subjectAltName = ${names#,}
extendedKeyUsage = serverAuth, clientAuth"
  ;;
site)
  [ $# = 3 ] || usage
  sign "$2" "$3" "extendedKeyUsage = clientAuth"
  ;;
*) usage ;;
esac
