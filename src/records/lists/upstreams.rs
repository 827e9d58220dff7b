//! A carrier's own list of its upstreams, to be checked.
//!
//! The header is recognised whatever its order and writing. A row that says nothing that can be used is kept as such, with
//! what to do about it, and keeps no other from being asked.

mod role_cells;

use std::borrow::Cow;

use role_cells::RoleCells;
use thiserror::Error;

use super::columns::{self, Names, Roles};
use super::marks::Marks;
use super::objects;
use super::table::{self, BadRow, Row, Table, TableError, comparable};
use super::writings;
use crate::domain::{Identity, ProviderRole, Who};

/// One upstream of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its row, as a spreadsheet counts.
    pub row: u64,
    /// Whom it names, by the surest of its columns.
    pub who: Named,
    /// By what else it names them. All must mean one provider.
    pub also: Vec<Named>,
    /// Numbers in columns of somebody else's, such as `Parent FRN`. They must mean that provider too, and never stand in
    /// for its own.
    pub beside: Vec<Named>,
    /// A surer column than that of `who` that says nothing here, and what is wrong with it: what to tell if nobody bound
    /// the peer to a provider.
    pub unsaid: Option<(String, String)>,
    /// The role in which it hands calls over, if the list says.
    pub role: Option<ProviderRole>,
    /// In which others, if the list has a column for each and several are marked. It must be accepted in all of them.
    pub also_as: Vec<ProviderRole>,
    /// Its cells as they stand in the list.
    pub cells: Vec<String>,
}

/// Whom a cell names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The column, by the header's name.
    pub field: String,
    /// Whom.
    pub who: Who,
}

/// A list that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstreams {
    /// The header's names as they stand in the list.
    pub header: Vec<String>,
    /// The upstreams, and the rows that name none, in the order of the list.
    pub rows: Vec<Result<Upstream, BadRow>>,
    /// What to say about how it was read.
    pub notes: Vec<String>,
    /// Columns that hold roles, as far as can be told, and are not used.
    pub unasked: Vec<String>,
}

/// Why a list cannot be used. Nothing was asked.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpstreamsError {
    /// It is no table.
    #[error("nothing was asked: {0}")]
    Table(TableError),
    /// The header names no column that says who.
    #[error(
        "nothing was asked: no row of it names a column that says who ({found}): call one frn, rmd_number, provider, ocn or \
         peer. Names decide nothing: `rmdd search` finds the numbers to them"
    )]
    NoProviderColumn {
        /// What it names.
        found: String,
    },
}

/// Reads a list.
///
/// # Errors
///
/// If it is no table, or no row of it is a header with a column that says who. Bad rows are no error.
pub fn read(bytes: &[u8]) -> Result<Upstreams, UpstreamsError> {
    let read = if objects::is_json(bytes) { objects::table(bytes, &fit) } else { table::read(bytes, &fit) };
    let table = read.map_err(|error| match error {
        TableError::NoHeader { found } => UpstreamsError::NoProviderColumn { found },
        error => UpstreamsError::Table(error),
    })?;
    let Table { header, rows, mut notes, .. } = table;
    let columns = Columns::find(&header, &rows, &mut notes);
    if columns.who.is_empty() {
        return Err(UpstreamsError::NoProviderColumn { found: table::shown(&header) });
    }
    let rows: Vec<Result<Upstream, BadRow>> =
        rows.into_iter().map(|row| row.and_then(|row| columns.upstream(row))).collect();
    let by_the_other = rows.iter().flatten().filter(|upstream| columns.is_rmd_number_in_frn(upstream)).count();
    if by_the_other > 0 {
        notes.push(format!(
            "an RMD number stands where an FRN is expected in {by_the_other} row{}, and was read as such",
            if by_the_other == 1 { "" } else { "s" }
        ));
    }
    Ok(Upstreams { header: columns.header, rows, notes, unasked: columns.unasked })
}

/// How many names are known; none unless one says who.
fn fit(names: &[String]) -> usize {
    let who = names.iter().filter(|name| columns::who(name).is_some()).count();
    let others = names.iter().filter(|name| {
        columns::roles(name).is_some()
            || columns::one_role(name).is_some()
            || columns::only_names(name)
            || columns::cannot_be_asked(name)
    });
    if who == 0 { 0 } else { who + others.count() }
}

/// What the columns of a list hold.
struct Columns {
    header: Vec<String>,
    /// Those that say who, the surest first.
    who: Vec<(usize, Names)>,
    /// Those of them that hold somebody else's numbers.
    of_others: Vec<usize>,
    roles: Vec<usize>,
    /// Those that are called by one role, and marked.
    marked: Vec<(usize, ProviderRole)>,
    /// Those that hold roles and are not used.
    unasked: Vec<String>,
}

