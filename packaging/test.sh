#!/usr/bin/env bash
# The package on a real systemd: a Debian in a container, made once by debootstrap and kept in target/nspawn, booted by
# systemd-nspawn. Installs over a unit that was made by hand, upgrades, refuses a downgrade and a full disk, removes, purges.
#
#     packaging/test.sh [RMDD]     the program to pack; target/debug/rmdd if it is not named
#
# It needs root, and says with exit status 77 what else it lacks.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/target/tools/bin:$PATH" LC_ALL=C
rmdd=$(realpath "${1:-target/debug/rmdd}")
base=$PWD/target/nspawn/base
root=$PWD/target/nspawn/run-$$
scratch=$(mktemp -d)
leader= nspawn=

lacks() { echo "left out: $*"; exit 77; }
[ "$(id -u)" = 0 ] || lacks "only root can boot a container"
for program in debootstrap systemd-nspawn nsenter dpkg-deb python3 openssl objcopy; do
  command -v "$program" >/dev/null || lacks "$program is not here"
done

finish() {
  if [ -n "$nspawn" ]; then
    [ -z "$leader" ] || kill -KILL "$leader" 2>/dev/null || true
    kill -KILL "$nspawn" 2>/dev/null || true
    wait 2>/dev/null || true
  fi
  rm -rf --one-file-system "$root" "$scratch"
}
trap finish EXIT
fail() {
  echo "FAILED: $*"
  [ ! -f "$scratch/said" ] || tail -n 12 "$scratch/said"
  [ -z "$leader" ] || nsenter -t "$leader" -m -u -i -n -p -- journalctl -u rmdd --no-pager -n 12 || true
  exit 1
}
say() { printf -- '-- %s (%s s)\n' "$*" "$SECONDS"; }

