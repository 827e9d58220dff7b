//! `/removals` and `/search`.

use std::sync::Arc;

use askama::Template;

use crate::api::times;
use crate::domain::{ErrorReason, Filing, Rejection, Removal, Who};
use crate::observe::clock;
use crate::service::{RemovalsRequest, Services};

use super::frame::Frame;
use super::overview::Own;
use super::peers::Filter;
use super::table::{Cell, Table};
use super::text::{count, count_of, encoded, time};
use super::{Asked, View, wording};

/// So many rows a page has.
const PAGE: u32 = 100;

/// So many a file in CSV.
const FILE: u32 = 2000;

/// So many a search finds.
const MATCHES: u32 = 50;

#[derive(Template)]
#[template(path = "removals.html")]
struct Removals {
    frame: Frame,
    filters: Vec<Filter>,
    said: String,
    table: Table,
    next: String,
}

/// What was removed, newest first.
pub fn removals(services: &Arc<Services>, asked: &Asked) -> Result<View, Rejection> {
    let now = clock::now();
    let params = &asked.params;
    let since =
        params.get("since").map(times::since).transpose().map_err(|bad| ErrorReason::InvalidTime.reject(bad))?;
    let until =
        params.get("until").map(times::moment).transpose().map_err(|bad| ErrorReason::InvalidTime.reject(bad))?;
    let with_back = params.is_on("reinstated");
    let is_csv = params.is_csv();
    let page = services.removals(&RemovalsRequest {
        since,
        until,
        include_reinstated: with_back,
        page_size: if is_csv { FILE } else { PAGE },
        page_token: params.get("page").unwrap_or_default().to_owned(),
    })?;
    let own = Own::of(services, asked, now);
    let table = Table::new(
        "removals",
        "Removals, newest first",
        &["First missing", "Number", "Name", "Yours", "Last seen", "Listed again"],
    )
    .with(page.removals.iter().map(|removal| removal_row(removal, &own)))
    .or("Nothing was removed in that time.")
    .in_csv_at("/removals", &params.again(&["since", "until", "reinstated"]));
    let table = Own::in_table(asked, table);
    let filter = |label: &str, query: &str, is_on: bool| Filter {
        label: label.to_owned(),
        href: format!("/removals{query}"),
        is_on,
    };
    let asked_since = params.get("since").unwrap_or_default();
    let filters = vec![
        filter("all", "", asked_since.is_empty() && !with_back),
        filter("7 days", "?since=7d", asked_since == "7d"),
        filter("30 days", "?since=30d", asked_since == "30d"),
        filter("365 days", "?since=365d", asked_since == "365d"),
        filter("with those listed again", "?reinstated=true", with_back),
    ];
    let next = match page.next_page_token.as_str() {
        "" => String::new(),
        token => {
            let again = params.again(&["since", "until", "reinstated"]);
            format!("/removals?page={}{}{again}", encoded(token), if again.is_empty() { "" } else { "&" })
        }
    };
    let said = count_of(page.total, "filing");
    let page = Removals { frame: Frame::of(services, asked, "Removals", now), filters, said, table, next };
    View::of(asked, &page, &[&page.table])
}

fn removal_row(removal: &Arc<Removal>, own: &Own) -> Vec<Cell> {
    let yours = own
        .peer(&removal.filing)
        .map_or_else(Cell::default, |peer| Cell::word(peer, "own").to(wording::peer_card(peer)));
    vec![
        Cell::fixed(time(removal.first_missing_at)),
        wording::number(&removal.filing),
        wording::named(&removal.filing),
        yours,
        Cell::fixed(time(removal.last_seen_at)),
        Cell::fixed(removal.reinstated_at.map_or_else(String::new, time)),
    ]
}

#[derive(Template)]
#[template(path = "search.html")]
struct Search {
    frame: Frame,
    said: String,
    table: Table,
}

/// Filings by name, by a former one, or by a number or a name that leads to a provider.
pub async fn search(services: &Arc<Services>, asked: &Asked) -> Result<View, Rejection> {
    let (text, now) = (asked.params.get("q").unwrap_or_default(), clock::now());
    let found = services.search(text, MATCHES).await?;
    let own = Own::of(services, asked, now);
    let mut rows = by_number(services, text, &own).await;
    let named = found.matches.iter().map(|found| {
        let as_filed = if found.name == found.filing.filing.business_name() { "" } else { &found.name };
        let likeness = format!("{:.0} %", found.score * 100.0);
        match_row(&found.filing.filing, found.removal.is_some(), (as_filed, likeness), &own)
    });
    rows.extend(named);
    let empty = match text {
        "" => "Type a name, a former name, an FRN or an RMD number.",
        _ => "Nobody is filed under such a name or number.",
    };
    let said = count(rows.len() as u64);
    let columns = ["State", "Name", "Found as", "Number", "FRN", "Roles", "Yours", "Likeness"];
    let table = Table::new("matches", "Filings, best first", &columns)
        .with(rows)
        .or(empty)
        .in_csv_at("/search", &asked.params.again(&["q"]));
    let table = Own::in_table(asked, table);
    let page = Search { frame: Frame::of(services, asked, "Search", now), said, table };
    View::of(asked, &page, &[&page.table])
}

/// The filings of whom a number, an OCN or a peer's name leads to, if it leads to one.
async fn by_number(services: &Services, text: &str, own: &Own) -> Vec<Vec<Cell>> {
    let Ok(readings) = Who::readings(text) else { return Vec::new() };
    let Ok(who) = services.named(&readings, None).await else { return Vec::new() };
    let Ok(report) = services.provider(&who, None, false).await else { return Vec::new() };
    let row = |filing: &Filing, is_gone| match_row(filing, is_gone, (text, String::new()), own);
    let gone = report.removals.iter().filter(|removal| removal.reinstated_at.is_none());
    let listed = report.filings.iter().map(|current| row(&current.filing, false));
    listed.chain(gone.map(|removal| row(&removal.filing, true))).collect()
}

fn match_row(filing: &Filing, is_gone: bool, (found_as, likeness): (&str, String), own: &Own) -> Vec<Cell> {
    let frn = filing.frn().map_or_else(String::new, |frn| frn.to_string());
    let yours =
        own.peer(filing).map_or_else(Cell::default, |peer| Cell::word(peer, "own").to(wording::peer_card(peer)));
    vec![
        if is_gone { Cell::word("REMOVED", "bad") } else { Cell::word("LISTED", "good") },
        wording::named(filing),
        Cell::text(found_as),
        wording::number(filing),
        Cell::fixed(frn),
        Cell::text(wording::roles(filing)),
        yours,
        Cell::fixed(likeness),
    ]
}
