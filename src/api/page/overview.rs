//! `/`: one look says whether all is well, who is in trouble, and how much time is left.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use askama::Template;
use jiff::Timestamp;

use crate::decide::own::OwnState;
use crate::decide::standing::{PeerState, Standing};
use crate::domain::{Change, Filing, Frn, Identity, RecordKind, Rejection, RmdNumber};
use crate::listing::index::Index;
use crate::observe::clock;
use crate::service::{OwnReport, Services, Severity, StatusReport, Week};
use crate::transport::auth::Right;

use super::calls::{self, LastHour};
use super::frame::Frame;
use super::plot::{self, Plot};
use super::table::{Cell, Table};
use super::text::{ago, count, count_of, day, left, time};
use super::{Asked, View, changes, peers, wording};

/// So many weeks are drawn: two years; and so many at least, where the history is younger.
const WEEKS: usize = 104;
const WEEKS_AT_LEAST: usize = 13;

/// So many peers in trouble, deadlines and changes are named; links lead to the rest.
const TROUBLED: usize = 20;
const DEADLINES: usize = 8;
const RECENT: usize = 12;

/// So many changes are looked at for those of the newest day.
const LOOKED_AT: usize = 2000;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    headline: Headline,
    todo: Table,
    more_todo: String,
    time_left: Table,
    plots: Vec<Plot>,
    weeks: Table,
    recently: Table,
    of_day: String,
    of_day_href: String,
    calls: Option<LastHour>,
    alarms: Table,
    listing: Vec<(&'static str, String)>,
    sources: Table,
    held: Table,
}

/// The sentence that says how all is.
struct Headline {
    text: String,
    class: &'static str,
}

/// Whose filings are those of the operator's own peers, for who may know.
#[derive(Debug, Default)]
pub struct Own {
    by_frn: HashMap<Frn, String>,
    by_number: HashMap<RmdNumber, String>,
}

impl Own {
    /// A table with the column of the viewer's own peers, for who may see it.
    pub fn in_table(asked: &Asked, table: Table) -> Table {
        if asked.viewer.right >= Right::Operator { table } else { table.without("Yours") }
    }

    /// The peers that are bound now; none for who may not see them.
    pub fn of(services: &Services, asked: &Asked, now: Timestamp) -> Self {
        let mut own = Self::default();
        if asked.viewer.right < Right::Operator {
            return own;
        }
        let records = services.records.load_full();
        for peer in records.all(RecordKind::Peer).filter(|peer| peer.in_force(now)) {
            let name = wording::peer_name(peer);
            match peer.provider {
                Identity::Frn(frn) => drop(own.by_frn.entry(frn).or_insert(name)),
                Identity::RmdNumber(number) => drop(own.by_number.entry(number).or_insert(name)),
            }
        }
        own
    }

    /// The peer whose provider filed this.
    pub fn peer(&self, filing: &Filing) -> Option<&String> {
        filing.frn().and_then(|frn| self.by_frn.get(&frn)).or_else(|| self.by_number.get(&filing.number()))
    }
}

/// How all is, as far as whoever asks may know.
pub async fn view(services: &Arc<Services>, asked: &Asked) -> Result<View, Rejection> {
    let now = clock::now();
    let index = services.index.load_full().ok_or_else(Rejection::snapshot_not_loaded)?;
    let operator = asked.viewer.right >= Right::Operator;
    let mut standings = if operator { peers::worst_first(services, now)? } else { Vec::new() };
    let status = services.state_of_daemon();
    let reports = if operator { services.own_filings(now) } else { Vec::new() };
    let weeks = on_record(services.weeks_until(WEEKS, now)?);
    let counts = PeerState::ALL.map(|state| (state, standings.iter().filter(|of| of.state == state).count() as u64));
    let troubled = standings.iter().take_while(|standing| standing.state != PeerState::Accepted).count();
    let time_left = time_left(&standings, &reports, now);
    let all = standings.len();
    standings.truncate(troubled.min(TROUBLED));
    services.find_since_when(&mut standings);
    let recent = Recent::of(services, asked, &index, now).await?;
    let mut plots = vec![plot::filings(&weeks), plot::removals(&weeks, operator)];
    if operator {
        plots.push(plot::peers(counts));
    }
    let page = Overview {
        frame: Frame::of(services, asked, "Overview", now),
        headline: headline(&index, operator.then_some(&counts), &reports),
        todo: todo(&standings, &reports, all),
        more_todo: match troubled - standings.len() {
            0 => String::new(),
            1 => "1 more peer that is not simply accepted".to_owned(),
            more => format!("{} more peers that are not simply accepted", count(more as u64)),
        },
        time_left,
        plots,
        weeks: weeks_table(&weeks, operator),
        recently: recent.table,
        of_day: recent.of_day,
        of_day_href: recent.href,
        calls: calls::last_hour(services, now, operator),
        alarms: alarms(&status),
        listing: listing(&status, &index, now),
        sources: sources(&status, now),
        held: held(&status, now),
    };
    let calls = page.calls.as_ref().map(|calls| &calls.table);
    let mut tables = vec![&page.recently, &page.weeks];
    if operator {
        tables.splice(..0, [&page.todo, &page.time_left, &page.alarms, &page.sources, &page.held]);
    }
    tables.extend(calls);
    View::of(asked, &page, &tables)
}

