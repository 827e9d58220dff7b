//! `/changes`: what changed, newest first.

use std::sync::Arc;

use askama::Template;
use jiff::Timestamp;

use crate::domain::{
    Change, ChangeSerial, ErrorReason, Filing, Rejection, SnapshotSerial, begins_in_eastern_time as begins,
};
use crate::listing::index::Index;
use crate::observe::clock;
use crate::service::{ChangesRequest, Services};

use super::frame::Frame;
use super::overview::Own;
use super::peers::Filter;
use super::table::{Cell, Table};
use super::text::{count, time};
use super::{Asked, View, wording};

/// So many rows a page has, and a file in CSV.
const PAGE: usize = 100;
const FILE: usize = 2000;

/// So many changes are read at once, and at most looked at for one page.
const AT_ONCE: u64 = 500;
const LOOKED_AT: u64 = 20_000;

#[derive(Template)]
#[template(path = "changes.html")]
struct Changes {
    frame: Frame,
    filters: Vec<Filter>,
    table: Table,
    next: String,
    said: String,
}

/// Changes of one kind or all, of one day or all.
pub async fn view(services: &Arc<Services>, asked: &Asked) -> Result<View, Rejection> {
    let now = clock::now();
    let index = services.index.load_full().ok_or_else(Rejection::snapshot_not_loaded)?;
    let params = &asked.params;
    let kind = params.get("kind").map(str::to_ascii_uppercase);
    let day = params.get("day").map(Day::read).transpose().map_err(|bad| ErrorReason::InvalidTime.reject(bad))?;
    let before = params.get("before").map(|serial| match serial.parse() {
        Ok(serial) => Ok(ChangeSerial(serial)),
        Err(_) => Err(ErrorReason::UnknownValue
            .reject(format!("before: {:?} is no serial of a change", super::text::shown(serial)))),
    });
    let before = before.transpose()?;
    let most = if params.is_csv() { FILE } else { PAGE };
    let fits = |change: &Change| {
        kind.as_ref().is_none_or(|kind| change.kind.as_str() == kind)
            && day.is_none_or(|day| day.holds(change.observed_at))
    };
    let found = newest(services, &index, before, most, fits, day.map(|day| day.from)).await?;
    let own = Own::of(services, asked, now);
    let table = Table::new("changes", "Changes, newest first", &["When", "What", "Number", "Name", "Yours", "Columns"])
        .with(found.changes.iter().map(|change| row(change, &index, &own)))
        .or("Nothing changed in that time.")
        .in_csv_at("/changes", &params.again(&["kind", "day", "before"]));
    let table = Own::in_table(asked, table);
    let next = found.next.map_or_else(String::new, |serial| {
        let again = params.again(&["kind", "day"]);
        format!("/changes?before={serial}{}{again}", if again.is_empty() { "" } else { "&" })
    });
    let filters = filters(kind.as_deref(), params.get("day"));
    let said = match params.get("day") {
        Some(day) => format!("on {}, Eastern time", super::text::shown(day)),
        None => format!("{} on record", count(index.last_change().0)),
    };
    let page = Changes { frame: Frame::of(services, asked, "Changes", now), filters, table, next, said };
    View::of(asked, &page, &[&page.table])
}

