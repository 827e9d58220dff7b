//! The records of a moment, against a replay of all events from the first.

use proptest::prelude::*;

use super::*;
use crate::domain::{Frn, Identity, Notice, Override, OverrideAction, Peer, PeerKind, RecordAction, RmdNumber, Who};

/// One of a few records: which, about whom, and how often it was changed.
fn record(what: u8, provider: u8, revision: u64) -> Record {
    let provider = match provider {
        0 => Identity::RmdNumber(RmdNumber::from_value(1410).expect("a number")),
        other => Identity::Frn(Frn::from_value(20_000_000 + u64::from(other)).expect("an FRN")),
    };
    let body = match what {
        0 => RecordBody::Override(Override { action: OverrideAction::Deny }),
        1 => RecordBody::Peer(Peer { kind: PeerKind::TrunkGroup, name: "TG-7".to_owned(), role: None }),
        2 => RecordBody::Peer(Peer { kind: PeerKind::Ocn, name: "731A".to_owned(), role: None }),
        other => RecordBody::Notice(Notice {
            id: format!("n-{other}"),
            document: String::new(),
            issued_at: Timestamp::UNIX_EPOCH,
            mitigated: None,
            informed: None,
            notified: None,
            calls: Vec::new(),
            basis: String::new(),
        }),
    };
    Record {
        provider,
        by: "alice".to_owned(),
        at: Timestamp::UNIX_EPOCH,
        why: format!("revision {revision}"),
        expires_at: None,
        body,
        revision,
    }
}

type ById = BTreeMap<Key, Record>;

/// What is done: with which record, about whom, whether it is taken off, and how much later; the clock may be set back.
type Step = (u8, u8, bool, i64);

/// The events of some steps, and the records before each and behind the last.
fn played(steps: &[Step]) -> (Vec<RecordEvent>, Vec<ById>) {
    let (mut events, mut states, mut at) = (Vec::new(), vec![ById::new()], 1_000_000);
    for (what, provider, off, later) in steps {
        let serial = events.len() as u64 + 1;
        let next = record(*what, *provider, serial);
        let key = (next.kind(), next.id());
        let mut state = states.last().expect("a state").clone();
        let before = state.get(&key).cloned();
        if *off && before.is_none() {
            continue;
        }
        at += later;
        let after = (!off).then_some(next);
        match &after {
            Some(after) => state.insert(key, after.clone()),
            None => state.remove(&key),
        };
        events.push(RecordEvent {
            serial,
            at: Timestamp::from_second(at).expect("a time"),
            by: "alice".to_owned(),
            why: String::new(),
            action: RecordAction::Changed,
            before,
            after,
        });
        states.push(state);
    }
    (events, states)
}

fn records(state: &ById, last_event: u64) -> Arc<Records> {
    Arc::new(Records::build(state.values().cloned(), last_event))
}

/// Everything that records can be asked.
fn reported(records: &Records) -> String {
    let all: Vec<_> = RecordKind::ALL.into_iter().flat_map(|kind| records.all(kind)).collect();
    let about: Vec<_> = (0..5)
        .map(|provider| records.about(record(0, provider, 0).provider).filter(|about| !about.is_empty()))
        .map(|about| format!("{about:?}"))
        .collect();
    let named = |name: &str| Who::Peer(name.parse().expect("a name"));
    let peers: Vec<_> = [named("TG-7"), named("TG-8"), Who::Ocn("731A".parse().expect("an OCN"))]
        .iter()
        .map(|who| format!("{:?}", records.resolve(who, Timestamp::UNIX_EPOCH)))
        .collect();
    let got: Vec<_> = all.iter().map(|record| records.get(record.kind(), &record.id()).is_some()).collect();
    format!("{all:?} {about:?} {peers:?} {got:?} {}", records.last_event())
}

fn read(events: &[RecordEvent], below: u64, most: usize) -> Vec<RecordEvent> {
    events.iter().rev().filter(|event| event.serial < below).take(most).cloned().collect()
}

proptest! {
    #[test]
    fn records_of_any_moment_are_those_that_a_replay_leads_to(
        steps in prop::collection::vec((0u8..6, 0u8..5, any::<bool>(), -3i64..20), 0..120),
        known_from in 0usize..120,
        moments in prop::collection::vec(999_990i64..1_001_000, 1..12),
    ) {
        let (events, states) = played(&steps);
        let split = known_from.min(events.len());
        let mut past = Arc::new(Past::of(records(&states[split], split as u64)));
        let mut handed_out = 0;
        for (turn, moment) in moments.into_iter().enumerate() {
            let mut have = split;
            // The newer ones come when a question or two have been answered.
            if turn > 1 && past.now().last_event() < events.len() as u64 {
                let newer: Vec<_> = events[split..].iter().rev().cloned().collect();
                handed_out += newer.len();
                Arc::make_mut(&mut past).follow(records(&states[events.len()], events.len() as u64), &newer);
            }
            if turn > 1 {
                have = events.len();
            }
            let at = Timestamp::from_second(moment).expect("a time");
            let serial = past.newest_by(at, |below, most| {
                let older = read(&events, below, most);
                handed_out += older.len();
                Ok::<_, ()>(older)
            });
            let expected = events[..have].iter().rposition(|event| event.at <= at).map_or(0, |place| place + 1);
            prop_assert_eq!(serial, Ok(expected as u64));
            let then = Records::then(Arc::clone(&past), expected as u64);
            prop_assert_eq!(reported(&then), reported(&records(&states[expected], expected as u64)));
            prop_assert_eq!(past.is_newest(expected as u64), expected == have);
        }
        prop_assert!(handed_out <= events.len(), "each event is read once");
    }
}

#[test]
fn a_question_about_a_moment_reads_no_event_that_one_before_has_read() {
    let steps: Vec<Step> = (0..10_000u32).map(|n| ((n % 6) as u8, (n / 7 % 5) as u8, n % 3 == 2, 1)).collect();
    let (events, states) = played(&steps);
    let last = events.len() as u64;
    let mut past = Arc::new(Past::of(records(&states[events.len()], last)));
    let mut reads = Vec::new();
    for second in (1_000_000..1_010_000).rev().step_by(10) {
        let at = Timestamp::from_second(second).expect("a time");
        let found = past.newest_by(at, |below, most| {
            let older = read(&events, below, most);
            reads.push(older.len());
            Ok::<_, ()>(older)
        });
        assert!(found.is_ok_and(|serial| serial <= last));
    }
    assert_eq!(reads.iter().sum::<usize>(), events.len());
    assert!(reads.len() < 12, "{reads:?}: a thousand questions, and few goes to the store");
}