/// The cells of a column that are not blank.
fn filled(rows: &[Result<Row, BadRow>], place: usize) -> impl Iterator<Item = String> {
    let cell = move |row: &'_ Row| row.cell(place).map(Cow::into_owned).unwrap_or_default();
    rows.iter().flatten().map(cell).filter(|cell| !cell.is_empty())
}

impl Columns {
    /// Whether the list is one of operators' records, which say by whom they were made, and when.
    fn exports_records(&self) -> bool {
        self.header.iter().any(|name| comparable(name) == "by")
    }

    fn find(header: &[String], rows: &[Result<Row, BadRow>], notes: &mut Vec<String>) -> Self {
        let names: Vec<String> = header.iter().map(|name| comparable(name)).collect();
        let (of_others, mut who): (Vec<_>, Vec<_>) = Self::find_who(header, &names, rows, notes)
            .into_iter()
            .partition(|(place, _)| columns::is_of_another(&names, *place));
        // The surest of its own columns is the first.
        who.extend(&of_others);
        let mut columns = Self {
            header: header.to_vec(),
            who,
            of_others: of_others.into_iter().map(|(place, _)| place).collect(),
            roles: Vec::new(),
            marked: Vec::new(),
            unasked: Vec::new(),
        };
        let is_free = |place: usize| !columns.who.iter().any(|(who, _)| *who == place);
        let free: Vec<usize> = (0..names.len()).filter(|place| is_free(*place)).collect();
        for place in free {
            columns.find_role(place, &names[place], rows, notes);
        }
        columns
    }

    /// The columns that say who, the surest first.
    fn find_who(
        header: &[String],
        names: &[String],
        rows: &[Result<Row, BadRow>],
        notes: &mut Vec<String>,
    ) -> Vec<(usize, Names)> {
        let mut who: Vec<(usize, Names)> =
            names.iter().enumerate().filter_map(|(place, name)| Some((place, columns::who(name)?))).collect();
        let sure = who.iter().any(|(_, holds)| *holds < Names::Provider);
        let alone = who.iter().all(|(_, holds)| *holds == Names::Provider);
        let mut unused = Vec::new();
        // A column of that name may as well hold names, or count the rows.
        who.retain_mut(|(place, holds)| {
            let registrations = columns::registrations(&names[*place]);
            let is_used = *holds != Names::Provider
                || alone
                || filled(rows, *place).any(|cell| match sure {
                    true if registrations => writings::holds_a_number(&cell),
                    true => writings::is_rmd_number(&cell) || writings::is_plainly_an_frn(&cell),
                    false => writings::provider(&cell).is_ok(),
                });
            if !is_used {
                unused.push(*place);
            } else if registrations && !alone {
                *holds = Names::Frn;
            }
            is_used
        });
        for (place, name) in names.iter().enumerate() {
            if columns::holds_another(name) && filled(rows, place).any(|cell| writings::holds_a_number(&cell)) {
                who.push((place, Names::Frn));
            } else if columns::is_other_frns(name) && filled(rows, place).next().is_some() {
                notes.push(format!(
                    "column {:?} is not used: it names affiliates, and each is asked in a row of its own",
                    header[place]
                ));
            } else if columns::who(name).is_none()
                && filled(rows, place).any(|cell| writings::is_rmd_number(&cell) || writings::is_plainly_an_frn(&cell))
            {
                notes.push(format!(
                    "column {:?} is not used, though numbers stand in it that may be a provider's: if they are, call it frn \
                     or rmd_number",
                    header[place]
                ));
            }
        }
        for place in unused {
            notes.push(format!("column {:?} is not used: its cells are no numbers of the database", header[place]));
        }
        who.sort_by_key(|(place, holds)| (*holds, *place));
        who
    }