fn filters(kind: Option<&str>, day: Option<&str>) -> Vec<Filter> {
    let day = day.map_or_else(String::new, |day| format!("day={}", super::text::encoded(day)));
    let filter = |word: &str| {
        let of = if word == "all" { String::new() } else { format!("kind={word}") };
        let query =
            [of.as_str(), day.as_str()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("&");
        let href = if query.is_empty() { "/changes".to_owned() } else { format!("/changes?{query}") };
        let is_on = kind.map_or(word == "all", |kind| kind.eq_ignore_ascii_case(word));
        Filter { label: word.to_owned(), href, is_on }
    };
    ["all", "listed", "amended", "removed", "reinstated"].into_iter().map(filter).collect()
}

/// A day of the FCC's, in Eastern time, as everywhere.
#[derive(Debug, Clone, Copy)]
struct Day {
    from: Timestamp,
    to: Timestamp,
}

impl Day {
    fn read(text: &str) -> Result<Self, String> {
        let day: jiff::civil::Date =
            text.parse().map_err(|_| format!("{:?} is no day: write 2026-11-26", super::text::shown(text)))?;
        Ok(Self { from: begins(day), to: day.tomorrow().map_or(Timestamp::MAX, begins) })
    }

    fn holds(self, at: Timestamp) -> bool {
        (self.from..self.to).contains(&at)
    }
}

/// Changes, newest first, and the serial before which the next page begins, where there is one.
pub struct Newest {
    pub changes: Vec<Change>,
    pub next: Option<ChangeSerial>,
}

/// The newest changes before one that fit, so many at most, none older than a time.
pub async fn newest(
    services: &Services,
    index: &Index,
    before: Option<ChangeSerial>,
    most: usize,
    fits: impl Fn(&Change) -> bool,
    oldest: Option<Timestamp>,
) -> Result<Newest, Rejection> {
    let mut until =
        before.map_or(index.last_change().0, |before| before.0.saturating_sub(1).min(index.last_change().0));
    let (mut changes, mut looked_at) = (Vec::new(), 0);
    while until > 0 {
        if looked_at >= LOOKED_AT {
            return Ok(Newest { changes, next: Some(ChangeSerial(until + 1)) });
        }
        let after = until.saturating_sub(AT_ONCE);
        let limit = u32::try_from(until - after).unwrap_or(u32::MAX);
        let request = ChangesRequest { after: ChangeSerial(after), limit, ..ChangesRequest::default() };
        let page = match services.changes(request).await {
            Ok(page) => page.changes,
            // What history does not keep any more is not there to be shown.
            Err(expired) if expired.reason == ErrorReason::CursorExpired => break,
            Err(other) => return Err(other),
        };
        for change in page.into_iter().rev().filter(|change| change.serial.0 <= until) {
            if oldest.is_some_and(|oldest| change.observed_at < oldest) {
                return Ok(Newest { changes, next: None });
            }
            if !fits(&change) {
                continue;
            }
            if changes.len() == most {
                return Ok(Newest { changes, next: Some(ChangeSerial(change.serial.0 + 1)) });
            }
            changes.push(change);
        }
        looked_at += AT_ONCE;
        until = after;
    }
    Ok(Newest { changes, next: None })
}

/// The filing that a change is about, as it stands or last stood.
pub fn filing<'a>(index: &'a Index, change: &Change) -> Option<&'a Arc<Filing>> {
    match index.by_number(change.number) {
        Some(current) => Some(current.filing()),
        None => index.removals().newest(change.number).map(|removal| &removal.filing),
    }
}

/// Whether a change is one of the first listing, in which nothing happened.
pub fn is_first(change: &Change) -> bool {
    change.snapshot == SnapshotSerial::FIRST
}

/// What happened, in a word.
pub fn word(change: &Change) -> Cell {
    match change.kind.as_str() {
        "LISTED" => Cell::word("listed", "good"),
        "REMOVED" => Cell::word("removed", "bad"),
        "REINSTATED" => Cell::word("reinstated", "warn"),
        _ => Cell::word("amended", "plain"),
    }
}

fn row(change: &Change, index: &Index, own: &Own) -> Vec<Cell> {
    let filing = filing(index, change);
    let columns: Vec<&str> = change.kind.fields().iter().map(|field| field.column.as_str()).collect();
    let yours = filing.and_then(|filing| own.peer(filing));
    vec![
        Cell::fixed(time(change.observed_at)),
        word(change),
        Cell::fixed(change.number.to_string()).to(wording::card(&change.number.to_string())),
        filing.map_or_else(Cell::default, |filing| wording::named(filing)),
        yours.map_or_else(Cell::default, |peer| Cell::word(peer, "own").to(wording::peer_card(peer))),
        Cell::text(columns.join(", ")),
    ]
}

/// How soon a change is looked at: what went first, what was amended last.
pub fn weight(change: &Change) -> usize {
    ["REMOVED", "REINSTATED", "LISTED"].iter().position(|kind| change.kind.as_str() == *kind).unwrap_or(3)
}

/// The changes of a day, newest first and so many at most; not those of the first listing.
pub async fn on_day(services: &Services, index: &Index, day: &str, most: usize) -> Result<Vec<Change>, Rejection> {
    let day = Day::read(day).map_err(|bad| ErrorReason::InvalidTime.reject(bad))?;
    let fits = |change: &Change| day.holds(change.observed_at) && !is_first(change);
    Ok(newest(services, index, None, most, fits, Some(day.from)).await?.changes)
}
