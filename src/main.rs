//! Parses arguments, runs, maps the error to an exit status; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    rmdd::cli::main()
}