/// The weeks from the first on of which something is on record.
fn on_record(mut weeks: Vec<Week>) -> Vec<Week> {
    let first = weeks.iter().position(|week| week.filings.is_some() || week.removals > 0).unwrap_or(weeks.len());
    weeks.drain(..first.min(weeks.len().saturating_sub(WEEKS_AT_LEAST)));
    weeks
}

fn headline(index: &Index, counts: Option<&[(PeerState, u64); 4]>, own: &[OwnReport]) -> Headline {
    let filings = count_of(index.snapshot().filings.len() as u64, "filing");
    let Some(counts) = counts else {
        return Headline { text: format!("{filings} are listed."), class: "good" };
    };
    let of = |state| counts.iter().find(|(of, _)| *of == state).map_or(0, |(_, count)| *count);
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    let (refused, attention) = (of(PeerState::Refused) + of(PeerState::Unmatched), of(PeerState::Attention));
    let own_class = if own.iter().any(|report| report.own.state != OwnState::Listed) { "bad" } else { "good" };
    if all == 0 {
        let text = format!("{filings} are listed. None of your upstreams is bound yet: rmdd peers import trunks.csv");
        return Headline { text, class: own_class };
    }
    let is_are = |n: u64| if n == 1 { "is" } else { "are" };
    let mut text = format!("{} of your {} may hand you calls", count(all - refused), count_of(all, "upstream"));
    if attention > 0 {
        // They are among those that may.
        text.push_str(&format!(
            ", {} of them need{} attention",
            count(attention),
            if attention == 1 { "s" } else { "" }
        ));
    }
    if refused > 0 {
        text.push_str(&format!("; {} {} refused", count(refused), is_are(refused)));
    }
    text.push('.');
    let class = match (refused, attention) {
        (0, 0) => own_class,
        (0, _) => {
            if own_class == "bad" {
                "bad"
            } else {
                "warn"
            }
        }
        _ => "bad",
    };
    Headline { text, class }
}

/// Who is in trouble, the worst first; and the operator's own filings, where something is to be done about them.
fn todo(standings: &[Standing], own: &[OwnReport], peers: usize) -> Table {
    let of_own = own.iter().filter(|report| report.own.needs_attention()).map(|report| {
        let own = &report.own;
        let (word, class) = match own.state {
            OwnState::Listed => ("ATTENTION", "warn"),
            _ => ("NOT LISTED", "bad"),
        };
        let next = own.deadlines(report.now).first().map_or_else(
            || format!("your own filing: {}", own.state.as_str().replace('_', " ")),
            |(at, kind)| format!("{} ({})", wording::own_event(*kind), time(*at)),
        );
        vec![
            Cell::word(word, class),
            Cell::text("your own filing").to(wording::card(&own.frn.to_string())),
            Cell::text(own.name()),
            Cell::sentence(next),
            Cell::default(),
        ]
    });
    let of_peers = standings.iter().map(|standing| {
        let name = wording::peer_name(&standing.peer);
        let next = standing.next_deadline();
        vec![
            wording::state(standing.state),
            Cell::text(name.clone()).to(wording::peer_card(&name)),
            Cell::text(wording::provider(standing)),
            Cell::sentence(match (next, standing.since) {
                (Some(next), _) => format!("{}: {} {}", peers::reasons(standing), wording::event(next), time(next.at)),
                (None, Some(since)) => format!("{} since {}", peers::reasons(standing), time(since)),
                (None, None) => peers::reasons(standing),
            }),
            Cell::fixed(next.map_or_else(String::new, |next| left(next.at, clock::now()))),
        ]
    });
    let empty = match peers {
        0 => "No upstream is bound: rmdd peers add NAME FRN binds one.",
        _ => "Nothing: every upstream is accepted.",
    };
    Table::new("todo", "What to do, the worst first", &["State", "Peer", "Provider", "Why", "Left"])
        .with(of_own.chain(of_peers))
        .or(empty)
        .in_csv_at("/", "")
}

