//! `/provider/{who}`: all that is known of a provider.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;

use crate::domain::{Change, Column, Filing, Frn, Identity, ProviderRole, Rejection, Removal, RmdNumber, Who};
use crate::listing::index::Index;
use crate::observe::clock;
use crate::service::{CheckRequest, Detail, ProviderReport, Services};
use crate::transport::auth::Right;

use super::frame::Frame;
use super::table::{Cell, Table};
use super::text::{shown, time};
use super::{Asked, View, changes, own, wording};

/// So many changes of the history are shown.
const CHANGES: usize = 200;

/// Of a cell that changed, so many characters.
const SHOWN_OF_CELL: usize = 80;

#[derive(Template)]
#[template(path = "card.html")]
struct Card {
    frame: Frame,
    known: bool,
    numbers: String,
    bound: Table,
    verdicts: Table,
    advisories: Vec<String>,
    filings: Vec<FilingCard>,
    history: Table,
    removals: Table,
    related: Table,
    records: Table,
    decisions: Table,
    commands: Vec<String>,
}

struct FilingCard {
    heading: String,
    class: &'static str,
    state: &'static str,
    name: String,
    roles: Table,
    facts: Vec<(String, String)>,
}

/// The card of whom a name means.
pub async fn view(services: &Arc<Services>, asked: &Asked, who: &str) -> Result<View, Rejection> {
    let now = clock::now();
    let readings = Who::readings(who).map_err(|error| Rejection::from(&error))?;
    let operator = asked.viewer.right >= Right::Operator;
    let who = services.named(&readings, None).await?;
    let report = services.provider(&who, None, true).await?;
    let index = services.index.load_full().ok_or_else(Rejection::snapshot_not_loaded)?;
    let subject = Subject::of(&who, &report);
    let title = match subject.name.as_str() {
        "" => wording_of(&who),
        name => shown(name),
    };
    let empty = |name: &'static str| Table::new(name, "", &[]);
    let (bound, records, decisions) = match operator {
        true => (
            own::bound(services, &subject, now),
            own::records(services, &subject, now),
            own::decisions(services, &subject)?,
        ),
        false => (empty("bound"), empty("records"), empty("decisions")),
    };
    let page = Card {
        frame: Frame::of(services, asked, title, now),
        known: !report.filings.is_empty() || !report.removals.is_empty(),
        numbers: subject.numbers().join(", "),
        bound,
        verdicts: verdicts(services, &who, operator),
        advisories: advisories(services, &who, operator),
        filings: filings(&report),
        history: history(&subject.path, &report.changes),
        removals: removals(&subject.path, &report),
        related: related(&subject.path, &index, &report),
        records,
        decisions,
        commands: commands(&subject, operator),
    };
    let tables =
        [&page.history, &page.removals, &page.related, &page.verdicts, &page.bound, &page.records, &page.decisions];
    let tables: Vec<&Table> = tables.into_iter().filter(|table| !table.columns.is_empty()).collect();
    View::of(asked, &page, &tables)
}

/// Who a card is about.
pub struct Subject {
    name: String,
    /// Its FRN, if it has one.
    pub frn: Option<Frn>,
    /// Its filings, those that were removed among them.
    pub filings: BTreeSet<RmdNumber>,
    /// Where the card is.
    pub path: String,
}

fn wording_of(who: &Who) -> String {
    shown(&who.as_given().to_string())
}

impl Subject {
    fn of(who: &Who, report: &ProviderReport) -> Self {
        let all = report.filings.iter().map(|current| &current.filing);
        let all: Vec<&Arc<Filing>> = all.chain(report.removals.iter().map(|removal| &removal.filing)).collect();
        let asked = match who {
            Who::Provider(Identity::Frn(frn)) => Some(*frn),
            _ => None,
        };
        Self {
            name: all.first().map_or_else(String::new, |filing| filing.business_name().to_owned()),
            frn: all.iter().find_map(|filing| filing.frn()).or(asked),
            filings: all.iter().map(|filing| filing.number()).collect(),
            path: path(who),
        }
    }

