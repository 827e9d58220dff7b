//! `rmdd deadlines`

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::from_wire::time;
use super::output::{New, Output};
use super::own_files::OwnFiles;
use super::standing;
use super::target::{Access, Target};
use super::text::{self, say};
use super::{Global, YES, ics};
use crate::api::grpc::v1;
use crate::api::json;
use crate::daemon::config::Overrides;
use crate::domain::times::{self, Meant};
use crate::domain::visible;
use crate::observe::clock;

/// Reads the end of a time to come.
fn end(text: &str) -> Result<Timestamp, String> {
    times::read(text, Meant::End, clock::now())
}

#[derive(Debug, Args)]
pub struct Deadlines {
    /// Only what comes before then: a time with its zone, a day that is counted in (2027-03-01, Eastern time), or how long
    /// from now (7d, 36h).
    #[arg(long, value_name = "TIME", value_parser = end)]
    until: Option<Timestamp>,
    /// Write them to this file as a calendar (iCalendar, RFC 5545); - for standard output. Each has an ID that stays, so that
    /// a calendar that takes the file in again moves an event rather than doubles it.
    #[arg(long, value_name = "FILE")]
    ics: Option<PathBuf>,
    /// Print one JSON object a line.
    #[arg(long, conflicts_with = "ics")]
    json: bool,
}

/// One moment, and all whom it concerns.
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What happens.
    pub deadline: v1::Deadline,
    /// What becomes of them, in a few words; empty for the operator's own filing.
    pub outcome: String,
    /// The names of the peers that it concerns, or the FRN of the operator's own filing.
    pub of: Vec<String>,
    /// The provider's name as filed of each of these, in their order; empty where none is known.
    pub filed: Vec<String>,
    /// Whether it concerns the operator's own filing.
    pub own: bool,
}

/// The deadlines in the order of time. What happens to many at once for one cause is one.
pub fn entries(standings: &v1::ListStandingsResponse, until: Option<Timestamp>) -> Vec<Entry> {
    let mut by_cause: BTreeMap<(Timestamp, i32, String, i32, String), Entry> = BTreeMap::new();
    let mut add = |deadline: &v1::Deadline, (of, filed): (String, &str), outcome: String| {
        let Some(at) = time(deadline.at.as_ref()).filter(|at| until.is_none_or(|until| *at <= until)) else { return };
        // Where nothing but an advisory comes it is the same for the refused and the accepted.
        let is_common = standing::is_common(deadline);
        let cause =
            (at, deadline.kind, deadline.record.clone(), if is_common { 0 } else { deadline.state }, outcome.clone());
        let own = outcome.is_empty();
        let entry = by_cause.entry(cause);
        let (deadline, none) = (deadline.clone(), Vec::new());
        let entry = entry.or_insert_with(|| Entry { at, deadline, outcome, of: none, filed: Vec::new(), own });
        entry.of.push(of);
        entry.filed.push(text::one_line(filed));
    };
    for peer in &standings.peers {
        let outcome = |deadline| standing::outcome(deadline, peer);
        peer.next
            .iter()
            .for_each(|deadline| add(deadline, (standing::name(peer), &peer.provider_name), outcome(deadline)));
    }
    for own in &standings.own_filings {
        own.next.iter().for_each(|deadline| add(deadline, (own.frn.clone(), &own.name), String::new()));
    }
    by_cause.into_values().collect()
}

/// So many names are shown on a line.
const NAMED: usize = 3;

impl Entry {
    /// Whom it concerns, in a few words.
    pub fn whom(&self, most: usize) -> String {
        self.named(&self.of, most)
    }

    /// Whom it concerns, each with the name of its provider: a calendar stands for itself.
    pub fn whom_in_full(&self, most: usize) -> String {
        let in_full = |(of, filed): (&String, &String)| match filed.as_str() {
            "" => of.clone(),
            filed => format!("{of} ({filed})"),
        };
        self.named(&self.of.iter().zip(&self.filed).take(most).map(in_full).collect::<Vec<_>>(), most)
    }

    fn named(&self, names: &[String], most: usize) -> String {
        let (count, named) = (self.of.len(), names.iter().take(most).cloned().collect::<Vec<_>>().join(", "));
        match count {
            _ if self.own => format!("your filing {named}"),
            _ if count > most => format!("{named} and {} more", text::count((count - most) as u64)),
            _ => named,
        }
    }
}

impl Deadlines {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let loaded = global.settings(Overrides::new())?;
        let target = Target::find(global, &loaded, Access::Read).await?;
        let standings = standing::all(&target).await?;
        let entries = entries(&standings, self.until);
        match &self.ics {
            Some(file) => {
                // No calendar holds what the next sync puts off.
                let calendar = ics::calendar(entries.iter().filter(|entry| standing::counts(&entry.deadline)));
                if file.as_os_str() == "-" {
                    text::write(calendar.as_bytes())?;
                } else {
                    let new = New { mode: 0o644, over: true };
                    Output::open(file, new, &OwnFiles::of(&loaded))
                        .and_then(|mut output| output.write_all(calendar.as_bytes()).and_then(|()| output.finish()))
                        .with_context(|| format!("{} cannot be written", file.display()))?;
                }
                say_what_is_left_out(&entries);
            }
            None if self.json => {
                for entry in &entries {
                    let mut object = serde_json::to_value(json::Deadline::from(&entry.deadline))?;
                    let of = if entry.own { "own_filing" } else { "peers" };
                    object[of] = json!(entry.of);
                    text::whole!("{}", visible::to_json(&object)?);
                }
            }
            None => print(&entries, standings.peers.len()),
        }
        Ok(YES)
    }
}

/// Beside a calendar, which may go to standard output.
fn say_what_is_left_out(entries: &[Entry]) {
    let left_out = entries.iter().filter(|entry| !standing::counts(&entry.deadline)).count() as u64;
    if left_out > 0 {
        let count = text::count_of(left_out, "deadline");
        text::aside(format_args!(
            "{}: {count} not in the calendar (LISTING_OLD): the next sync puts {} off",
            text::doubtful("note"),
            if left_out == 1 { "it" } else { "them" }
        ));
    }
}

fn print(entries: &[Entry], peers: usize) {
    for entry in entries {
        let eastern = crate::domain::in_eastern_time(entry.at).strftime("%a %b %-d %H:%M %Z");
        let at = text::strong(&text::time_and_distance(entry.deadline.at.as_ref()));
        let what = format!("{}: {}", entry.whom(NAMED), standing::event(&entry.deadline));
        let then = if entry.own { String::new() } else { format!(" -> {}", entry.outcome) };
        text::record(&format!("{at} ({eastern})"), &[format!("{what}{then}")]);
    }
    let gap = if entries.is_empty() { "" } else { "\n" };
    let (count, peers) = (text::count_of(entries.len() as u64, "deadline"), text::count_of(peers as u64, "peer"));
    say!("{gap}{count}; {peers} on record. `rmdd deadlines --ics FILE` writes a calendar.");
}
