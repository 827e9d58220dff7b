//! What is on record about a snapshot, and what vetting remembers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::v1::AnomalyKind as Kind;
use super::{Bad, Read, damaged, number, time, v1};
use crate::domain::{Anomaly, ChangeCounts, ChangedCell, Column, RmdNumber, StepFacts};

pub fn counts_to_wire(counts: ChangeCounts) -> v1::Counts {
    let ChangeCounts { listed, amended, removed, reinstated } = counts;
    v1::Counts { listed, amended, removed, reinstated }
}

pub fn counts_from_wire(counts: Option<v1::Counts>) -> ChangeCounts {
    let v1::Counts { listed, amended, removed, reinstated } = counts.unwrap_or_default();
    ChangeCounts { listed, amended, removed, reinstated }
}

pub fn carried_to_wire(carried: &BTreeMap<RmdNumber, Timestamp>) -> Vec<v1::Carried> {
    let row = |(number, since): (&RmdNumber, &Timestamp)| v1::Carried {
        number: number.value(),
        since_ms: since.as_millisecond(),
    };
    carried.iter().map(row).collect()
}

pub fn carried_from_wire(carried: &[v1::Carried]) -> Read<BTreeMap<RmdNumber, Timestamp>> {
    carried.iter().map(|row| Ok((number(row.number)?, time(row.since_ms)?))).collect()
}

pub fn anomalies_to_wire(anomalies: &[Anomaly]) -> Vec<v1::Anomaly> {
    let wire = |kind: Kind, text: &str| v1::Anomaly { kind: kind.into(), text: text.to_owned(), ..Default::default() };
    let one = |anomaly: &Anomaly| match anomaly {
        Anomaly::MissingColumn(column) => wire(Kind::MissingColumn, column.name()),
        Anomaly::UnknownColumn(name) => wire(Kind::UnknownColumn, name),
        Anomaly::UnreadableRows { rows, carried, first } => {
            v1::Anomaly { rows: *rows, carried: *carried, ..wire(Kind::UnreadableRows, first) }
        }
        Anomaly::Unusual { what } => wire(Kind::Unusual, what),
        Anomaly::PeersGone { which } => wire(Kind::PeersGone, which),
        Anomaly::Corroborated { doubts } => wire(Kind::Corroborated, doubts),
        Anomaly::LetThrough { by, doubts } => v1::Anomaly { by: by.clone(), ..wire(Kind::LetThrough, doubts) },
    };
    anomalies.iter().map(one).collect()
}

pub fn anomalies_from_wire(anomalies: Vec<v1::Anomaly>) -> Read<Vec<Anomaly>> {
    let one = |anomaly: v1::Anomaly| -> Read<Anomaly> {
        let kind = Kind::try_from(anomaly.kind);
        let v1::Anomaly { text, by, rows, carried, .. } = anomaly;
        Ok(match kind {
            Ok(Kind::MissingColumn) => Anomaly::MissingColumn(column(&text)?),
            Ok(Kind::UnknownColumn) => Anomaly::UnknownColumn(text),
            Ok(Kind::UnreadableRows) => Anomaly::UnreadableRows { rows, carried, first: text },
            Ok(Kind::Unusual) => Anomaly::Unusual { what: text },
            Ok(Kind::PeersGone) => Anomaly::PeersGone { which: text },
            Ok(Kind::Corroborated) => Anomaly::Corroborated { doubts: text },
            Ok(Kind::LetThrough) => Anomaly::LetThrough { by, doubts: text },
            Ok(Kind::Unspecified) | Err(_) => return Err(Bad::Unknown(format!("an anomaly of kind {}", anomaly.kind))),
        })
    };
    anomalies.into_iter().map(one).collect()
}

fn column(name: &str) -> Read<Column> {
    Column::named(name).ok_or_else(|| Bad::Unknown(format!("a column {name:?}")))
}

fn cells_to_wire(cells: &[ChangedCell]) -> Vec<v1::ChangedCell> {
    let one = |cell: &ChangedCell| v1::ChangedCell {
        number: cell.number.value(),
        column: cell.column.name().to_owned(),
        before: cell.before,
    };
    cells.iter().map(one).collect()
}

fn cells_from_wire(cells: &[v1::ChangedCell]) -> Read<Vec<ChangedCell>> {
    let one = |cell: &v1::ChangedCell| -> Read<ChangedCell> {
        Ok(ChangedCell { number: number(cell.number)?, column: column(&cell.column)?, before: cell.before })
    };
    cells.iter().map(one).collect()
}

pub fn steps_to_wire(steps: &[StepFacts]) -> Vec<v1::StepFacts> {
    let one = |step: &StepFacts| v1::StepFacts {
        fetched_at_ms: step.fetched_at.as_millisecond(),
        content_day: step.content_day.map(|day| day.to_string()).unwrap_or_default(),
        lost: step.lost,
        was_wave: step.was_wave,
        end_gone: step.end_gone,
        last_before: step.last_before.map(RmdNumber::value),
        unlikely: step.unlikely.iter().map(|number| number.value()).collect(),
        undated: cells_to_wire(&step.undated),
        dated: cells_to_wire(&step.dated),
        come: step.come,
    };
    steps.iter().map(one).collect()
}

pub fn steps_from_wire(steps: &[v1::StepFacts]) -> Read<Vec<StepFacts>> {
    let day = |text: &str| -> Read<Option<Date>> {
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(damaged) }
    };
    let one = |step: &v1::StepFacts| -> Read<StepFacts> {
        Ok(StepFacts {
            fetched_at: time(step.fetched_at_ms)?,
            content_day: day(&step.content_day)?,
            lost: step.lost,
            was_wave: step.was_wave,
            end_gone: step.end_gone,
            last_before: step.last_before.map(number).transpose()?,
            unlikely: step.unlikely.iter().map(|value| number(*value)).collect::<Read<_>>()?,
            undated: cells_from_wire(&step.undated)?,
            dated: cells_from_wire(&step.dated)?,
            come: step.come,
        })
    };
    steps.iter().map(one).collect()
}
