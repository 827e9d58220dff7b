//! `rmdd peers list`: every upstream with its name and its verdict; and which of them vanished when.

use std::collections::HashMap;
use std::io::IsTerminal;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::removals::removals;
use super::super::standing::{self, counts, is_common};
use super::super::target::{Refused, Target};
use super::super::text::{self, say};
use super::super::{Global, YES};
use super::list::{print, to_json};
use super::{all, to_read};
use crate::api::grpc::v1::{self, ListRemovalsRequest};
use crate::api::json;
use crate::api::times::{moment, since};
use crate::domain::{ErrorReason, RecordKind, visible};
use crate::records::lists::objects::PRINTED_BESIDE;

#[derive(Debug, Args)]
pub struct ListPeers {
    /// Only peers whose provider had a filing that vanished from the listing, whether it stands again or not.
    #[arg(long)]
    vanished: bool,
    /// With --vanished: first missing since then: a time with its zone (2025-08-06 12:00 ET), a day (2025-08-06: from its
    /// beginning, Eastern time) or an age (7d, 36h).
    #[arg(long, value_name = "T", value_parser = since, requires = "vanished")]
    since: Option<Timestamp>,
    /// With --vanished: first missing before then.
    #[arg(long, value_name = "T", value_parser = moment, requires = "vanished")]
    until: Option<Timestamp>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// The columns of the table on a terminal of 80, but for the last.
const WIDTHS: [usize; 4] = [18, 7, 19, 10];

/// The width of a terminal that does not say how wide it is, and the least that the table is made for.
const TERMINAL: usize = 80;

/// How wide the columns are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Widths {
    /// Those of the table but for the last.
    columns: [usize; 4],
    /// That of the last.
    provider: usize,
}

impl Widths {
    /// On a terminal so wide: what is there beyond 80 columns is shared by the names of peers and of providers.
    fn of(terminal: usize) -> Self {
        let more = terminal.saturating_sub(TERMINAL);
        let [peer, verdict, reason, filing] = WIDTHS;
        // Hardly a name is longer.
        let peer = (peer + more / 2).min(64);
        let beside = peer + verdict + reason + filing + 2 * 4;
        Self { columns: [peer, verdict, reason, filing], provider: terminal.max(TERMINAL) - beside }
    }

    /// Those of the terminal that standard output is; nothing if it is none.
    fn of_terminal() -> Option<Self> {
        let stdout = std::io::stdout();
        let width = || terminal_size::terminal_size_of(&stdout).map_or(TERMINAL, |(width, _)| usize::from(width.0));
        stdout.is_terminal().then(|| Self::of(width()))
    }
}

impl ListPeers {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let target = to_read(global).await?;
        let records = all(&target, RecordKind::Peer).await?;
        let standings = match standing::all(&target).await {
            Ok(standings) => Some(standings.peers),
            Err(error) if is_not_loaded(&error) => None,
            Err(error) => return Err(error),
        };
        let Some(mut standings) = standings else {
            return without_a_listing(&records, self.json);
        };
        standing::sort(&mut standings);
        if self.vanished {
            return self.vanished(&target, &standings).await;
        }
        if self.json {
            let by_id: HashMap<&str, &v1::PeerStanding> = standings.iter().map(|of| (of.id.as_str(), of)).collect();
            for entry in &records {
                let id = entry.record.as_ref().map_or("", |record| record.id.as_str());
                say!("{}", visible::to_json(&with_standing(to_json(entry)?, by_id.get(id).copied())?)?);
            }
            return Ok(YES);
        }
        table(&standings, &records);
        Ok(YES)
    }

    /// The peers whose filings vanished then.
    async fn vanished(&self, target: &Target, standings: &[v1::PeerStanding]) -> anyhow::Result<u8> {
        let request = ListRemovalsRequest {
            since: self.since.map(crate::api::grpc::time_to_wire),
            until: self.until.map(crate::api::grpc::time_to_wire),
            include_reinstated: true,
            ..ListRemovalsRequest::default()
        };
        text::warn_if_ahead(self.since);
        let removals = removals(target, request).await?;
        let mut shown = 0;
        for peer in standings {
            let gone: Vec<&v1::Removal> = removals.iter().filter(|removal| is_of(removal, peer)).collect();
            if gone.is_empty() {
                continue;
            }
            if self.json {
                let mut object = serde_json::to_value(json::PeerStanding::from(peer))?;
                object["removals"] = gone.iter().map(|removal| json!(json::Removal::from(*removal))).collect();
                say!("{}", visible::to_json(&object)?);
            } else {
                if shown == 0 {
                    say!("{}", text::strong("FIRST MISSING (UTC)  FILING      PEER                NOW      PROVIDER"));
                }
                gone.iter().for_each(|removal| print_vanished(peer, removal));
            }
            shown += 1;
        }
        if !self.json {
            let gap = if shown > 0 { "\n" } else { "" };
            let all = text::count_of(standings.len() as u64, "peer");
            say!("{gap}{} of {all} had a filing that vanished then", text::count(shown));
        }
        Ok(YES)
    }
}