/// What changes by itself, soonest first. What happens to many at once for one cause is one.
fn time_left(standings: &[Standing], own: &[OwnReport], now: Timestamp) -> Table {
    let mut by_cause: BTreeMap<(Timestamp, String, String), Vec<String>> = BTreeMap::new();
    for standing in standings {
        for deadline in standing.next.iter().filter(|deadline| !deadline.kind.is_put_off_by_syncs()) {
            let cause = (deadline.at, wording::event(deadline), wording::outcome(deadline, standing));
            by_cause.entry(cause).or_default().push(wording::peer_name(&standing.peer));
        }
    }
    for report in own {
        for (at, kind) in report.own.deadlines(report.now) {
            let cause = (at, wording::own_event(kind).to_owned(), String::new());
            by_cause.entry(cause).or_default().push(format!("FRN {}", report.own.frn));
        }
    }
    let rows = by_cause.into_iter().take(DEADLINES).map(|((at, event, outcome), of)| {
        let whom = match of.as_slice() {
            [one] => Cell::text(one.clone()).to(match one.strip_prefix("FRN ") {
                Some(frn) => wording::card(frn),
                None => wording::peer_card(one),
            }),
            [first, second] => Cell::text(format!("{first}, {second}")),
            [first, rest @ ..] => Cell::text(format!("{first} and {} more", count(rest.len() as u64))),
            [] => Cell::default(),
        };
        vec![Cell::fixed(time(at)), Cell::fixed(left(at, now)), whom, Cell::sentence(event), Cell::sentence(outcome)]
    });
    Table::new("deadlines", "Time left, soonest first", &["When", "Left", "Whom", "What happens", "Then"])
        .with(rows)
        .or("No deadline runs.")
        .in_csv_at("/", "")
}

fn weeks_table(weeks: &[Week], operator: bool) -> Table {
    let columns: &[&'static str] = if operator {
        &["Week of", "Filings", "Removals", "Of your peers"]
    } else {
        &["Week of", "Filings", "Removals"]
    };
    let known = weeks.iter().rev().filter(|week| week.filings.is_some() || week.removals > 0);
    let rows = known.map(|week| {
        let filings = week.filings.map_or_else(Cell::default, Cell::count);
        let mut row = vec![Cell::fixed(week.monday.to_string()), filings, Cell::count(week.removals)];
        row.extend(operator.then(|| Cell::count(week.removals_of_peers)));
        row
    });
    Table::new("weeks", "Week by week, newest first", columns)
        .with(rows)
        .or("Nothing is on record yet.")
        .in_csv_at("/", "")
}

/// The newest changes.
struct Recent {
    table: Table,
    of_day: String,
    href: String,
}

impl Recent {
    async fn of(services: &Services, asked: &Asked, index: &Index, now: Timestamp) -> Result<Self, Rejection> {
        let fits = |change: &Change| !changes::is_first(change);
        let newest = changes::newest(services, index, None, RECENT, fits, None).await?.changes;
        let own = Own::of(services, asked, now);
        let is_own = |change: &Change| changes::filing(index, change).is_some_and(|filing| own.peer(filing).is_some());
        let (mut found, mut of_day, mut href) = (newest, String::new(), String::new());
        if let Some(day) = found.first().map(|newest| day(newest.observed_at)) {
            let mut on_it = changes::on_day(services, index, &day, LOOKED_AT).await?;
            let more = if on_it.len() >= LOOKED_AT { " or more" } else { "" };
            of_day = format!("all {}{more} of {day}", count(on_it.len() as u64));
            href = format!("/changes?day={day}");
            // Of the newest day, what matters most: own peers first, and what went before what came.
            on_it.sort_by_cached_key(|change| (!is_own(change), changes::weight(change)));
            on_it.truncate(RECENT);
            let older = found.split_off(found.len().min(on_it.len()));
            found = on_it.into_iter().chain(older).collect();
        }
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        for change in found.iter().take(RECENT) {
            let filing = changes::filing(index, change);
            let yours = filing.and_then(|filing| own.peer(filing));
            rows.push(vec![
                Cell::fixed(time(change.observed_at)),
                changes::word(change),
                Cell::fixed(change.number.to_string()).to(wording::card(&change.number.to_string())),
                filing.map_or_else(Cell::default, |filing| wording::named(filing)),
                yours.map_or_else(Cell::default, |peer| Cell::word(peer, "own").to(wording::peer_card(peer))),
            ]);
        }
        let table = Table::new("recent", "The newest changes", &["When", "What", "Number", "Name", "Yours"])
            .with(rows)
            .or("Nothing has changed since the first listing.")
            .in_csv_at("/", "");
        Ok(Self { table: Own::in_table(asked, table), of_day, href })
    }
}

