//! `rmdd show`

use clap::Args;
use jiff::Timestamp;

use super::target::{Access, Target};
use super::text::say;
use super::{Global, NO, YES, screen, text};
use crate::api::grpc::time_to_wire;
use crate::api::grpc::v1::{Change, ChangeKind, Filing, GetProviderRequest, GetProviderResponse, Removal};
use crate::api::json;
use crate::api::times::moment;
use crate::daemon::config::Overrides;
use crate::domain::visible;
use crate::domain::{Column, Who};

/// Of a cell that changed, so much is shown at least.
const LEAST_OF_CELL: usize = 12;

#[derive(Debug, Args)]
pub struct Show {
    /// The provider: an FRN in any usual writing, an RMD number for one filing alone, or an OCN or peer's name that
    /// `rmdd peers` bound to one; frn:, rmd:, ocn: or peer: in front says which is meant.
    #[arg(value_name = "WHO")]
    who: String,
    /// As it was known at a moment: a time with its zone (2025-08-06 12:00 ET), a day (2025-08-06: its end, Eastern time)
    /// or an age (7d, 36h).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let target = Target::find(global, &global.settings(Overrides::new())?, Access::Read).await?;
        let ask = async |who: Who| {
            let at = self.at.map(time_to_wire);
            let request = GetProviderRequest { identity: Some(who.clone().into()), include_history: true, at };
            target.get_provider(request).await.map(|provider| (who, provider))
        };
        let (who, provider) = target.first_known_at(&self.who, self.at, ask).await?;
        let found = !provider.filings.is_empty() || !provider.removals.is_empty();
        if self.json {
            text::whole!("{}", visible::to_json(&json::Provider::from(&provider))?);
        } else if found {
            print(&provider);
        } else {
            match text::as_of(provider.at.as_ref()) {
                None => say!("{}", nothing_known(&who)),
                Some(then) => say!(
                    "Nothing was known of {who} {then}: it was not in the database, and never had been while watched."
                ),
            }
            text::fact("snapshot", text::snapshot_at(provider.snapshot.as_ref(), provider.at.as_ref()));
        }
        Ok(if found { YES } else { NO })
    }
}

/// What is said of a provider of which nothing is known.
pub fn nothing_known(who: &Who) -> String {
    format!("Nothing is known of {who}: it is not in the database, and never was while watched.")
}

fn print(provider: &GetProviderResponse) {
    if let Some(then) = text::as_of(provider.at.as_ref()) {
        say!("What was known {then}:");
    }
    for filing in &provider.filings {
        say!("{}  {}", text::good("LISTED"), text::strong(&filing.number));
        print_filing(filing);
    }
    for removal in &provider.removals {
        print_removal(removal, &provider.filings);
    }
    if !provider.changes.is_empty() {
        say!("History, the newest first");
        for change in provider.changes.iter().rev() {
            print_change(change);
        }
        say!();
    }
    text::fact("snapshot", text::snapshot_at(provider.snapshot.as_ref(), provider.at.as_ref()));
}

fn print_filing(filing: &Filing) {
    if !filing.frn.is_empty() {
        text::fact("FRN", &filing.frn);
    }
    text::fact("name", text::one_line(&filing.business_name));
    text::fact("roles", text::roles(filing));
    text::fact("implementation", text::implementation(filing));
    if let Some(since) = &filing.carried_since {
        text::fact("unreadable since", format!("{} (stands as it was last read)", text::time(Some(since))));
    }
    let reported = [Column::Number, Column::Frn, Column::BusinessName, Column::Implementation];
    let choices =
        [Column::VoiceServiceProviderChoice, Column::GatewayProviderChoice, Column::IntermediateProviderChoice];
    for column in Column::ALL {
        let Some(cell) = filing.cells.get(column.name()) else { continue };
        if !reported.contains(&column) && !choices.contains(&column) {
            text::fact(column.label(), text::one_line(cell));
        }
    }
    for (name, cell) in &filing.cells {
        if Column::by_name(name).is_none() {
            text::fact(&text::one_line(name), text::one_line(cell));
        }
    }
    say!();
}

fn print_removal(removal: &Removal, current: &[Filing]) {
    let Some(filing) = &removal.filing else { return };
    let back = removal.reinstated_at.is_some();
    let word = if back { text::doubtful("WAS REMOVED") } else { text::bad("REMOVED") };
    say!("{word}  {}", text::strong(&filing.number));
    text::fact("first missing", text::time_and_distance(removal.first_missing_at.as_ref()));
    text::fact("last seen", text::time_and_distance(removal.last_seen_at.as_ref()));
    if back {
        text::fact("reinstated", text::time_and_distance(removal.reinstated_at.as_ref()));
    }
    if current.iter().any(|stands| stands.number == filing.number) {
        say!();
    } else {
        print_filing(filing);
    }
}

/// A change on one line, without the cells.
pub fn change_line(change: &Change) -> String {
    let kind = match change.kind() {
        ChangeKind::Listed => "listed",
        ChangeKind::Amended => "amended",
        ChangeKind::Removed => "removed",
        ChangeKind::Reinstated => "reinstated",
        ChangeKind::Unspecified => "changed",
    };
    format!(
        "{}  {}  {kind:<10} (change {}, snapshot {})",
        text::time(change.observed_at.as_ref()),
        change.number,
        change.serial,
        change.snapshot_serial
    )
}

/// A change: on a terminal with each cell on a line below, cut to what there is room for.
pub fn print_change(change: &Change) {
    let fields = change.fields.iter().map(|field| {
        let column = text::one_line(&field.column);
        // What stands before the values, and between them.
        let beside = 4 + column.chars().count() + ": ".len() + " -> ".len();
        let room = screen::columns().map(|columns| columns.saturating_sub(beside) / 2);
        format!("{column}: {} -> {}", shortened(&field.before, room), shortened(&field.after, room))
    });
    text::record(&change_line(change), &fields.collect::<Vec<_>>());
}

/// A cell, cut to so many columns where it goes to a terminal.
fn shortened(cell: &str, room: Option<usize>) -> String {
    match (text::one_line(cell), room) {
        (line, _) if line.is_empty() => "(empty)".to_owned(),
        (line, Some(room)) => screen::cut(&line, room.max(LEAST_OF_CELL)),
        (line, None) => line,
    }
}