/// Whether a removal is one of a peer's provider.
pub fn is_of(removal: &v1::Removal, peer: &v1::PeerStanding) -> bool {
    removal
        .filing
        .as_ref()
        .is_some_and(|filing| filing.number == peer.provider || (!peer.frn.is_empty() && filing.frn == peer.frn))
}

fn is_not_loaded(error: &anyhow::Error) -> bool {
    Refused::of(error).is_some_and(|refused| refused.reason == ErrorReason::SnapshotNotLoaded.as_str())
}

/// What a record says, and how the peer stands if it is bound now.
fn with_standing(mut object: Value, standing: Option<&v1::PeerStanding>) -> anyhow::Result<Value> {
    object[PRINTED_BESIDE] = serde_json::to_value(standing.map(json::PeerStanding::from))?;
    Ok(object)
}

/// Nobody can tell how peers stand before the first listing.
fn without_a_listing(records: &[v1::ListedRecord], as_json: bool) -> anyhow::Result<u8> {
    for entry in records {
        match as_json {
            true => say!("{}", visible::to_json(&with_standing(to_json(entry)?, None)?)?),
            false => print(entry, false),
        }
    }
    if !as_json {
        let gap = if records.is_empty() { "" } else { "\n" };
        let count = RecordKind::Peer.count(records.len());
        say!("{gap}{count} on record; how they stand is not known before the first listing: `rmdd sync`");
    }
    Ok(YES)
}

/// A text in so many columns, cut where it is longer.
fn cell(text: &str, width: usize) -> String {
    let shown = match text.chars().count() > width {
        true => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_owned(),
    };
    format!("{shown:<width$}")
}

/// The table: on a terminal as wide as that is, with what else is to be known on lines below; else one peer a line, nothing cut.
fn table(standings: &[v1::PeerStanding], records: &[v1::ListedRecord]) {
    let widths = Widths::of_terminal();
    if !standings.is_empty() {
        let titles: Vec<String> = ["PEER", "VERDICT", "REASON", "FILING"]
            .iter()
            .zip(widths.map_or(WIDTHS, |widths| widths.columns))
            .map(|(title, width)| cell(title, width))
            .collect();
        say!("{}", text::strong(&format!("{}  PROVIDER", titles.join("  "))));
    }
    for peer in standings {
        print_standing(peer, widths);
    }
    let ended: Vec<&v1::ListedRecord> = records.iter().filter(|entry| !entry.in_force).collect();
    if !ended.is_empty() {
        say!("{}Their bindings have ended:", if standings.is_empty() { "" } else { "\n" });
        ended.iter().for_each(|entry| print(entry, true));
    }
    let gap = if records.is_empty() { "" } else { "\n" };
    let of = |state: v1::PeerState| standings.iter().filter(|peer| peer.state() == state).count();
    let counts: Vec<String> =
        [v1::PeerState::Refused, v1::PeerState::Unmatched, v1::PeerState::Attention, v1::PeerState::Accepted]
            .into_iter()
            .filter(|state| of(*state) > 0)
            .map(|state| format!("{} {}", of(state), standing::state(state)))
            .collect();
    let counts = if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) };
    say!("{gap}{} on record{counts}", RecordKind::Peer.count(records.len()));
}