    /// What a column that does not say who has to do with roles.
    fn find_role(&mut self, place: usize, name: &str, rows: &[Result<Row, BadRow>], notes: &mut Vec<String>) {
        let column = self.header.get(place).cloned().unwrap_or_default();
        let cells = RoleCells::of(rows, place, columns::roles(name).is_some());
        let RoleCells { filled: filled_ones, read, several, qualified, marks } = cells;
        let mentioned = read + several + qualified;
        let unused = match (columns::roles(name), columns::one_role(name)) {
            (Some(Roles::Surely), _) => {
                self.roles.push(place);
                return;
            }
            // A cell with several roles is a bad row.
            (Some(Roles::Perhaps), _) if read + several > 0 && read + several == filled_ones => {
                self.roles.push(place);
                return;
            }
            (Some(Roles::Perhaps), _) => mentioned > 0 || name.contains("role"),
            // A column for each role, with a cross or a Yes in it.
            (None, Some(role)) if marks > 0 => {
                self.marked.push((place, role));
                return;
            }
            (None, Some(_)) => filled_ones > 0,
            (None, None) if columns::cannot_be_asked(name) => false,
            (None, None) => (mentioned > 0 && mentioned * 2 >= filled_ones) || (names_a_role(name) && marks > 0),
        };
        if unused {
            notes.push(not_roles(&column));
            self.unasked.push(column);
        } else if columns::cannot_be_asked(name) {
            notes.push(format!(
                "column {column:?} is not used: a list is asked with its providers' own filings and no calling numbers"
            ));
        } else if columns::asks_of_a_moment(name) && !self.exports_records() && filled_ones > 0 {
            notes.push(format!(
                "column {column:?} is not used: all rows are asked of one moment, which is now, or that of --at"
            ));
        } else if names_a_role(name) && filled_ones > 0 {
            notes.push(not_roles(&column));
        }
    }

    fn bad(&self, row: &Row, place: usize, problem: String) -> BadRow {
        let field = self.header.get(place).cloned().unwrap_or_default();
        BadRow { row: row.row, field, problem, cells: row.cells.clone() }
    }

    fn upstream(&self, row: Row) -> Result<Upstream, BadRow> {
        let marked = self.marked.iter().map(|(place, _)| *place);
        let read = self.who.iter().map(|(place, _)| *place).chain(self.roles.iter().copied()).chain(marked);
        if let Some(place) = read.filter(|place| *place >= row.cells.len()).min() {
            return Err(row.too_short(&self.header, place));
        }
        let (mut named, beside) = self.named(&row)?;
        let mut roles = self.asked(&row)?.into_iter();
        let (role, also_as) = (roles.next(), roles.collect());
        let who = named.remove(0);
        let is_provider = matches!(who.who, Who::Provider(_));
        let unsaid = (!is_provider && self.who.first().is_some_and(|(_, holds)| *holds < Names::Ocn)).then(|| {
            let BadRow { field, problem, .. } = self.says_nothing(&row);
            (field, problem)
        });
        Ok(Upstream { row: row.row, who, also: named, beside, unsaid, role, also_as, cells: row.cells })
    }

    /// Whom a row names, at least once; and the numbers beside it that are somebody else's.
    fn named(&self, row: &Row) -> Result<(Vec<Named>, Vec<Named>), BadRow> {
        let (mut named, mut beside): (Vec<Named>, Vec<Named>) = (Vec::new(), Vec::new());
        let mut unread: Option<BadRow> = None;
        for (place, holds) in &self.who {
            let cell = row.cell(*place).unwrap_or_default();
            if *holds != Names::Peer && writings::says_nothing(&cell) || cell.is_empty() {
                continue;
            }
            if let Some(problem) = writings::spreadsheet_error(&cell) {
                return Err(self.bad(row, *place, problem));
            }
            let who = match holds {
                Names::Frn if writings::is_rmd_number(&cell) => number(writings::rmd_number(&cell)),
                Names::Frn => writings::frn(&cell).map(|frn| Who::Provider(Identity::Frn(frn))),
                Names::RmdNumber => number(writings::rmd_number(&cell)),
                Names::Provider => writings::provider(&cell).map(Who::Provider),
                Names::Ocn => cell.parse().map(Who::Ocn).map_err(|error: crate::domain::OcnError| error.to_string()),
                Names::Peer => Who::peer(&cell).map_err(|error| error.to_string()),
            };
            match who {
                Ok(who) => {
                    let list = if self.of_others.contains(place) { &mut beside } else { &mut named };
                    list.push(Named { field: self.header.get(*place).cloned().unwrap_or_default(), who });
                }
                // Two numbers of which one cannot be read may be two providers.
                Err(problem) if *holds < Names::Provider => return Err(self.bad(row, *place, problem)),
                Err(problem) => unread = unread.or_else(|| Some(self.bad(row, *place, problem))),
            }
        }
        if let Some(problem) = two_of_a_kind(&named.iter().chain(&beside).collect::<Vec<_>>()) {
            let place = self.who.first().map_or(0, |(place, _)| *place);
            return Err(self.bad(row, place, problem));
        }
        named.sort_by_key(|named| match named.who {
            Who::Provider(Identity::RmdNumber(_)) => 0,
            Who::Provider(Identity::Frn(_)) => 1,
            Who::Ocn(_) => 2,
            Who::Peer(_) => 3,
        });
        match (named.is_empty(), unread, beside.first()) {
            (false, ..) => Ok((named, beside)),
            (true, Some(unread), _) => Err(unread),
            (true, None, None) => Err(self.says_nothing(row)),
            (true, None, Some(other)) => {
                let bad = self.says_nothing(row);
                let problem = format!("{}; {} in column {} is not its own", bad.problem, other.who, other.field);
                Err(BadRow { problem, ..bad })
            }
        }
    }

