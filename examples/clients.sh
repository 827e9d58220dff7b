# What the tests of the gRPC clients share: a real rmdd on a made-up listing, and what a client is to say of it. To be
# sourced, with `rmdd` set to the program to test.
#
#     start_rmdd; client=(PROGRAM ...)      then what is expected; see the test.sh of Python and of Go
listing=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/listing.csv
scratch=$(mktemp -d)
daemon=
finish() {
  if [ -n "$daemon" ]; then
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  rm -rf "$scratch"
}
trap finish EXIT
fail() {
  echo "FAILED: $*"
  cat "$scratch"/*.log
  exit 1
}

# rmdd, serving at $target.
start_rmdd() {
  RMDD_HTTP__LISTEN=off "$rmdd" serve --state-dir "$scratch/state" --source "$listing" \
    --grpc-listen 127.0.0.1:0 >"$scratch/rmdd.out" 2>"$scratch/rmdd.log" &
  daemon=$!
  deadline=$((SECONDS + 60))
  until "$rmdd" --state-dir "$scratch/state" check RMD0001410 >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "rmdd answers nothing"
    sleep 0.05
  done
  target=$(sed -n 's/^listening on \([^ ]*\) (gRPC: queries)$/\1/p' "$scratch/rmdd.out")
  "$rmdd" --state-dir "$scratch/state" peers add TG-Acme-1 RMD0001410 --role gateway >/dev/null
}

# expect STATUS TEXT ARGUMENT...
expect() {
  local status=$1 text=$2 got=0
  shift 2
  "${client[@]}" "$@" >"$scratch/said.log" 2>&1 || got=$?
  cat "$scratch/said.log"
  [ "$got" = "$status" ] || fail "$* ended with $got and not with $status"
  grep -qF "$text" "$scratch/said.log" || fail "$* did not say $text"
}

stop_rmdd() {
  kill "$daemon"
  wait "$daemon" || true
  daemon=
}
