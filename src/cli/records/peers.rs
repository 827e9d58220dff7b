//! `rmdd peers list`: every upstream with its name and its verdict; and which of them vanished when.

use std::collections::HashMap;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::removals::removals;
use super::super::screen::{Cell, Column, Table};
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

static COLUMNS: [Column; 6] = [
    Column::text("PEER"),
    Column::whole("VERDICT"),
    Column::whole("REASON"),
    Column::whole("FILING"),
    Column::text("PROVIDER"),
    Column::whole("SINCE").from(110),
];

static VANISHED: [Column; 6] = [
    Column::whole("FIRST MISSING"),
    Column::whole("FILING"),
    Column::text("PEER"),
    Column::whole("NOW"),
    Column::text("PROVIDER"),
    Column::whole("LISTED AGAIN").from(130),
];

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
                text::whole!("{}", visible::to_json(&with_standing(to_json(entry)?, by_id.get(id).copied())?)?);
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
        text::in_order(self.since, self.until)?;
        text::warn_if_ahead(self.since);
        let removals = removals(target, request).await?;
        let (mut shown, mut table) = (0, Table::new(&VANISHED));
        for peer in standings {
            let gone: Vec<&v1::Removal> = removals.iter().filter(|removal| is_of(removal, peer)).collect();
            if gone.is_empty() {
                continue;
            }
            if self.json {
                let mut object = serde_json::to_value(json::PeerStanding::from(peer))?;
                object["removals"] = gone.iter().map(|removal| json!(json::Removal::from(*removal))).collect();
                text::whole!("{}", visible::to_json(&object)?);
            } else {
                gone.iter().for_each(|removal| add_vanished(&mut table, peer, removal));
            }
            shown += 1;
        }
        if !self.json {
            table.print();
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
            true => text::whole!("{}", visible::to_json(&with_standing(to_json(entry)?, None)?)?),
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

/// The table: what else is to be known of a peer stands below it, or behind it for a pipe.
fn table(standings: &[v1::PeerStanding], records: &[v1::ListedRecord]) {
    let mut table = Table::new(&COLUMNS);
    for peer in standings {
        let verdict = standing::verdict(peer.verdict()).unwrap_or_else(|| "none".to_owned());
        let reason = match peer.state() {
            v1::PeerState::Unmatched if peer.reason() == v1::Reason::NotListed => "NOT_LISTED (typo?)".to_owned(),
            _ => standing::reason(peer.reason()).unwrap_or_default(),
        };
        let filing = if peer.rmd_number.is_empty() { &peer.provider } else { &peer.rmd_number };
        let cells = [
            Cell::plain(standing::name(peer)),
            standing::cell(peer.state(), verdict),
            Cell::plain(reason),
            Cell::plain(filing),
            Cell::plain(standing::provider(peer)),
            Cell::plain(peer.since.as_ref().map(|since| text::time(Some(since))).unwrap_or_default()),
        ];
        table.add(cells, notes(peer));
    }
    table.print();
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
            .map(|state| format!("{} {}", text::count(of(state) as u64), standing::state(state)))
            .collect();
    let counts = if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) };
    say!("{gap}{} on record{counts}", RecordKind::Peer.count(records.len()));
}

/// What else is to be known of a peer: the advisories, and what will change by itself.
fn notes(peer: &v1::PeerStanding) -> Vec<String> {
    let mut notes = Vec::new();
    let codes: Vec<String> = peer.advisories.iter().map(|advisory| text::one_line(&advisory.code)).collect();
    if !codes.is_empty() {
        notes.push(codes.join(", "));
    }
    for deadline in peer.next.iter().filter(|next| counts(next) && !is_common(next)) {
        let at = text::time_and_distance(deadline.at.as_ref());
        notes.push(format!("{at}: {} -> {}", standing::event(deadline), standing::outcome(deadline, peer)));
    }
    notes
}

fn add_vanished(table: &mut Table, peer: &v1::PeerStanding, removal: &v1::Removal) {
    let back = removal.reinstated_at.as_ref().map(|at| text::time(Some(at))).unwrap_or_default();
    let verdict = standing::verdict(peer.verdict()).unwrap_or_else(|| "none".to_owned());
    let number = removal.filing.as_ref().map_or("", |filing| filing.number.as_str());
    let cells = [
        Cell::plain(text::time(removal.first_missing_at.as_ref())),
        Cell::plain(number),
        Cell::plain(standing::name(peer)),
        standing::cell(peer.state(), verdict),
        Cell::plain(standing::provider(peer)),
        Cell::good(back),
    ];
    table.add(cells, Vec::new());
}
