//! `rmdd snapshots`

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;

use super::screen::{Cell, Column, Table};
use super::target::{Access, Target};
use super::text::say;
use super::{Global, YES, text};
use crate::api::grpc::time_to_wire;
use crate::api::grpc::v1::{self, ListSnapshotsRequest, ListedSnapshot};
use crate::api::json;
use crate::api::times::{moment, since};
use crate::daemon::config::Overrides;

const PAGE: u32 = 500;

/// Of a digest, so many digits are shown: enough to tell all listings there will ever be apart.
const SHOWN_OF_DIGEST: usize = 12;

#[derive(Debug, Args)]
pub struct Snapshots {
    /// Only snapshots fetched then or later: a time with its zone (2025-08-06 12:00 ET), a day (2025-08-06: from its
    /// beginning, Eastern time) or an age (7d, 36h).
    #[arg(long, value_name = "T", value_parser = since)]
    since: Option<Timestamp>,
    /// Only snapshots fetched then or earlier: a time with its zone, a day (to its end, Eastern time) or an age.
    #[arg(long, value_name = "T", value_parser = moment)]
    until: Option<Timestamp>,
    /// Print one JSON object a line, with the digests whole.
    #[arg(long)]
    json: bool,
}

impl Snapshots {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        text::in_order(self.since, self.until)?;
        text::warn_if_ahead(self.since);
        let target = Target::find(global, &global.settings(Overrides::new())?, Access::Read).await?;
        let mut request = ListSnapshotsRequest {
            since: self.since.map(time_to_wire),
            until: self.until.map(time_to_wire),
            page_size: PAGE,
            page_token: String::new(),
        };
        let mut table = Table::new(&COLUMNS);
        loop {
            let page = target.list_snapshots(request.clone()).await?;
            for snapshot in &page.snapshots {
                if self.json {
                    text::whole!("{}", serde_json::to_string(&json::ListedSnapshot::from(snapshot))?);
                    continue;
                }
                add(&mut table, snapshot);
            }
            if page.next_page_token.is_empty() {
                if !self.json {
                    table.print();
                    print_end(page.total);
                }
                return Ok(YES);
            }
            if page.snapshots.is_empty() {
                bail!("the daemon's pages do not end: this is a fault of the daemon");
            }
            request.page_token = page.next_page_token;
        }
    }
}

fn print_end(total: u64) {
    let what = if total == 1 { "snapshot" } else { "snapshots" };
    if total == 0 {
        say!("No snapshots: none was applied then, or history does not reach back so far.");
        return;
    }
    say!();
    say!(
        "{} {what}. Changes: + new, - gone, ~ amended, ^ back again. --json has the digests whole, also that of what \
         `rmdd export --at` writes.",
        text::count(total)
    );
}

static COLUMNS: [Column; 6] = [
    Column::number("SNAPSHOT"),
    Column::whole("FETCHED"),
    Column::whole("CONFIRMED").from(100),
    Column::number("FILINGS"),
    Column::whole("SHA256"),
    Column::text("CHANGES"),
];

/// One snapshot, and what was out of the ordinary.
fn add(table: &mut Table, listed: &ListedSnapshot) {
    let Some(snapshot) = json::ListedSnapshot::from(listed).snapshot else { return };
    let counted = [(listed.listed, "+"), (listed.removed, "-"), (listed.amended, "~"), (listed.reinstated, "^")];
    let changes: Vec<String> = counted
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, sign)| format!("{sign}{}", text::count(count)))
        .collect();
    let changes = if changes.is_empty() { "none".to_owned() } else { changes.join(" ") };
    let reported = listed.snapshot.as_ref();
    let cells = [
        Cell::plain(snapshot.serial.to_string()),
        Cell::plain(text::time(reported.and_then(|reported| reported.fetched_at.as_ref()))),
        Cell::plain(text::time(reported.and_then(|reported| reported.confirmed_at.as_ref()))),
        Cell::plain(text::count(listed.filings)),
        Cell::plain(snapshot.sha256.get(..SHOWN_OF_DIGEST).unwrap_or(&snapshot.sha256)),
        Cell::plain(changes),
    ];
    let note = |note: &v1::SnapshotNote| format!("{}: {}", note.code, text::one_line(&note.message));
    table.add(cells, listed.notes.iter().map(note).collect());
}