fn print_standing(peer: &v1::PeerStanding, widths: Option<Widths>) {
    let verdict = standing::verdict(peer.verdict()).unwrap_or_else(|| "none".to_owned());
    let reason = match peer.state() {
        v1::PeerState::Unmatched if peer.reason() == v1::Reason::NotListed => "NOT_LISTED (typo?)".to_owned(),
        _ => standing::reason(peer.reason()).unwrap_or_default(),
    };
    let filing = if peer.rmd_number.is_empty() { &peer.provider } else { &peer.rmd_number };
    let cells = [&standing::name(peer), &verdict, &reason, filing];
    let mut shown: Vec<String> = cells
        .iter()
        .zip(widths.map_or(WIDTHS, |widths| widths.columns))
        .map(|(text, width)| if widths.is_some() { cell(text, width) } else { format!("{text:<width$}") })
        .collect();
    if let Some(verdict) = shown.get_mut(1) {
        *verdict = standing::styled(peer.state(), verdict);
    }
    let provider = standing::provider(peer);
    let provider = match widths {
        Some(widths) => cell(&provider, widths.provider).trim_end().to_owned(),
        None => provider,
    };
    let notes = notes(peer);
    match (widths.is_some(), notes.is_empty()) {
        (true, _) => {
            say!("{}  {provider}", shown.join("  "));
            for note in &notes {
                for (line, place) in text::wrapped(note, 6).iter().zip(0..) {
                    let mark = if place == 0 { text::doubtful("!") } else { " ".to_owned() };
                    say!("    {mark} {line}");
                }
            }
        }
        (false, true) => say!("{}  {provider}", shown.join("  ")),
        (false, false) => {
            say!("{}  {provider}  {}", shown.join("  "), text::doubtful(&format!("! {}", notes.join("; "))));
        }
    }
}

/// What else is to be known of a peer: since when, the advisories, and what will change by itself.
fn notes(peer: &v1::PeerStanding) -> Vec<String> {
    let mut notes = Vec::new();
    let codes: Vec<String> = peer.advisories.iter().map(|advisory| text::one_line(&advisory.code)).collect();
    let since = peer.since.as_ref().filter(|_| peer.state() != v1::PeerState::Accepted);
    let since = since.map(|since| format!("since {}", standing::day(since)));
    let said: Vec<String> = since.into_iter().chain((!codes.is_empty()).then(|| codes.join(", "))).collect();
    if !said.is_empty() {
        notes.push(said.join(": "));
    }
    for deadline in peer.next.iter().filter(|next| counts(next) && !is_common(next)) {
        let at = text::time_and_distance(deadline.at.as_ref());
        notes.push(format!("{at}: {} -> {}", standing::event(deadline), standing::outcome(deadline, peer)));
    }
    notes
}

fn print_vanished(peer: &v1::PeerStanding, removal: &v1::Removal) {
    let back = match &removal.reinstated_at {
        Some(at) => format!("  (stands again since {})", text::minute(Some(at))),
        None => String::new(),
    };
    let verdict = standing::verdict(peer.verdict()).unwrap_or_else(|| "none".to_owned());
    let number = removal.filing.as_ref().map_or("", |filing| filing.number.as_str());
    say!(
        "{:<19}  {number:<10}  {:<18}  {}  {}{back}",
        text::minute(removal.first_missing_at.as_ref()),
        standing::name(peer),
        standing::styled(peer.state(), &format!("{verdict:<7}")),
        standing::provider(peer),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_as_wide_as_the_terminal_and_no_narrower_than_80() {
        for (terminal, peer, provider) in [(0, 18, 18), (60, 18, 18), (80, 18, 18), (100, 28, 28), (200, 64, 92)] {
            let widths = Widths::of(terminal);
            assert_eq!((widths.columns[0], widths.provider), (peer, provider), "{terminal}");
            let all = widths.columns.iter().sum::<usize>() + 2 * 4 + widths.provider;
            assert_eq!(all, terminal.max(80));
        }
    }
}
