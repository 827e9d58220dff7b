//! What a fleet makes of the records of a store that joins it: those that it never had can be brought along, and those that it
//! has lifted since are not, as the fleet's own history tells.

use std::collections::BTreeMap;

use crate::domain::{Record, RecordEvent, RecordKind};
use crate::records::Records;

/// A record that the fleet has none of, and what became of it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// As the store that joins has it.
    pub record: Record,
    /// What the fleet did with it.
    pub there: There,
}

/// What a fleet did with a record that it has none of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum There {
    /// It never had it.
    Never,
    /// It had lifted it before: it was put here again since, and the fleet does not know that.
    PutHereSince(Box<RecordEvent>),
    /// It has lifted it since: what is here is what was lifted, or was changed here by somebody who did not know that. Without
    /// the event where damage took that from the fleet's history.
    Lifted(Option<Box<RecordEvent>>),
}

impl Lacking {
    /// Whether it is brought to the fleet where records are.
    pub fn is_brought(&self) -> bool {
        !matches!(self.there, There::Lifted(_))
    }

    /// By what the fleet lifted it, if it did and that is known.
    pub fn event(&self) -> Option<&RecordEvent> {
        match &self.there {
            There::Never => None,
            There::PutHereSince(event) => Some(event),
            There::Lifted(event) => event.as_deref(),
        }
    }
}

/// The records of a store that the fleet has none of, by the histories of both.
pub fn lacking(own: Vec<Record>, own_events: &[RecordEvent], fleet: &Records, events: &[RecordEvent]) -> Vec<Lacking> {
    let shared = shared(own_events, events);
    let history = by_id(events);
    let lacks = own.into_iter().filter(|record| fleet.get(record.kind(), &record.id()).is_none());
    lacks
        .map(|record| {
            let of_it = history.get(&key(&record)).map(Vec::as_slice).unwrap_or_default();
            let there = there(&record, shared, of_it);
            Lacking { record, there }
        })
        .collect()
}

fn there(record: &Record, shared: u64, of_it: &[&RecordEvent]) -> There {
    // The fleet had the very record, and has it no more.
    let is_a_copy = of_it.iter().any(|event| event.after.as_ref() == Some(record))
        || (record.revision > 0 && record.revision <= shared);
    match of_it.last().map(|event| Box::new((*event).clone())) {
        None if is_a_copy => There::Lifted(None),
        None => There::Never,
        // Of two that have nothing in common, the times alone say which came later.
        Some(event) if is_a_copy || (event.serial > shared && (shared > 0 || event.at >= record.at)) => {
            There::Lifted(Some(event))
        }
        Some(event) => There::PutHereSince(event),
    }
}

/// Up to which event both histories are the same: from there on the store knows nothing of what the fleet did.
fn shared(own: &[RecordEvent], fleet: &[RecordEvent]) -> u64 {
    let known: BTreeMap<u64, &RecordEvent> = fleet.iter().map(|event| (event.serial, event)).collect();
    let own: BTreeMap<u64, &RecordEvent> = own.iter().map(|event| (event.serial, event)).collect();
    let both = own.iter().filter_map(|(serial, event)| Some((*serial, *known.get(serial)? == *event)));
    both.take_while(|(_, same)| *same).last().map_or(0, |(serial, _)| serial)
}

fn key(record: &Record) -> (RecordKind, String) {
    (record.kind(), record.kind().folded(&record.id()))
}