# inside COMMAND...: in the container, as root. as USER COMMAND...: as somebody else.
inside() { nsenter -t "$leader" -m -u -i -n -p -- "$@"; }
as() { local user=$1; shift; inside runuser -u "$user" -- "$@"; }
# says STATUS TEXT COMMAND...: it ends so, and says so on either stream.
says() {
  local status=$1 text=$2 got=0
  shift 2
  "$@" >"$scratch/said" 2>&1 || got=$?
  [ "$got" = "$status" ] || fail "$* ended with $got and not with $status"
  grep -qF -- "$text" "$scratch/said" || fail "$* did not say: $text"
}
until_so() {
  local what=$1 deadline=$((SECONDS + 90))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "not in time: $what"
    sleep 0.1
  done
}
ready() { inside curl -fs http://127.0.0.1:7634/readyz; }
dpkg_i() { inside env DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i "/$1"; }

if [ ! -e "$base/made" ]; then
  say "a Debian, once"
  rm -rf --one-file-system "$base"
  mkdir -p "$base"
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,curl,adduser bookworm "$base" >"$scratch/said" 2>&1 ||
    { rm -rf --one-file-system "$base"; lacks "debootstrap brings no Debian: $(tail -n 1 "$scratch/said")"; }
  rm -rf "$base"/var/cache/apt/archives/*.deb
  touch "$base/made"
fi

say "the package"
packaging/build.sh --fast --binary "$rmdd" >"$scratch/said" 2>&1 || fail "no package"
version=$(sed -n '0,/^version = /s/^version = "\(.*\)"$/\1/p' Cargo.toml)
deb=target/packages/rmdd_${version}_$(dpkg --print-architecture).deb
# The version to come, which brings the store to another format, as far as its package says.
format=$(dpkg-deb --fsys-tarfile "$deb" | tar -xO ./usr/share/rmdd/store-format)
dpkg-deb -R "$deb" "$scratch/next"
sed -i "s/^Version: .*/Version: 99.0/" "$scratch/next/DEBIAN/control"
sed -i "s/^knows=.*/knows=$((format + 1))/; s/\"$version\"/\"99.0\"/g" "$scratch/next/DEBIAN/preinst"
echo $((format + 1)) >"$scratch/next/usr/share/rmdd/store-format"
dpkg-deb --root-owner-group -Zgzip -z1 --build "$scratch/next" "$scratch/next.deb" >/dev/null

say "boot"
cp -a --reflink=auto "$base" "$root"
cp "$deb" "$root/this.deb"
cp "$scratch/next.deb" "$root/next.deb"
cp examples/listing.csv "$root/srv/listing.csv"
gunzip -c tests/fixtures/store-format-3.redb.gz >"$root/srv/old.redb"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$root/srv/key.pem" -out "$root/srv/cert.pem" \
  -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE -days 30 >/dev/null 2>&1
systemd-nspawn -D "$root" --boot --private-network --register=no --keep-unit --quiet >"$scratch/boot.log" 2>&1 &
nspawn=$!
# Where no container may be booted that is no fault of the package.
boots() {
  local deadline=$((SECONDS + 90))
  until leader=$(pgrep -P "$nspawn" | head -n 1) && [ -n "$leader" ] &&
    [[ $(inside systemctl is-system-running 2>/dev/null) =~ running|degraded ]]; do
    kill -0 "$nspawn" 2>/dev/null && ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}
boots || lacks "no container boots here: $(tail -n 1 "$scratch/boot.log")"

say "an older installation by hand: a dynamic user, its state in /var/lib/private"
cp "$rmdd" "$root/usr/bin/rmdd"
cp packaging/test/dynamic-user.service "$root/etc/systemd/system/rmdd.service"
mkdir -p "$root/etc/systemd/system/rmdd.service.d"
printf '[Service]\nEnvironment=RMDD_SOURCE=/srv/listing.csv RMDD_FRESHNESS__CONTENT_WARN_AFTER=0s\n' >"$root/etc/systemd/system/rmdd.service.d/source.conf"
inside systemctl daemon-reload
inside systemctl start rmdd
until_so "the listing is served" ready
inside rmdd peers add TG-Acme-1 RMD0001410 --role voice_service --by test >/dev/null
[ -d "$root/var/lib/private/rmdd" ] || fail "the state is not in /var/lib/private"

say "the package over it"
says 0 "was put there by hand and is in force" dpkg_i this.deb
until_so "it answers" ready
says 1 "DynamicUser=yes" inside rmdd doctor --offline
inside rm /etc/systemd/system/rmdd.service
inside systemctl daemon-reload
inside systemctl restart rmdd
until_so "it answers with the package's unit" ready
[ ! -L "$root/var/lib/rmdd" ] && [ -f "$root/var/lib/rmdd/rmdd.redb" ] || fail "the state did not come back from /var/lib/private"
[ "$(inside stat -c %U:%G /var/lib/rmdd/rmdd.redb)" = rmdd:rmdd ] || fail "the store is not rmdd's"
says 0 "ACCEPT  LISTED" inside rmdd check TG-Acme-1
says 0 enabled inside systemctl is-enabled rmdd.service
says 1 disabled inside systemctl is-enabled rmdd.socket
exposure=$(inside systemd-analyze security --no-pager rmdd.service | sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p')
echo "exposure $exposure"
python3 -c "import sys; sys.exit(not float('$exposure') <= 1.2)" || fail "exposure $exposure"

say "people: a member of rmdd asks and looks, one of rmdd-admin administers, everybody asks"
for user in alice bob carol; do inside useradd -m "$user"; done
inside usermod -aG rmdd alice
inside usermod -aG rmdd-admin bob
says 0 FRESH as alice rmdd status
says 0 "ACCEPT  LISTED" as alice rmdd check TG-Acme-1
says 2 "needs admin" as alice rmdd overrides add deny TG-Acme-1 --why test
says 0 "added " as bob rmdd overrides add deny TG-Acme-1 --why test
says 1 "REFUSE  OVERRIDE" as bob rmdd check TG-Acme-1
says 0 removed as bob rmdd overrides remove "$(as bob rmdd overrides list --json | sed -n 's/.*"id":"\([^"]*\)".*/\1/p' | head -n 1)"
says 0 "asking http://127.0.0.1:7633, which answers questions only" as carol rmdd check TG-Acme-1
says 2 "may enter /run/rmdd-admin" as carol rmdd overrides add deny TG-Acme-1 --why test
says 1 "you are not in the group rmdd" as carol rmdd doctor --offline

say "a configuration that cannot be read is a warning, and the daemon goes on"
inside chmod 000 /etc/rmdd/rmdd.toml
says 0 WARNING as alice rmdd check TG-Acme-1
inside chmod 644 /etc/rmdd/rmdd.toml

say "a key file for the daemon alone"
inside install -d -o root -g rmdd -m 750 /etc/rmdd/tls
inside install -o root -g rmdd -m 640 /srv/key.pem /srv/cert.pem /etc/rmdd/tls/
inside sed -i 's|^\[grpc.tls\]$|[grpc.tls]\ncertificate = "/etc/rmdd/tls/cert.pem"\nkey = "/etc/rmdd/tls/key.pem"|' /etc/rmdd/rmdd.toml
inside systemctl restart rmdd
until_so "it answers" ready
says 0 "ACCEPT  LISTED" as carol rmdd check TG-Acme-1 --connect https://127.0.0.1:7633 --ca-file /srv/cert.pem

say "commands of root's use the daemon's store, and leave nothing of root's in it"
inside systemctl stop rmdd
says 0 "working on the store /var/lib/rmdd/rmdd.redb directly" inside rmdd sync --source /srv/listing.csv
[ ! -e "$root/root/.local/state/rmdd" ] || fail "root has a store of its own"
[ -z "$(inside find /var/lib/rmdd ! -user rmdd)" ] || fail "files of root's are in /var/lib/rmdd"

say "an upgrade on a full disk is refused, and the daemon goes on"
inside mount -t tmpfs -o "size=$(($(stat -c %s "$root/var/lib/rmdd/rmdd.redb") * 3 / 2 + 4000000))" tmpfs /mnt
inside cp -a /var/lib/rmdd/. /mnt/
inside mount --bind /mnt /var/lib/rmdd
inside systemctl start rmdd
until_so "it answers" ready
says 1 "Make room and try again" dpkg_i next.deb
ready >/dev/null || fail "it does not go on"
inside systemctl stop rmdd
inside umount /var/lib/rmdd
inside umount /mnt

say "an upgrade behind the socket, under load: no request fails"
inside systemctl enable --now rmdd.socket >/dev/null 2>&1
inside systemctl start rmdd
until_so "it answers" ready
nsenter -t "$leader" -n -- python3 packaging/test/load.py "$scratch/enough" >"$scratch/load" 2>&1 &
load=$!
sleep 1
before=$(inside systemctl show -p MainPID --value rmdd)
says 0 "" dpkg_i next.deb
until_so "it answers" ready
[ "$(inside systemctl show -p MainPID --value rmdd)" != "$before" ] || fail "it was not restarted"
sleep 1
touch "$scratch/enough"
wait "$load" || { cat "$scratch/load"; fail "requests failed during the upgrade"; }
cat "$scratch/load"
says 0 enabled inside systemctl is-enabled rmdd.socket
grep -q '^key = "/etc/rmdd/tls/key.pem"' "$root/etc/rmdd/rmdd.toml" || fail "the configuration is another"
says 0 "ACCEPT  LISTED" inside rmdd check TG-Acme-1

say "a downgrade is refused with the way back"
says 1 "The way back" dpkg_i this.deb
says 0 99.0 inside dpkg-query -W -f '${Version}' rmdd
ready >/dev/null || fail "it does not go on"

say "a store of an older format is migrated, with a copy beside it, by which the downgrade goes"
inside systemctl stop rmdd.socket rmdd.service
inside install -o rmdd -g rmdd -m 600 /srv/old.redb /var/lib/rmdd/rmdd.redb
inside rm -f /var/lib/rmdd/records.jsonl
inside systemctl start rmdd
until_so "it answers" ready
[ -f "$root/var/lib/rmdd/rmdd.redb.format-3" ] || fail "no copy was kept"
says 1 "cp -p /var/lib/rmdd/rmdd.redb.format-3" dpkg_i this.deb
inside systemctl stop rmdd
inside mv /var/lib/rmdd/rmdd.redb /var/lib/rmdd/rmdd.redb.newer
inside cp -p /var/lib/rmdd/rmdd.redb.format-3 /var/lib/rmdd/rmdd.redb
says 0 "" inside env RMDD_STORE_PUT_BACK=yes DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i /this.deb
inside systemctl start rmdd
until_so "it answers" ready

say "what is disabled or masked stays so"
inside systemctl disable rmdd.service >/dev/null 2>&1
inside systemctl stop rmdd.service
says 0 "" dpkg_i next.deb
says 1 disabled inside systemctl is-enabled rmdd.service
says 3 inactive inside systemctl is-active rmdd.service
inside systemctl mask rmdd.service >/dev/null 2>&1
says 0 "" env RMDD_STORE_PUT_BACK=yes nsenter -t "$leader" -m -u -i -n -p -- dpkg --force-confold -i /this.deb
says 1 masked inside systemctl is-enabled rmdd.service
inside systemctl unmask rmdd.service >/dev/null 2>&1
inside systemctl enable --now rmdd.service >/dev/null 2>&1
until_so "it answers" ready

say "removed, and purged"
says 0 "" inside dpkg -r rmdd
[ ! -e "$root/usr/bin/rmdd" ] && [ -f "$root/etc/rmdd/rmdd.toml" ] || fail "removal leaves the program, or takes the configuration"
says 0 "rm -rf /var/lib/rmdd" inside dpkg -P rmdd
[ ! -e "$root/etc/rmdd/rmdd.toml" ] || fail "purge leaves the configuration"
grep -q "/etc/rmdd holds files that are not the package's" "$scratch/said" || fail "purge does not say that the keys are left"
[ -f "$root/var/lib/rmdd/rmdd.redb" ] || fail "purge took the evidence"

if command -v lintian >/dev/null; then
  say "lintian"
  lintian --fail-on error "$deb" >"$scratch/said" 2>&1 || fail "lintian has errors"
  grep -c '^W:' "$scratch/said" | sed 's/$/ warnings/' || true
else
  echo "left out: lintian is not here"
fi
if command -v mandoc >/dev/null; then
  gunzip -k target/packaging/man/*.gz
  mandoc -T lint -W error target/packaging/man/*.1 >"$scratch/said" 2>&1 || fail "mandoc finds errors in the manual pages"
else
  echo "left out: mandoc is not here"
fi
[ "$(command -v rpm)" ] && [ -f "target/packages/rmdd-$version-1.x86_64.rpm" ] || echo "left out: no .rpm was made or looked at"
echo "the package: all is well, after $SECONDS s"
