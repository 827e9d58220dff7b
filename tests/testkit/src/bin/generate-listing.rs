//! Writes a made-up listing to standard output.

#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "a program for a terminal")]

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use rmdd_testkit::listing::{CsvFormat, Step, World};

const USAGE: &str = "usage: generate-listing [--filings N] [--seed S] [--steps K] [--recertified]

  --filings N     how many filings (1000)
  --seed S        the same seed makes the same listing (1)
  --steps K       so many days later: each lists 30, amends 120, removes 3 and reinstates 1 (0)
  --recertified   with the column last_recertified, as since January 2026";

fn number(arguments: &mut impl Iterator<Item = String>, name: &str) -> Result<u64, String> {
    let value = arguments.next().ok_or_else(|| format!("{name} needs a number"))?;
    value.parse().map_err(|_| format!("{name}: {value:?} is no number"))
}

fn listing(mut arguments: impl Iterator<Item = String>) -> Result<Vec<u8>, String> {
    let (mut filings, mut seed, mut steps) = (1000, 1, 0);
    let mut format = CsvFormat::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--filings" => filings = number(&mut arguments, "--filings")?,
            "--seed" => seed = number(&mut arguments, "--seed")?,
            "--steps" => steps = number(&mut arguments, "--steps")?,
            "--recertified" => format.recertified = true,
            other => return Err(format!("{other:?} is no option")),
        }
    }
    let filings = usize::try_from(filings).map_err(|_| "--filings: too many".to_owned())?;
    let mut world = World::new(seed, filings);
    for _ in 0..steps {
        world.advance(Step { list: 30, amend: 120, remove: 3, reinstate: 1 });
    }
    Ok(world.to_csv_with(&format))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match listing(arguments.into_iter()) {
        Ok(bytes) => match std::io::stdout().write_all(&bytes) {
            Ok(()) => ExitCode::SUCCESS,
            // The reader had enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("generate-listing: {error}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            eprintln!("generate-listing: {error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}