/// The events of each record, oldest first.
fn by_id(events: &[RecordEvent]) -> BTreeMap<(RecordKind, String), Vec<&RecordEvent>> {
    let mut ordered: Vec<&RecordEvent> = events.iter().collect();
    ordered.sort_unstable_by_key(|event| event.serial);
    let mut by_id: BTreeMap<_, Vec<&RecordEvent>> = BTreeMap::new();
    for event in ordered {
        let (before, after) = (event.before.as_ref().map(key), event.after.as_ref().map(key));
        for key in before.iter().chain(after.iter().filter(|after| before.as_ref() != Some(after))) {
            by_id.entry(key.clone()).or_default().push(event);
        }
    }
    by_id
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::domain::{EARLIEST, Frn, Identity, Override, OverrideAction, RecordAction, RecordBody};
    use crate::records::{Change, plan};

    fn at(minute: i64) -> Timestamp {
        EARLIEST + SignedDuration::from_mins(minute)
    }

    /// A history, made as the store makes it.
    #[derive(Clone, Default)]
    struct History(Vec<RecordEvent>);

    impl History {
        fn records(&self) -> Records {
            Records::default().after(&self.0)
        }

        fn list(&self) -> Vec<Record> {
            self.records().all(RecordKind::Override).map(|record| (**record).clone()).collect()
        }

        fn change(mut self, change: Change, minute: i64) -> Self {
            let events = plan(&self.records(), change, at(minute)).expect("a change");
            self.0.extend(events);
            self
        }

        fn put(self, frn: u64, why: &str, minute: i64) -> Self {
            let record = Record {
                provider: Identity::Frn(Frn::from_value(frn).expect("an FRN")),
                by: "ann".to_owned(),
                at: at(minute),
                why: why.to_owned(),
                expires_at: None,
                body: RecordBody::Override(Override { action: OverrideAction::Allow }),
                revision: 0,
            };
            self.change(Change::Put { records: vec![record], replace: true, by: "ann".to_owned() }, minute)
        }

        fn remove(self, frn: u64, minute: i64) -> Self {
            let (kind, ids) = (RecordKind::Override, vec![format!("{frn:010}")]);
            self.change(Change::Remove { kind, ids, by: "bob".to_owned(), why: "fraud".to_owned() }, minute)
        }
    }

    fn of(own: &History, fleet: &History) -> Vec<There> {
        let lacking = lacking(own.list(), &own.0, &fleet.records(), &fleet.0);
        lacking.into_iter().map(|lacking| lacking.there).collect()
    }

    fn lifted(event: Option<&RecordEvent>) -> There {
        There::Lifted(event.cloned().map(Box::new))
    }

    #[test]
    fn what_the_fleet_lifted_behind_the_copy_is_not_brought_and_what_it_never_had_is() {
        let copy = History::default().put(41, "agreed", 1).put(42, "agreed", 2);
        let fleet = copy.clone().remove(41, 10);
        let there = of(&copy, &fleet);
        assert_eq!(there, [lifted(fleet.0.last())], "the other is there still");
        let own = copy.clone().put(43, "put here", 11);
        assert_eq!(of(&own, &fleet), [lifted(fleet.0.last()), There::Never]);
        // Whoever changed it here did not know of it, whatever the clocks say.
        let own = copy.clone().put(41, "agreed anew", 20);
        assert_eq!(of(&own, &fleet), [lifted(fleet.0.last())]);
        // What was changed there and then lifted was lifted.
        let fleet = copy.clone().put(41, "as we said", 9).remove(41, 10);
        assert_eq!(of(&copy, &fleet), [lifted(fleet.0.last())]);
        assert!(!Lacking { record: copy.list().remove(0), there: lifted(None) }.is_brought());
    }

    #[test]
    fn what_was_lifted_before_the_copy_was_made_and_put_here_since_is_brought() {
        let both = History::default().put(41, "agreed", 1).remove(41, 2);
        let own = both.clone().put(41, "agreed anew", 20);
        let fleet = both.clone().put(42, "another", 30);
        let there = of(&own, &fleet);
        assert_eq!(there, [There::PutHereSince(Box::new(both.0[1].clone()))]);
        assert!(Lacking { record: own.list().remove(0), there: there[0].clone() }.is_brought());
    }

    #[test]
    fn of_histories_that_have_nothing_in_common_the_times_tell() {
        let fleet = History::default().put(41, "agreed", 1).remove(41, 10);
        assert_eq!(of(&History::default().put(41, "ours", 5), &fleet), [lifted(fleet.0.last())]);
        let there = of(&History::default().put(41, "ours", 11), &fleet);
        assert_eq!(there, [There::PutHereSince(Box::new(fleet.0[1].clone()))]);
    }

    #[test]
    fn a_copy_is_known_where_damage_took_the_events_that_tell_of_it() {
        let copy = History::default().put(41, "agreed", 1).put(42, "agreed", 2);
        let fleet = copy.clone().remove(41, 10).put(43, "another", 11);
        let (own, theirs) = (copy.list(), fleet.records());
        let there = |own_events: &[RecordEvent], events: &[RecordEvent]| {
            let all = lacking(own.clone(), own_events, &theirs, events);
            all.into_iter().map(|lacking| lacking.there).collect::<Vec<_>>()
        };
        let removed = fleet.0.iter().find(|event| event.action == RecordAction::Removed);
        assert_eq!(there(&[], &fleet.0), [lifted(removed)], "the store's history is gone");
        let left: Vec<RecordEvent> = fleet.0.iter().filter(|event| [2, 4].contains(&event.serial)).cloned().collect();
        assert_eq!(there(&copy.0, &left), [lifted(None)], "the fleet's is, in part");
    }
}