    /// All its numbers, as they are written.
    pub fn numbers(&self) -> Vec<String> {
        let filings = self.filings.iter().map(ToString::to_string);
        self.frn.map(|frn| frn.to_string()).into_iter().chain(filings).collect()
    }

    /// Whether a number is one of its.
    pub fn is(&self, identity: Identity) -> bool {
        match identity {
            Identity::Frn(frn) => self.frn == Some(frn),
            Identity::RmdNumber(number) => self.filings.contains(&number),
        }
    }
}

/// The verdict about it in each role, and in none.
fn verdicts(services: &Services, who: &Who, operator: bool) -> Table {
    let published = services.published();
    let roles = std::iter::once(None).chain(ProviderRole::ALL.map(Some));
    let rows = roles.map(|role| {
        let request = request(who, role, operator);
        let name = role.map_or("any role", ProviderRole::label);
        match published.view().check_known(&request, None) {
            Ok(answer) => {
                let decision = answer.decision;
                vec![
                    Cell::text(name),
                    wording::verdict(Some(decision.verdict)),
                    Cell::text(decision.reason.as_str()),
                    Cell::sentence(answer.message.unwrap_or_default()),
                ]
            }
            Err(rejection) => vec![
                Cell::text(name),
                wording::verdict(None),
                Cell::text(rejection.reason.as_str()),
                Cell::sentence(rejection.message),
            ],
        }
    });
    Table::new("verdicts", "The verdict in each role", &["Role", "Verdict", "Reason", "Why"])
        .with(rows)
        .in_csv_at(&path(who), "")
}

fn path(who: &Who) -> String {
    wording::card(&who.in_full())
}

fn request(who: &Who, role: Option<ProviderRole>, notes: bool) -> CheckRequest<'static> {
    CheckRequest { role, notes, detail: Detail::Full, ..CheckRequest::about(who.clone()) }
}

/// What else to know, once each.
fn advisories(services: &Services, who: &Who, operator: bool) -> Vec<String> {
    let published = services.published();
    let answer = published.view().check_known(&request(who, None, operator), None);
    let advisories = answer.map(|answer| answer.decision.advisories).unwrap_or_default();
    advisories.into_iter().map(|said| format!("{}: {}", said.code.as_str(), shown_whole(&said.message))).collect()
}

/// A sentence of ours, which may quote a name: on one line, and not cut.
fn shown_whole(text: &str) -> String {
    crate::domain::visible::one_line(text)
}

fn filings(report: &ProviderReport) -> Vec<FilingCard> {
    let listed = report.filings.iter().map(|current| {
        let mut card = filing_card(&current.filing, "LISTED", "good");
        let carried = current
            .carried_since
            .map(|since| ("unreadable since".to_owned(), format!("{} (stands as it was last read)", time(since))));
        card.facts.splice(..0, carried);
        card
    });
    let stands: BTreeSet<RmdNumber> = report.filings.iter().map(|current| current.filing.number()).collect();
    let mut seen = stands;
    let gone = report.removals.iter().filter(move |removal| seen.insert(removal.filing.number()));
    listed.chain(gone.map(|removal| filing_card(&removal.filing, "REMOVED", "bad"))).collect()
}

fn filing_card(filing: &Filing, state: &'static str, class: &'static str) -> FilingCard {
    let of_roles = ProviderRole::ALL.map(ProviderRole::column);
    let told = [Column::Number, Column::BusinessName, Column::Implementation];
    let mut facts = vec![("STIR/SHAKEN".to_owned(), shown(wording::implementation(filing)))];
    for column in Column::ALL.into_iter().filter(|column| !told.contains(column) && !of_roles.contains(column)) {
        let text = filing.text(column);
        if !text.is_empty() {
            let label = if column == Column::Frn { "FRN" } else { column.label() };
            facts.push((label.to_owned(), shown(text)));
        }
    }
    facts.extend(filing.unknown_cells().map(|(column, cell)| (shown(column), shown(cell))));
    let row = |role: ProviderRole| vec![Cell::text(role.label()), Cell::text(wording::certification(filing, role))];
    FilingCard {
        heading: filing.number().to_string(),
        class,
        state,
        name: shown(filing.business_name()),
        roles: Table::new("roles", format!("Roles in {}", filing.number()), &["Role", "Certified"])
            .with(ProviderRole::ALL.map(row)),
        facts,
    }
}