fn alarms(status: &StatusReport) -> Table {
    let rows = status.alarms.iter().map(|alarm| {
        let severity = match alarm.severity {
            Severity::Critical => Cell::word("CRITICAL", "bad"),
            Severity::Warning => Cell::word("WARNING", "warn"),
            Severity::Note => Cell::word("NOTE", "plain"),
        };
        let (finding, remedy) = (alarm.message.clone(), alarm.remedy.clone());
        vec![severity, Cell::text(alarm.code.as_str()), Cell::sentence(finding), Cell::sentence(remedy)]
    });
    Table::new("alarms", "Alarms, the worst first", &["Severity", "Code", "What happened", "What to do"])
        .with(rows)
        .or("None.")
        .in_csv_at("/", "")
}

/// Facts about the listing and the syncs.
fn listing(status: &StatusReport, index: &Index, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("snapshot", index.snapshot().serial.to_string()),
        ("filings", count(status.filings)),
        ("removed", count(status.removals)),
        ("confirmed", format!("{} ({})", time(index.confirmed_at()), ago(index.confirmed_at(), now))),
        ("last changed", format!("{} ({})", time(index.snapshot().fetched_at), ago(index.snapshot().fetched_at, now))),
    ];
    facts.extend(status.content_as_of.clone().map(|day| ("content as of", day)));
    if let Some(last) = &status.sync.last {
        facts.push(("last sync", format!("{}, {} ({})", last.outcome.as_str(), time(last.at), ago(last.at, now))));
    }
    facts.extend(status.progress.as_ref().map(|_| ("running now", "a sync".to_owned())));
    facts.extend(status.next_sync_at.map(|at| ("next sync", format!("{} ({})", time(at), left(at, now)))));
    facts.extend(status.started_at.map(|at| ("running since", time(at))));
    facts.push(("version", env!("CARGO_PKG_VERSION").to_owned()));
    facts
}

fn sources(status: &StatusReport, now: Timestamp) -> Table {
    let rows = status.sources.iter().map(|source| {
        let (state, said) = match source.state.as_ref() {
            None => (Cell::word("NOT ASKED", "plain"), String::new()),
            Some(state) => match (&state.fault, state.last_success_at) {
                (Some(fault), _) => (
                    Cell::word("FAILS", "bad"),
                    format!("{} ({} in a row): {}", fault.kind, count(state.failures), fault.error),
                ),
                (None, Some(at)) => (Cell::word("GOOD", "good"), format!("{} ({})", time(at), ago(at, now))),
                (None, None) => (Cell::word("NOT ASKED", "plain"), String::new()),
            },
        };
        vec![state, Cell::text(source.source.clone()), Cell::sentence(said)]
    });
    Table::new("sources", "Sources of listings, the preferred one first", &["State", "Source", "Last"])
        .with(rows)
        .or("None.")
        .in_csv_at("/", "")
}

fn held(status: &StatusReport, now: Timestamp) -> Table {
    let rows = status.sync.held.iter().map(|held| {
        let digest: String = held.sha256.to_string().chars().take(12).collect();
        vec![
            Cell::fixed(digest),
            Cell::count(held.filings),
            Cell::count(held.gone),
            Cell::fixed(format!("{} ({})", time(held.first_fetched_at), ago(held.first_fetched_at, now))),
            Cell::text(held.awaits.as_str().replace('_', " ")),
            Cell::sentence(held.doubts.join("; ")),
        ]
    });
    let columns = ["Digest", "Filings", "Would be gone", "First fetched", "Waits for", "Doubts"];
    Table::new("held", "Listings that were fetched and not applied", &columns).with(rows).or("None.").in_csv_at("/", "")
}
