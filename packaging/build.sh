#!/usr/bin/env bash
# Builds the packages into target/packages: .deb, its debug symbols apart, .rpm, and the SBOM (CycloneDX).
#
#   packaging/build.sh                    # builds the program as packages hold it, first (profile dist; minutes)
#   packaging/build.sh --binary FILE      # packs this program, such as target/debug/rmdd for a test
#   packaging/build.sh --fast ...         # packed less, for a test
#
# Needs git, dpkg-deb and Python 3.11. Where cargo-deb is not here, dpkg-deb packs the same list of files; cargo-generate-rpm,
# cargo-auditable and cargo-cyclonedx make the rest: what is not here is left out, with a word. Two builds of one commit by the
# same compilers are the same bytes: times are those of the commit, and no path of this machine is in them.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/target/tools/bin:$PATH" LC_ALL=C TZ=UTC

binary= fast=
while [ $# -gt 0 ]; do
  case $1 in
  --binary) binary=$2; shift 2 ;;
  --fast) fast=--fast; shift ;;
  *) echo "usage: $0 [--fast] [--binary FILE]" >&2; exit 2 ;;
  esac
done
version=$(sed -n '0,/^version = /s/^version = "\(.*\)"$/\1/p' Cargo.toml)
format=$(sed -n 's/^pub const FORMAT: u32 = \([0-9]*\);$/\1/p' src/store/mod.rs)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
staged=target/packaging packages=target/packages
rm -rf "$staged"
mkdir -p "$staged"/{man,completions,debian} "$packages"

left_out() { echo "left out: $*"; }
is_here() { "$@" >/dev/null 2>&1; }

if [ -z "$binary" ]; then
  # Without the paths of this machine, and with an ID by which the debug symbols are found.
  cargo_home=${CARGO_HOME:-$HOME/.cargo}
  remap="--remap-path-prefix=$PWD=/usr/src/rmdd --remap-path-prefix=$cargo_home=/usr/src/cargo"
  export RUSTFLAGS="${RUSTFLAGS:-} $remap -C link-arg=-Wl,--build-id=sha1"
  # What is in C or assembly (zstd, ring) has lines as well.
  export CFLAGS="${CFLAGS:-} -ffile-prefix-map=$PWD=/usr/src/rmdd -ffile-prefix-map=$cargo_home=/usr/src/cargo"
  if is_here cargo auditable --version; then
    cargo auditable build --locked --profile dist
  else
    left_out "cargo-auditable is not here: the program does not name its dependencies"
    cargo build --locked --profile dist
  fi
  binary=target/dist/rmdd
fi

# The program, and its debug symbols apart.
objcopy --only-keep-debug "$binary" "$staged/rmdd.debug"
strip --strip-unneeded --remove-section=.comment -o "$staged/rmdd" "$binary"
build_id=$(readelf -n "$binary" | sed -n 's/^ *Build ID: //p')

# What the program says of itself.
"$binary" man --directory "$staged/man"
gzip -9n "$staged"/man/*.1
"$binary" completions bash >"$staged/completions/rmdd"
"$binary" completions zsh >"$staged/completions/_rmdd"
"$binary" completions fish >"$staged/completions/rmdd.fish"

# The configuration: every setting with its default, commented out; and what the package sets.
sed -E 's/^([a-z_]+ = )/#\1/' examples/rmdd.toml |
  sed -E 's|^#listen = "off"$|listen = "unix:/run/rmdd-admin/admin.sock"|; s|^#socket_right = "admin"$|socket_right = "operator"|' \
    >"$staged/rmdd.toml"
"$binary" --config "$staged/rmdd.toml" config check >/dev/null
echo "$format" >"$staged/store-format"

day=$(date -R -d "@$SOURCE_DATE_EPOCH")
printf 'rmdd (%s) unstable; urgency=medium\n\n  * What changed is in changelog.gz.\n\n -- rmdd <rmdd@packages.example>  %s\n' \
  "$version" "$day" | gzip -9n >"$staged/changelog.Debian.gz"
gzip -9nc CHANGELOG.md >"$staged/changelog.gz"
for script in preinst postinst prerm postrm; do
  sed "s/@VERSION@/$version/g; s/@FORMAT@/$format/g" "packaging/debian/$script" >"$staged/debian/$script"
  chmod 755 "$staged/debian/$script"
done
find "$staged" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

architecture=$(dpkg --print-architecture)
if [ -z "$fast" ] && is_here cargo deb --version; then
  cargo deb --quiet --no-build --no-strip --deb-version "$version" --output "$packages/rmdd_${version}_$architecture.deb"
else
  # The same list of files.
  python3 packaging/deb.py "$version" "$architecture" "$packages" ${fast:+-Zgzip -z1} >/dev/null
fi

# Debug symbols, where gdb and the stack of a panic look for them.
if [ -n "$fast" ]; then
  left_out "no debug symbols and no .rpm for a test (--fast)"
  exit 0
fi
if [ -n "$build_id" ]; then
  symbols="$staged/rmdd-dbgsym"
  mkdir -p "$symbols/DEBIAN" "$symbols/usr/lib/debug/.build-id/${build_id:0:2}"
  cp "$staged/rmdd.debug" "$symbols/usr/lib/debug/.build-id/${build_id:0:2}/${build_id:2}.debug"
  cat >"$symbols/DEBIAN/control" <<END
Package: rmdd-dbgsym
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: rmdd <rmdd@packages.example>
Section: debug
Priority: optional
Depends: rmdd (= $version)
Description: debug symbols of rmdd
 With them the stack of a panic names functions and lines.
END
  find "$symbols" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz --build "$symbols" "$packages/" >/dev/null
else
  left_out "the program has no build ID: no package of its debug symbols"
fi

if is_here cargo generate-rpm --help; then
  cargo generate-rpm --auto-req no --set-metadata "version = \"${version/\~/-}\"" --output "$packages/"
else
  left_out "cargo-generate-rpm is not here: no .rpm"
fi

if is_here cargo cyclonedx --version; then
  cargo cyclonedx --quiet --format json --override-filename rmdd.cdx
  # Without the path of this machine. cargo names the package in its ID only where the directory has another name.
  sed "s|file://$PWD|file:///usr/src/rmdd|g; s|file:///usr/src/rmdd#rmdd@|file:///usr/src/rmdd#|g" rmdd.cdx.json \
    >"$packages/rmdd.cdx.json"
  rm -f rmdd.cdx.json
  rm -f tests/testkit/rmdd.cdx.json
else
  left_out "cargo-cyclonedx is not here: no SBOM"
fi
ls -l "$packages"
