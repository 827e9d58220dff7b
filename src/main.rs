//! Parses arguments, runs, maps the error to an exit status; nothing else.

use std::process::ExitCode;

/// What is freed goes back to the system within moments, however it was spread over threads; `.cargo/config.toml` says how soon.
#[cfg(all(target_os = "linux", feature = "jemalloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    rmdd::cli::main()
}
