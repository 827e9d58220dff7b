//! The files that people hand in.

use std::io::Read;
use std::path::Path;

use anyhow::{anyhow, bail};

use super::text;
use crate::records::lists::table::MOST_BYTES;

/// Reads a list whole; `-` is standard input. One that has no end is not read to it.
pub fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let (name, mut bytes) = (name(file), Vec::new());
    let read = if file == Path::new("-") {
        std::io::stdin().take(MOST_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| anyhow!("{name} cannot be read: {error}"))?;
    if bytes.len() as u64 > MOST_BYTES {
        bail!("{name} is larger than {} MiB: hand it in in parts", MOST_BYTES >> 20);
    }
    Ok(bytes)
}

/// What to call it in messages.
pub fn name(file: &Path) -> String {
    if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
}

/// Says on standard error how a list was read.
pub fn say_notes(file: &Path, notes: &[String]) {
    for note in notes {
        text::aside(format_args!("{}: {}: {}", text::doubtful("note"), name(file), text::one_line(note)));
    }
}

/// More than so many of a kind are counted only.
pub const SAID_SINGLY: usize = 20;

/// The first of many lines, and how many more there are.
pub fn first_of(lines: &[String]) -> Vec<String> {
    let mut said: Vec<String> = lines.iter().take(SAID_SINGLY).cloned().collect();
    if let more @ 1.. = lines.len().saturating_sub(SAID_SINGLY) {
        said.push(format!("and {} more", text::count(more as u64)));
    }
    said
}
