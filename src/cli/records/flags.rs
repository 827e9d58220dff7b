//! Fields of records as the command line calls them: whoever typed `--issued-at` is told of `--issued-at`.

use anyhow::anyhow;

use super::super::target::Refused;
use crate::domain::{BadField, RecordKind};

/// What the command line calls a field.
fn flag(kind: RecordKind, field: &str) -> String {
    match (kind, field) {
        (_, "provider") => "WHO".to_owned(),
        (RecordKind::Peer, "name") => "NAME".to_owned(),
        (RecordKind::Override, "action") => "ACTION".to_owned(),
        (RecordKind::Order, "kind") => "KIND".to_owned(),
        (RecordKind::Order, "document") => "DOCUMENT".to_owned(),
        (RecordKind::Notice, "id") => "ID".to_owned(),
        (_, "expires_at") => "--expires".to_owned(),
        // Of `respond` and `notified`, which record when something happened and what it was.
        (_, "mitigated_at" | "informed_at" | "notified_at") => "--at".to_owned(),
        (_, "mitigated_note" | "informed_note" | "notified_note") => "--note".to_owned(),
        (_, field) => format!("--{}", field.replace('_', "-")),
    }
}

/// What is wrong, by the flag that said it.
pub fn in_words(kind: RecordKind, bad: &BadField) -> String {
    format!("{}: {}", flag(kind, &bad.field), bad.problem)
}

/// A refusal by whom was asked, by the flags that said what it is about. Of several providers it names the one.
pub fn explain(kind: RecordKind, error: anyhow::Error, providers: &[String]) -> anyhow::Error {
    let Some(refused) = Refused::of(&error).filter(|refused| !refused.violations.is_empty()) else { return error };
    let reported: Vec<String> = refused
        .violations
        .iter()
        .map(|(field, problem)| {
            let place = field.strip_prefix("records[").and_then(|rest| rest.split_once("]."));
            let (place, field) = place.unwrap_or(("", field));
            let bad = in_words(kind, &BadField::new(field, problem.as_str()));
            match place.parse().ok().and_then(|place: usize| providers.get(place)) {
                Some(provider) if providers.len() > 1 => format!("of {provider}, {bad}"),
                _ => bad,
            }
        })
        .collect();
    anyhow!("nothing was changed: {}", reported.join("; "))
}
