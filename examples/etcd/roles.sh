#!/usr/bin/env bash
# Users and roles of a fleet's etcd. It runs etcdctl, which finds the members and root's certificate by its own variables:
#
#     export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=https://etcd-1:2379 ETCDCTL_CACERT=ca.pem ETCDCTL_CERT=root.pem ETCDCTL_KEY=root.key
#
#     roles.sh fleet NAME                               the roles of the fleet NAME; the user root, if there is none
#     roles.sh site NAME SITE reader|operator|fetcher   the user SITE, whose certificate has that common name, with its role
#     roles.sh remove SITE                              the user SITE is none any more: of a site that is gone, or was stolen
#     roles.sh enable                                   from now on nobody does without a user what he likes
#
# What each may do:
#   reader     follow the fleet, and say how it stands itself (its own keys below site/ and alive/)
#   operator   the same, change records, and ask for a sync or an approval (records/ and ask/)
#   fetcher    everything of this fleet: all that fetches or founds it
# Any of it can be run again.
set -euo pipefail

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '/^set /d'; exit 2; }

is_name() { [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$ ]] || { echo "$1 is no name of a fleet or site"; exit 2; }; }

# Whether etcd knows a role or a user. The list is read to its end first: a grep that finds it early would end etcdctl, which then
# counts as failed.
has() {
  local all
  all=$(etcdctl "$1" list)
  grep -qxF -- "$2" <<<"$all"
}

# Whether a user has a role.
holds() {
  local described
  described=$(etcdctl user get "$1")
  grep -qw -- "$2" <<<"$described"
}

role() { has role "$1" || etcdctl role add "$1"; }

user() { has user "$1" || etcdctl user add "$1" --no-password; }

grant() { etcdctl role grant-permission "$@" >/dev/null; }

case ${1:-} in
fleet)
  [ $# = 2 ] || usage
  is_name "$2"
  below=/rmdd/$2/
  role "rmdd-$2-reader"
  grant "rmdd-$2-reader" read --prefix "$below"
  role "rmdd-$2-operator"
  grant "rmdd-$2-operator" readwrite --prefix "${below}records/"
  grant "rmdd-$2-operator" readwrite --prefix "${below}ask/"
  role "rmdd-$2-fetcher"
  grant "rmdd-$2-fetcher" readwrite --prefix "$below"
  user root
  role root
  etcdctl user grant-role root root
  ;;
site)
  [ $# = 4 ] || usage
  is_name "$2"
  is_name "$3"
  case $4 in
  reader) roles=(reader) ;;
  operator) roles=(reader operator) ;;
  fetcher) roles=(reader fetcher) ;;
  *) usage ;;
  esac
  own=rmdd-$2-site-$3
  role "$own"
  grant "$own" readwrite "/rmdd/$2/site/$3"
  grant "$own" readwrite "/rmdd/$2/alive/$3"
  user "$3"
  etcdctl user grant-role "$3" "$own"
  # What it had of another rank is taken away.
  for rank in reader operator fetcher; do
    if [[ " ${roles[*]} " == *" $rank "* ]]; then
      etcdctl user grant-role "$3" "rmdd-$2-$rank"
    elif holds "$3" "rmdd-$2-$rank"; then
      etcdctl user revoke-role "$3" "rmdd-$2-$rank"
    fi
  done
  ;;
remove)
  [ $# = 2 ] || usage
  is_name "$2"
  etcdctl user delete "$2"
  ;;
enable)
  [ $# = 1 ] || usage
  etcdctl auth enable
  ;;
*) usage ;;
esac
