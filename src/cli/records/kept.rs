//! What was recorded of an order or a notice after it was put on record. Whoever puts it in anew does not say it, and a CSV
//! cannot hold all of it: it stays.

use std::collections::BTreeMap;

use anyhow::Context;

use super::super::target::Target;
use super::{all, one};
use crate::api::grpc::record_from_wire;
use crate::domain::{Noted, Notice, Record, RecordBody, RecordKind};
use crate::observe::clock;

/// Takes over what a record on record says of later and the new one leaves blank. Names what stays.
pub fn keep_what_came_later(record: &mut Record, before: Record) -> Vec<&'static str> {
    let mut kept = Vec::new();
    let mut keep = |slot: &mut Option<Noted>, before: Option<Noted>, field| {
        if slot.is_none() && before.is_some() {
            *slot = before;
            kept.push(field);
        }
    };
    match (&mut record.body, before.body) {
        (RecordBody::Order(order), RecordBody::Order(before)) => {
            keep(&mut order.notified, before.notified, "notified_at");
        }
        (RecordBody::Notice(notice), RecordBody::Notice(before)) => {
            let Notice { mitigated, informed, notified, calls, basis, .. } = before;
            keep(&mut notice.mitigated, mitigated, "mitigated_at");
            keep(&mut notice.informed, informed, "informed_at");
            keep(&mut notice.notified, notified, "notified_at");
            if notice.basis.is_empty() && !basis.is_empty() {
                notice.basis = basis;
                kept.push("basis");
            }
            if notice.calls.is_empty() && !calls.is_empty() {
                notice.calls = calls;
                kept.push("calls");
            }
        }
        _ => {}
    }
    kept
}

/// The records of which something may have been recorded later, by the IDs as they are compared.
pub struct OnRecord {
    kind: RecordKind,
    ids: BTreeMap<String, Record>,
}

impl OnRecord {
    /// Those of a kind; none of kinds of which nothing is recorded later.
    pub async fn of(target: &Target, kind: RecordKind) -> anyhow::Result<Self> {
        let mut ids = BTreeMap::new();
        if matches!(kind, RecordKind::Order | RecordKind::Notice) {
            for record in all(target, kind).await?.into_iter().filter_map(|entry| entry.record) {
                let id = kind.folded(&record.id);
                let record = record_from_wire(record, "", clock::now());
                ids.insert(id, record.with_context(|| format!("a {kind} on record cannot be read"))?);
            }
        }
        Ok(Self { kind, ids })
    }

    /// The one of this ID, with all that is on record of it.
    pub async fn get(&self, target: &Target, id: &str) -> anyhow::Result<Option<Record>> {
        match (self.ids.get(&self.kind.folded(id)), self.kind) {
            (None, _) => Ok(None),
            // Traced calls come only with a notice that is asked for by its ID.
            (Some(_), RecordKind::Notice) => one(target, self.kind, id).await.map(Some),
            (Some(record), _) => Ok(Some(record.clone())),
        }
    }
}
