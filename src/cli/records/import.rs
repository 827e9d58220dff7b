//! A list of records, as CSV, .xlsx or JSON: read whole, and taken whole or not at all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use jiff::Timestamp;

use super::super::ask_list::{Question, ask, contradiction};
use super::super::list_file;
use super::super::target::{Refused, Target};
use super::super::text;
use super::entries::{self, Bad, Both, Entries};
use super::kept::{self, OnRecord};
use super::{By, Global, YES, put_named, to_change};
use crate::domain::{BadField, Identity, Record, RecordKind, TracedCall};
use crate::observe::clock;
use crate::records::fields;
use crate::records::{BadEntry, Change, PlanError, Records, plan};

#[derive(Debug, Args)]
pub struct Import {
    /// The list: CSV or .xlsx with a header, or JSON (an array of objects, or one a line); - for standard input. See
    /// `export` for the columns.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What a field says where the list leaves it empty or has no such column, such as kind=removal. May be repeated.
    #[arg(long, value_name = "FIELD=TEXT", value_parser = setting)]
    default: Vec<(String, String)>,
    /// Replace records that say something else. What was recorded of them later, such as responses and traced calls, stays
    /// where the list leaves it blank.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    by: By,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write FIELD=TEXT")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

impl Import {
    pub async fn run(self, global: &Global, kind: RecordKind) -> anyhow::Result<u8> {
        let by = self.by.name()?;
        let mut list = read(&self.file, kind, &self.default, &by, clock::now())?;
        let target = to_change(global).await?;
        list.verify(&target).await?;
        let kept = list.keep_what_came_later(&target, kind, self.replace).await?;
        list.put(&target, self.replace, &by).await?;
        list_file::say_notes(&self.file, &kept);
        Ok(YES)
    }
}

/// Records, each with where it stands in the list.
pub struct List {
    pub records: Vec<Record>,
    places: Vec<String>,
    both: Vec<Both>,
    file: String,
}

fn refuse(file: &str, bad: &[Bad]) -> anyhow::Error {
    let named: Vec<String> = bad.iter().map(|Bad { place, bad }| format!("{place}, {bad}")).collect();
    let count = match bad.len() {
        0 | 1 => String::new(),
        several => format!("{} bad entries: ", text::count(several as u64)),
    };
    anyhow!("{file}: nothing was changed: {count}{}", text::one_line(&list_file::first_of(&named).join("; ")))
}

impl List {
    /// Asks whether the two numbers of each entry that has two are one provider's.
    ///
    /// # Errors
    ///
    /// Names the entries of which they are not.
    pub async fn verify(&self, target: &Target) -> anyhow::Result<()> {
        let question = |place: &str, who: Identity| Question { place: place.to_owned(), who: who.into(), role: None };
        let questions: Vec<Question> = self
            .both
            .iter()
            .flat_map(|Both { place, frn, rmd_number }| {
                [question(place, Identity::Frn(*frn)), question(place, Identity::RmdNumber(*rmd_number))]
            })
            .collect();
        let answers = ask(target, &self.file, &questions, None).await?;
        let mut bad = Vec::new();
        for (asked, reported) in questions.chunks(2).zip(answers.chunks(2)) {
            let ([frn, number], [of_frn, of_number]) = (asked, reported) else { continue };
            if let Some(problem) = contradiction((&frn.who, of_frn), (&number.who, of_number)) {
                bad.push(Bad { place: frn.place.clone(), bad: BadField::new("provider", problem) });
            }
        }
        if bad.is_empty() { Ok(()) } else { Err(refuse(&self.file, &bad)) }
    }

    /// Leaves what was recorded later of the orders and notices that are on record already, where the list does not say it.
    /// Returns what to say about it.
    ///
    /// # Errors
    ///
    /// Names the entries that do not go with what stays.
    async fn keep_what_came_later(
        &mut self,
        target: &Target,
        kind: RecordKind,
        replace: bool,
    ) -> anyhow::Result<Vec<String>> {
        let on_record = OnRecord::of(target, kind).await?;
        let (mut bad, mut count, mut fields) = (Vec::new(), 0, BTreeSet::new());
        for (record, place) in self.records.iter_mut().zip(&self.places) {
            let Some(before) = on_record.get(target, &record.id()).await? else { continue };
            if replace {
                // What is recorded of it meanwhile is not lost either.
                record.revision = before.revision;
            }
            let kept = kept::keep_what_came_later(record, before);
            count += usize::from(!kept.is_empty());
            fields.extend(kept);
            if let Err(problem) = record.check(clock::now()) {
                bad.push(Bad { place: place.clone(), bad: problem });
            }
        }
        match (bad.is_empty(), count) {
            (false, _) => Err(refuse(&self.file, &bad)),
            (true, 0) => Ok(Vec::new()),
            (true, _) => Ok(vec![format!(
                "what is on record of {} and the list leaves blank stays: {}",
                kind.count(count),
                fields.into_iter().collect::<Vec<_>>().join(", ")
            )]),
        }
    }

