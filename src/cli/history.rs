//! `rmdd history`

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::show::{self, print_change};
use super::target::{Access, Target};
use super::text::say;
use super::{Global, NO, YES, text};
use crate::api::grpc::time_to_wire;
use crate::api::grpc::v1::{FirstKnown, ListChangesRequest, ListChangesResponse};
use crate::api::json;
use crate::api::times::{moment, since};
use crate::cli::from_wire;
use crate::daemon::config::Overrides;
use crate::domain::Who;
use crate::domain::visible;

const PAGE: u32 = 1000;

#[derive(Debug, Args)]
pub struct History {
    /// The provider: an FRN in any usual writing, an RMD number for one filing alone, or an OCN or peer's name. Without
    /// it, the changes of all filings.
    #[arg(value_name = "WHO")]
    who: Option<String>,
    /// Only changes observed then or later: a time with its zone (2025-08-06 12:00 ET), a day (2025-08-06: from its
    /// beginning, Eastern time) or an age (7d, 36h).
    #[arg(long, value_name = "T", value_parser = since)]
    since: Option<Timestamp>,
    /// Only changes observed then or earlier: a time with its zone, a day (to its end, Eastern time) or an age.
    #[arg(long, value_name = "T", value_parser = moment)]
    until: Option<Timestamp>,
    /// Only changes of this serial or higher.
    #[arg(long, value_name = "SERIAL", default_value_t = 0, value_parser = text::number::<u64>)]
    from: u64,
    /// At most so many: the newest, with --json the oldest [default: 100 of all filings, and all with WHO, a bound, --all or
    /// --json].
    #[arg(long, value_name = "N", value_parser = text::number::<usize>)]
    limit: Option<usize>,
    /// All of them, down to the first listing's.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print one JSON object a line for each change, the oldest first; with WHO, one object for it all.
    #[arg(long)]
    json: bool,
}

/// What is known of one provider's filings over time.
#[derive(Debug, Serialize)]
struct Report {
    first_known: Vec<json::FirstKnown>,
    changes: Vec<json::Change>,
    reaches_back_to: Option<Timestamp>,
    snapshot: Option<json::Snapshot>,
}

/// So many are shown of all, unless more are asked for.
const SHOWN_OF_ALL: usize = 100;

impl Report {
    fn of(last: &ListChangesResponse, changes: Vec<json::Change>) -> Self {
        Self {
            first_known: last.first_known.iter().map(json::FirstKnown::from).collect(),
            changes,
            reaches_back_to: from_wire::time(last.reaches_back_to.as_ref()),
            snapshot: last.snapshot.as_ref().map(json::Snapshot::from),
        }
    }
}

impl History {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        text::in_order(self.since, self.until)?;
        text::warn_if_ahead(self.since);
        let target = Target::find(global, &global.settings(Overrides::new())?, Access::Read).await?;
        let mut request = ListChangesRequest {
            after_serial: self.from.saturating_sub(1),
            since: self.since.map(time_to_wire),
            until: self.until.map(time_to_wire),
            newest_first: !self.json,
            ..ListChangesRequest::default()
        };
        let limit = self.most();
        let whole = self.json && self.who.is_some();
        let mut changes = Vec::new();
        let mut shown = 0;
        let mut nothing_known = None;
        let last = loop {
            request.limit = u32::try_from(limit.saturating_sub(shown)).unwrap_or(PAGE).clamp(1, PAGE);
            let page = match &self.who {
                Some(who) if request.identity.is_none() => {
                    let ask = async |who: Who| {
                        let request = ListChangesRequest { identity: Some(who.clone().into()), ..request.clone() };
                        target.list_changes(request.clone()).await.map(|page| (who, request, page))
                    };
                    let (who, asked, page) = target.first_known(who, ask).await?;
                    request = asked;
                    // A filing that is known was first known at some time, whatever bounds its changes are asked within.
                    nothing_known = page.first_known.is_empty().then_some(who);
                    page
                }
                _ => target.list_changes(request.clone()).await?,
            };
            if shown == 0 && !self.json {
                print_first_known(&page.first_known);
            }
            for change in page.changes.iter().take(limit - shown) {
                match (whole, self.json) {
                    (true, _) => changes.push(json::Change::from(change)),
                    (false, true) => text::whole!("{}", visible::to_json(&json::Change::from(change))?),
                    (false, false) => print_change(change),
                }
            }
            shown += page.changes.len();
            if !self.asks_on(&mut request, &page)? || shown >= limit {
                break page;
            }
        };
        if whole {
            text::whole!("{}", visible::to_json(&Report::of(&last, changes))?);
        } else if !self.json {
            if let Some(who) = &nothing_known {
                say!("{}", show::nothing_known(who));
            }
            print_end(shown, &last, shown == limit && self.limit.is_none());
        }
        Ok(if nothing_known.is_some() { NO } else { YES })
    }

    /// So many are shown at most.
    fn most(&self) -> usize {
        let is_bounded = self.who.is_some() || self.since.is_some() || self.until.is_some() || self.from > 0;
        match self.limit {
            Some(limit) => limit,
            None if self.all || self.json || is_bounded => usize::MAX,
            None => SHOWN_OF_ALL,
        }
    }

    /// Prepares the request for the page behind this one; false behind the last.
    fn asks_on(&self, request: &mut ListChangesRequest, page: &ListChangesResponse) -> anyhow::Result<bool> {
        let Some(last) = page.changes.last().filter(|_| page.changes.len() >= request.limit as usize) else {
            return Ok(false);
        };
        let goes_on = match self.json {
            true => last.serial > request.after_serial,
            false => request.before_serial == 0 || last.serial < request.before_serial,
        };
        if !goes_on {
            bail!("the daemon's pages do not end: this is a fault of the daemon");
        }
        match self.json {
            true => request.after_serial = last.serial,
            false => request.before_serial = last.serial,
        }
        Ok(true)
    }
}

fn print_first_known(known: &[FirstKnown]) {
    for filing in known {
        let since = text::time(filing.at.as_ref());
        if filing.already_listed {
            say!("{}  listed already when the history begins, {since}", text::strong(&filing.number));
        } else {
            say!("{}  first known {since}", text::strong(&filing.number));
        }
    }
}

fn print_end(shown: usize, last: &ListChangesResponse, is_cut: bool) {
    let changes = text::count_of(shown as u64, "change");
    let since = text::time(last.reaches_back_to.as_ref());
    let newest = text::count(last.last_serial);
    match is_cut {
        true => say!("{changes}, the newest first: all with --all; the newest is {newest}; the history begins {since}"),
        false => say!("{changes}; the newest of all is {newest}; the history begins {since}"),
    }
}