/// The history as a line of time, newest first.
fn history(path: &str, all: &[Change]) -> Table {
    let cell = |text: &str| match text {
        "" => "(empty)".to_owned(),
        text => {
            let cut: String = text.chars().take(SHOWN_OF_CELL).collect();
            if cut.len() < text.len() { format!("{cut}…") } else { cut }
        }
    };
    let rows = all.iter().rev().take(CHANGES).map(|change| {
        let fields = change.kind.fields().iter();
        let fields: Vec<String> =
            fields.map(|field| format!("{}: {} → {}", field.column, cell(&field.before), cell(&field.after))).collect();
        vec![
            Cell::fixed(time(change.observed_at)),
            changes::word(change),
            Cell::fixed(change.number.to_string()),
            Cell::text(if changes::is_first(change) {
                "it was in the first listing".to_owned()
            } else {
                fields.join("; ")
            }),
        ]
    });
    Table::new("history", "History, newest first", &["When", "What", "Number", "Columns"])
        .with(rows)
        .or("Nothing is on record.")
        .in_csv_at(path, "")
}

fn removals(path: &str, report: &ProviderReport) -> Table {
    let row = |removal: &Arc<Removal>| {
        let back = removal.reinstated_at;
        vec![
            if back.is_some() { Cell::word("LISTED AGAIN", "warn") } else { Cell::word("REMOVED", "bad") },
            wording::number(&removal.filing),
            Cell::fixed(time(removal.first_missing_at)),
            Cell::fixed(time(removal.last_seen_at)),
            Cell::fixed(back.map_or_else(String::new, time)),
        ]
    };
    Table::new("removals", "Removals, newest first", &["State", "Number", "First missing", "Last seen", "Listed again"])
        .with(report.removals.iter().map(row))
        .or("None.")
        .in_csv_at(path, "")
}

/// Other filings that have to do with it: other FRNs that it names, filings that name its FRN, predecessors, successors.
fn related(path: &str, index: &Index, report: &ProviderReport) -> Table {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut add = |what: String, filing: &Filing| {
        rows.push(vec![Cell::text(what), wording::number(filing), wording::named(filing)])
    };
    let own: Vec<&Arc<Filing>> = report.filings.iter().map(|current| &current.filing).collect();
    let frns: BTreeSet<Frn> = own.iter().filter_map(|filing| filing.frn()).collect();
    for frn in &frns {
        index.by_other_frn(*frn).for_each(|filing| add(format!("names FRN {frn} among its other FRNs"), filing));
    }
    for number in own.iter().map(|filing| filing.number()) {
        if let Some(succession) = index.succession(number)
            && let Some(removed) = index.removals().newest(succession.removed)
        {
            add(format!("removed before {number}; same {}", succession.shared), &removed.filing);
        }
    }
    let gone: BTreeSet<RmdNumber> = report.removals.iter().map(|removal| removal.filing.number()).collect();
    if !gone.is_empty() {
        for filing in &index.snapshot().filings {
            if let Some(succession) = index.succession(filing.number()).filter(|of| gone.contains(&of.removed)) {
                add(format!("filed after {} was removed; same {}", succession.removed, succession.shared), filing);
            }
        }
    }
    Table::new("related", "Other filings that have to do with it", &["What", "Number", "Name"])
        .with(rows)
        .or("None.")
        .in_csv_at(path, "")
}

/// What one would type about it, to copy. Nothing in them is a third party's: numbers alone.
fn commands(subject: &Subject, operator: bool) -> Vec<String> {
    let Some(number) = subject.numbers().into_iter().next() else { return Vec::new() };
    let mut commands =
        vec![format!("rmdd show {number}"), format!("rmdd check {number}"), format!("rmdd history {number}")];
    if operator {
        commands.push(format!("rmdd peers add TRUNK-GROUP {number}"));
        commands.push(format!("rmdd overrides add deny {number} --why \"...\""));
        commands.push(format!("rmdd decisions --peer {number} --each"));
    }
    commands
}