    /// Which records have ended already: they are history, and whoever meant them to hold is to know.
    fn of_the_past(&self, now: Timestamp) -> Vec<String> {
        let over: Vec<&str> = self
            .records
            .iter()
            .zip(&self.places)
            .filter(|(record, _)| !record.in_force(now))
            .map(|(_, place)| place.as_str())
            .collect();
        let Some(first) = over.first() else { return Vec::new() };
        let more = if over.len() > 1 { format!(" to {}", over.last().unwrap_or(first)) } else { String::new() };
        vec![format!(
            "{} ended before today and {} taken in as history, without effect ({first}{more})",
            text::count(over.len() as u64) + if over.len() == 1 { " record" } else { " records" },
            if over.len() == 1 { "is" } else { "are" }
        )]
    }

    /// Where a record stands in the list.
    pub fn place(&self, index: usize) -> Option<String> {
        self.places.get(index).cloned()
    }

    /// Puts the list in whole. What does not fit what is on record is named by its place.
    async fn put(&self, target: &Target, replace: bool, by: &str) -> anyhow::Result<()> {
        let Err(error) = put_named(target, &self.records, replace, by, &|index| self.place(index)).await else {
            return Ok(());
        };
        let Some(refused) = Refused::of(&error).filter(|refused| !refused.violations.is_empty()) else {
            return Err(error);
        };
        let bad: Vec<Bad> = refused
            .violations
            .iter()
            .map(|(field, problem)| {
                let (place, field) = self.locate(field);
                Bad { place, bad: BadField::new(field, problem.as_str()) }
            })
            .collect();
        Err(refuse(&self.file, &bad))
    }

    /// An entry that does not go with one before it, and where both stand.
    fn twice(&self, BadEntry { place, bad, .. }: BadEntry) -> Bad {
        let key = |record: &Record| (record.kind(), record.kind().folded(&record.id()));
        let this = self.records.get(place).map(key);
        let earlier = self.records.iter().take(place).position(|record| Some(key(record)) == this);
        let name = |place: usize| self.places.get(place).cloned().unwrap_or_default();
        let problem = match earlier {
            Some(earlier) => format!("{} ({})", bad.problem, name(earlier)),
            None => bad.problem,
        };
        Bad { place: name(place), bad: BadField { problem, ..bad } }
    }

    /// Where `records[6999].name` stands in the list.
    fn locate<'a>(&self, field: &'a str) -> (String, &'a str) {
        let found = field
            .strip_prefix("records[")
            .and_then(|rest| rest.split_once("]."))
            .and_then(|(place, name)| Some((self.places.get(place.parse::<usize>().ok()?)?.clone(), name)));
        found.unwrap_or_else(|| ("the list".to_owned(), field))
    }
}

/// Reads a list. What is wrong in itself, or within the list, is found before anybody is asked.
pub fn read(
    file: &Path,
    kind: RecordKind,
    defaults: &[(String, String)],
    by: &str,
    now: Timestamp,
) -> anyhow::Result<List> {
    let (bytes, name) = (list_file::read(file)?, list_file::name(file));
    let refused =
        |error: anyhow::Error| anyhow!("{name}: nothing was changed: {}", text::one_line(&format!("{error}")));
    let Entries { entries, both, mut bad, notes } = entries::read(&bytes, kind, defaults).map_err(refused)?;
    list_file::say_notes(file, &notes);
    let mut list = List { records: Vec::new(), places: Vec::new(), both, file: name };
    for (place, entry) in entries {
        match fields::read(kind, &entry, by, now).and_then(|record| record.check(now).map(|()| record)) {
            Ok(record) => {
                list.records.push(record);
                list.places.push(place);
            }
            Err(problem) => bad.push(Bad { place, bad: problem }),
        }
    }
    if bad.is_empty() {
        let put = Change::Put { records: list.records.clone(), replace: true, by: by.to_owned() };
        if let Err(PlanError::BadEntries(entries)) = plan(&Records::default(), put, now) {
            bad.extend(entries.into_iter().map(|entry| list.twice(entry)));
        }
    }
    if !bad.is_empty() {
        return Err(refuse(&list.file, &bad));
    }
    list_file::say_notes(file, &list.of_the_past(now));
    Ok(list)
}

/// The traced calls of an Attachment A.
pub fn read_calls(file: &Path) -> anyhow::Result<Vec<TracedCall>> {
    let (bytes, name) = (list_file::read(file)?, list_file::name(file));
    let refused =
        |error: anyhow::Error| anyhow!("{name}: nothing was changed: {}", text::one_line(&format!("{error}")));
    let (calls, bad, notes) = entries::read_calls(&bytes).map_err(refused)?;
    list_file::say_notes(file, &notes);
    if !bad.is_empty() {
        bail!(refuse(&name, &bad));
    }
    Ok(calls)
}