    /// That the surest column says nothing.
    fn says_nothing(&self, row: &Row) -> BadRow {
        let place = self.who.first().map_or(0, |(place, _)| *place);
        let cell = row.cell(place).unwrap_or_default();
        let says = if cell.is_empty() { "it is empty".to_owned() } else { format!("it says {cell:?}") };
        self.bad(row, place, format!("{says}: {}", self.what_to_give()))
    }

    fn what_to_give(&self) -> &'static str {
        match self.who.first().map(|(_, holds)| holds) {
            Some(Names::Frn) => "give an FRN (ten digits, such as 0020237343)",
            Some(Names::RmdNumber) => "give an RMD number (such as RMD0001410)",
            Some(Names::Provider) => "give an FRN (such as 0020237343) or an RMD number (such as RMD0001410)",
            Some(Names::Ocn) => "give an OCN (such as 591E)",
            Some(Names::Peer) | None => "give a peer's name",
        }
    }

    fn role(&self, row: &Row) -> Result<Option<ProviderRole>, BadRow> {
        let mut role = None;
        for place in &self.roles {
            let cell = row.cell(*place).unwrap_or_default();
            let said = writings::role(&cell).map_err(|problem| self.bad(row, *place, problem))?;
            match (role, said) {
                (Some(one), Some(other)) if one != other => {
                    let problem = format!("it says {other}, and another column says {one}: say which it is");
                    return Err(self.bad(row, *place, problem));
                }
                (one, other) => role = one.or(other),
            }
        }
        Ok(role)
    }

    /// The roles in which a row hands calls over: that of its column of roles, or those that are marked.
    fn asked(&self, row: &Row) -> Result<Vec<ProviderRole>, BadRow> {
        let said = self.role(row)?;
        let mut marks = Marks::default();
        for (place, role) in &self.marked {
            let cell = row.cell(*place).unwrap_or_default();
            marks.add(*role, &cell).map_err(|problem| self.bad(row, *place, problem))?;
        }
        let place = self.marked.first().map_or(0, |(place, _)| *place);
        marks.roles(said).map_err(|problem| self.bad(row, place, problem))
    }

    fn is_rmd_number_in_frn(&self, upstream: &Upstream) -> bool {
        let of_frn = |field: &str| {
            self.who
                .iter()
                .any(|(place, holds)| *holds == Names::Frn && self.header.get(*place).is_some_and(|f| f == field))
        };
        let mut named = std::iter::once(&upstream.who).chain(&upstream.also).chain(&upstream.beside);
        named.any(|named| matches!(named.who, Who::Provider(Identity::RmdNumber(_))) && of_frn(&named.field))
    }
}

fn number(number: Result<crate::domain::RmdNumber, String>) -> Result<Who, String> {
    number.map(|number| Who::Provider(Identity::RmdNumber(number)))
}

/// Whether a column is called by one role.
fn names_a_role(name: &str) -> bool {
    name.split('_').any(|word| matches!(word, "gateway" | "gw" | "voice" | "vsp" | "intermediate"))
}

fn not_roles(column: &str) -> String {
    format!(
        "column {column:?} may hold roles and is not used: to ask in these roles, call it role and write voice_service, \
         gateway or non_gateway_intermediate in it"
    )
}

/// Two numbers of one kind that differ cannot both be a provider's in one row.
fn two_of_a_kind(named: &[&Named]) -> Option<String> {
    for (place, one) in named.iter().enumerate() {
        for other in named.get(place + 1..).unwrap_or_default() {
            let contradict = match (&one.who, &other.who) {
                (Who::Provider(Identity::Frn(one)), Who::Provider(Identity::Frn(other))) => one != other,
                (Who::Ocn(one), Who::Ocn(other)) => one != other,
                _ => false,
            };
            if contradict {
                return Some(format!(
                    "it says {}, and column {} says {}: give each a row of its own",
                    one.who, other.field, other.who
                ));
            }
        }
    }
    None
}

#[cfg(test)]
mod shapes;
#[cfg(test)]
mod tests;
