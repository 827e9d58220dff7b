//! The last lines of the log about somebody, read back for a page: from the end of the file, and no further than so many bytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

/// So much of the end of the file is looked at.
const LOOKED_AT: u64 = 512 << 10;

/// A decision, as the log has it.
#[derive(Debug, Clone, Deserialize)]
pub struct LoggedDecision {
    /// When it was made.
    pub at: Timestamp,
    /// Accept or refuse.
    pub verdict: String,
    /// Why, in a word.
    pub reason: String,
    /// How the question came in.
    #[serde(default)]
    pub interface: String,
    /// Who asked it.
    pub asked_by: Option<String>,
    /// What they call the call.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    #[serde(default)]
    asked: Named,
    filing: Option<Found>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Named {
    frn: Option<String>,
    rmd_number: Option<String>,
    ocn: Option<String>,
    peer: Option<String>,
    bound_to: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Found {
    number: String,
    frn: Option<String>,
}

impl LoggedDecision {
    /// What the question named.
    pub fn named(&self) -> &str {
        let Named { frn, rmd_number, ocn, peer, .. } = &self.asked;
        [peer, ocn, frn, rmd_number].into_iter().flatten().next().map_or("", String::as_str)
    }

    fn is_about(&self, numbers: &[String]) -> bool {
        let Named { frn, rmd_number, bound_to, .. } = &self.asked;
        let found = self.filing.iter().flat_map(|found| [Some(&found.number), found.frn.as_ref()]);
        let mut said = [frn.as_ref(), rmd_number.as_ref(), bound_to.as_ref()].into_iter().chain(found).flatten();
        said.any(|said| numbers.contains(said))
    }
}

/// The last decisions about a provider, by any of its numbers, newest first and so many at most. A file that is not there has
/// none.
///
/// # Errors
///
/// If the file cannot be read.
pub fn last_about(path: &Path, numbers: &[String], most: usize) -> io::Result<Vec<LoggedDecision>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // A pipe or a terminal has no end to read back from.
    if !file.metadata()?.is_file() {
        return Ok(Vec::new());
    }
    let start = file.metadata()?.len().saturating_sub(LOOKED_AT);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(LOOKED_AT).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().rev().filter(|line| numbers.iter().any(|number| line.contains(number.as_str())));
    // The first line may be the end of one, which is no JSON.
    let read = lines.filter_map(|line| serde_json::from_str::<LoggedDecision>(line).ok());
    Ok(read.filter(|decision| decision.is_about(numbers)).take(most).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_about_a_provider_are_found_and_others_that_name_it_are_not() {
        let directory = tempfile::tempdir().expect("a folder");
        let path = directory.path().join("decisions.jsonl");
        assert!(last_about(&path, &["0041000001".to_owned()], 3).expect("none yet").is_empty());
        let line = |second: u32, asked: &str| {
            format!(
                "{{\"at\":\"2026-11-26T00:{:02}:{:02}Z\",\"verdict\":\"REFUSE\",\"reason\":\"REMOVED\",\"asked\":{asked}}}\n",
                second / 60 % 60,
                second % 60
            )
        };
        let mut log: String = (0..6000).map(|second| line(second, "{\"frn\":\"0041000009\"}")).collect();
        log.push_str(&line(1, "{\"frn\":\"0041000001\"}"));
        log.push_str("no line at all\n{\"dropped\": 3}\n");
        log.push_str(&line(2, "{\"peer\":\"TG 0041000001\"}"));
        log.push_str(&line(3, "{\"peer\":\"TG-1\",\"bound_to\":\"0041000001\"}"));
        std::fs::write(&path, log).expect("written");
        let found = last_about(&path, &["0041000001".to_owned()], 3).expect("read");
        let named: Vec<_> = found.iter().map(LoggedDecision::named).collect();
        assert_eq!(named, ["TG-1", "0041000001"]);
    }
}
