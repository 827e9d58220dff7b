//! `rmdd removals`

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::records::peers::is_of;
use super::screen::{Cell, Column, Table};
use super::standing;
use super::target::{Access, Target};
use super::text::say;
use super::{Global, YES, text};
use crate::api::grpc::time_to_wire;
use crate::api::grpc::v1::{ListRemovalsRequest, Removal, SnapshotRef};
use crate::api::json;
use crate::api::times::{moment, since};
use crate::daemon::config::Overrides;
use crate::domain::visible;

const PAGE: u32 = 1000;

#[derive(Debug, Args)]
pub struct Removals {
    /// Only removals observed since then: a time with its zone (2025-08-06 12:00 ET), a day (2025-08-06: from its
    /// beginning, Eastern time) or an age (7d, 36h).
    #[arg(long, value_name = "T", value_parser = since)]
    since: Option<Timestamp>,
    /// Only removals observed before then.
    #[arg(long, value_name = "T", value_parser = moment)]
    until: Option<Timestamp>,
    /// Only removals of your peers' providers, with the peers' names.
    #[arg(long)]
    peers: bool,
    /// Also filings that were reinstated since.
    #[arg(long)]
    reinstated: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// A removal, with the peers whose provider it is of where they are asked for.
#[derive(Serialize)]
struct OfPeers<'a> {
    #[serde(flatten)]
    removal: json::Removal<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peers: Option<&'a [String]>,
}

/// All removals that are asked for, newest first.
pub async fn removals(target: &Target, mut request: ListRemovalsRequest) -> anyhow::Result<Vec<Removal>> {
    let mut all = Vec::new();
    request.page_size = PAGE;
    loop {
        let page = target.list_removals(request.clone()).await?;
        let is_empty = page.removals.is_empty();
        all.extend(page.removals);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        if is_empty {
            bail!("the daemon's pages do not end: this is a fault of the daemon");
        }
        request.page_token = page.next_page_token;
    }
}

impl Removals {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        text::in_order(self.since, self.until)?;
        text::warn_if_ahead(self.since);
        let target = Target::find(global, &global.settings(Overrides::new())?, Access::Read).await?;
        let peers = if self.peers { Some(standing::all(&target).await?.peers) } else { None };
        let mut request = ListRemovalsRequest {
            since: self.since.map(time_to_wire),
            until: self.until.map(time_to_wire),
            include_reinstated: self.reinstated,
            page_size: PAGE,
            page_token: String::new(),
        };
        let (mut shown, mut table) = (0u64, Table::new(if self.peers { &OF_PEERS } else { &OF_ALL }));
        loop {
            let page = target.list_removals(request.clone()).await?;
            for removal in &page.removals {
                let of: Option<Vec<String>> = peers
                    .as_ref()
                    .map(|peers| peers.iter().filter(|peer| is_of(removal, peer)).map(standing::name).collect());
                if of.as_ref().is_some_and(Vec::is_empty) {
                    continue;
                }
                shown += 1;
                match self.json {
                    true => text::whole!(
                        "{}",
                        visible::to_json(&OfPeers { removal: removal.into(), peers: of.as_deref() })?
                    ),
                    false => add(&mut table, removal, of.as_deref()),
                }
            }
            if page.next_page_token.is_empty() {
                if !self.json {
                    table.print();
                    let total = if self.peers { shown } else { page.total };
                    print_end(total, self.peers, page.snapshot.as_ref(), shown > 0);
                }
                return Ok(YES);
            }
            if page.removals.is_empty() {
                bail!("the daemon's pages do not end: this is a fault of the daemon");
            }
            request.page_token = page.next_page_token;
        }
    }
}

/// The columns where the removals of all are asked for, and where those of peers are.
static OF_ALL: [Column; 6] = [
    Column::whole("FIRST MISSING"),
    Column::whole("LAST SEEN").from(110),
    Column::whole("FILING"),
    Column::whole("FRN"),
    Column::text("NAME"),
    Column::whole("LISTED AGAIN").from(140),
];
static OF_PEERS: [Column; 7] = [
    Column::whole("FIRST MISSING"),
    Column::whole("LAST SEEN").from(130),
    Column::whole("FILING"),
    Column::whole("FRN").from(100),
    Column::text("PEERS"),
    Column::text("NAME"),
    Column::whole("LISTED AGAIN").from(160),
];

fn add(table: &mut Table, removal: &Removal, of: Option<&[String]>) {
    let Some(filing) = &removal.filing else { return };
    let back = removal.reinstated_at.as_ref().map(|at| text::time(Some(at))).unwrap_or_default();
    let of = of.map(|of| Cell::plain(of.join(", ")));
    let before = [
        Cell::plain(text::time(removal.first_missing_at.as_ref())),
        Cell::plain(text::time(removal.last_seen_at.as_ref())),
        Cell::plain(&filing.number),
        Cell::plain(&filing.frn),
    ];
    let behind = [Cell::plain(text::one_line(&filing.business_name)), Cell::good(back)];
    table.add(before.into_iter().chain(of).chain(behind), Vec::new());
}

fn print_end(total: u64, of_peers: bool, snapshot: Option<&SnapshotRef>, gap: bool) {
    if gap {
        say!();
    }
    let of_peers = if of_peers { " of your peers" } else { "" };
    say!("{} removed{of_peers}; snapshot {}", text::count(total), text::snapshot(snapshot));
}
