use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time")
}

fn event(sequence: u64, subject: &str) -> EventRecord {
    EventRecord {
        sequence,
        id: format!("{sequence:010}-0"),
        kind: "rmdd.alarm.raised".to_owned(),
        subject: subject.to_owned(),
        severity: "warning".to_owned(),
        at: at(100),
        body: "{}".to_owned(),
        removed: Vec::new(),
    }
}

fn new(sequence: u64, subject: &str, raises: bool, clears: bool) -> NewEvent {
    NewEvent { event: event(sequence, subject), to: vec!["a".to_owned(), "b".to_owned()], raises, clears }
}

fn step(after: u64, events: Vec<NewEvent>) -> AlertsStep {
    AlertsStep {
        installation: Some(1),
        after,
        cursor: ChangeSerial(9),
        reported: Vec::new(),
        events,
        ..AlertsStep::default()
    }
}

fn sequences(store: &Store, channel: &str) -> Vec<u64> {
    let listed = store.deliveries(false).expect("read");
    listed.iter().filter(|listed| listed.channel == channel).map(|listed| listed.event.sequence).collect()
}

#[test]
fn a_step_is_written_whole_or_not_at_all() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    let reported = vec![("x".to_owned(), Some(serde_json::json!({ "a": 1 })))];
    let first = AlertsStep { reported, ..step(0, vec![new(1, "x", true, false)]) };
    store.commit_alerts(&first).expect("written");
    // Another has written meanwhile.
    let error = store.commit_alerts(&step(0, vec![new(1, "y", true, false)])).expect_err("refused");
    assert!(matches!(error, StoreError::Conflict { expected: 0, found: 1 }), "{error}");
    let kept = store.alerts_kept().expect("read");
    assert_eq!((kept.sequence, kept.cursor, kept.installation), (1, ChangeSerial(9), Some(1)));
    assert_eq!(kept.reported["x"], serde_json::json!({ "a": 1 }));
    assert_eq!((sequences(&store, "a"), sequences(&store, "b")), (vec![1], vec![1]));
    assert!(store.verify().expect("checked").faults.is_empty());
}

#[test]
fn an_end_goes_to_those_who_were_told_of_the_beginning() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    let only_a = NewEvent { to: vec!["a".to_owned()], ..new(1, "x", true, false) };
    store.commit_alerts(&step(0, vec![only_a, new(2, "x", false, true), new(3, "y", false, true)])).expect("written");
    assert_eq!((sequences(&store, "a"), sequences(&store, "b")), (vec![1, 2], Vec::new()));
}

#[test]
fn a_full_queue_sets_its_oldest_aside_and_says_how_many() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    let all = MOST_QUEUED + 5;
    let events = (1..=all).map(|sequence| NewEvent { to: vec!["a".to_owned()], ..new(sequence, "x", false, false) });
    store.commit_alerts(&step(0, events.collect())).expect("written");
    assert_eq!(store.count_deliveries("a").expect("read"), (MOST_QUEUED, 5));
    assert_eq!(store.next_delivery("a", 1).expect("read").expect("one").events[0].sequence, 6);
    assert_eq!(store.alerts_kept().expect("read").channels["a"].overflowed, 5);
    let dead = store.deliveries(true).expect("read");
    assert!(dead[0].delivery.error.contains("queue was full"), "{dead:?}");
}

#[test]
fn what_goes_out_in_one_message_is_settled_by_its_first_attempt() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    store.commit_alerts(&step(0, vec![new(1, "x", true, false), new(2, "y", true, false)])).expect("written");
    store.settle_batch("a", 1, 2).expect("written");
    store.commit_alerts(&step(2, vec![new(3, "z", true, false)])).expect("written");
    let waiting = store.next_delivery("a", 100).expect("read").expect("one");
    assert_eq!(waiting.events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2]);
    store.note_failed("a", 1, "no", (at(200), at(205))).expect("written");
    let again = store.next_delivery("a", 100).expect("read").expect("one");
    assert_eq!((again.events, again.delivery.tries), (waiting.events.clone(), 1));
    let thread = Thread::Answers { id: "<m>".to_owned(), open: BTreeMap::new() };
    store.note_delivered("a", &waiting.events, &thread, at(300)).expect("written");
    let kept = store.alerts_kept().expect("read");
    assert_eq!(kept.told[&("a".to_owned(), "x".to_owned())].thread.as_deref(), Some("<m>"));
    assert_eq!((kept.channels["a"].failing_since, kept.channels["a"].delivered), (None, 2));
    assert_eq!(sequences(&store, "a"), [3]);
}

#[test]
fn later_mails_about_a_subject_answer_the_first_until_it_is_out_of_trouble() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    let deliver = |sequence: u64, id: &str, open: bool| {
        store.commit_alerts(&step(sequence - 1, vec![new(sequence, "peer/1", false, false)])).expect("written");
        let waiting = store.next_delivery("a", 1).expect("read").expect("one");
        let open = BTreeMap::from([("peer/1".to_owned(), open)]);
        let thread = Thread::Answers { id: id.to_owned(), open };
        store.note_delivered("a", &waiting.events, &thread, at(300)).expect("written");
        waiting.threads.into_iter().map(|(_, answered)| answered).collect::<Vec<_>>()
    };
    assert!(deliver(1, "<refused>", true).is_empty());
    assert_eq!(deliver(2, "<attention>", true), ["<refused>"]);
    assert_eq!(deliver(3, "<accepted>", false), ["<refused>"]);
    assert!(deliver(4, "<again>", true).is_empty(), "another trouble");
}

#[test]
fn the_incident_of_a_subject_is_kept_until_nothing_of_it_is_left() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    let events = vec![new(1, "peer/1", false, false), new(2, "alarm/X", true, false)];
    store.commit_alerts(&step(0, events)).expect("written");
    let waiting = store.next_delivery("a", 100).expect("read").expect("one");
    let incident = Thread::Incident("both".to_owned());
    store.note_delivered("a", &waiting.events, &incident, at(300)).expect("written");
    let both = |subjects: &[&str]| subjects.iter().map(|of| ((*of).to_owned(), "both".to_owned())).collect();
    assert_eq!(store.incidents("a").expect("read"), both(&["alarm/X", "peer/1"]));
    assert!(store.incidents("b").expect("read").is_empty() && store.incidents("0").expect("read").is_empty());
    store
        .commit_alerts(&step(2, vec![new(3, "alarm/X", false, true), new(4, "peer/1", false, false)]))
        .expect("written");
    let over = |store: &Store| {
        let waiting = store.next_delivery("a", 1).expect("read").expect("one");
        store.note_delivered("a", &waiting.events, &Thread::Over("both".to_owned()), at(400)).expect("written");
    };
    assert_eq!(store.incidents("a").expect("read"), both(&["alarm/X", "peer/1"]), "its end is not told yet");
    over(&store);
    assert_eq!(store.incidents("a").expect("read"), both(&["peer/1"]));
    over(&store);
    assert!(store.incidents("a").expect("read").is_empty());
}

#[test]
fn a_store_of_format_3_gets_the_outbox_and_a_copy_and_a_compaction_keep_it() {
    let directory = tempfile::tempdir().expect("a directory");
    crate::store::tests::put_fixture("store-format-3.redb.gz", directory.path());
    {
        let reader = Store::open_existing(directory.path()).expect("opened");
        assert_eq!(reader.alerts_kept().expect("read").installation, None);
        assert!(reader.deliveries(false).expect("read").is_empty());
    }
    let store = Store::open(directory.path()).expect("opened");
    let loaded = store.load().expect("loaded");
    assert_eq!(loaded.snapshot.map(|snapshot| (snapshot.serial.0, snapshot.filings.len())), Some((2, 88)));
    assert_eq!(store.load_records().expect("read").0.len(), 1);
    store.commit_alerts(&step(0, vec![new(1, "x", true, false)])).expect("written");
    store.compact().expect("compacted");
    let elsewhere = tempfile::tempdir().expect("a directory");
    let copy = elsewhere.path().join(crate::store::FILE_NAME);
    store
        .copy_to(
            std::fs::File::options().read(true).write(true).create_new(true).open(copy).expect("made"),
            directory.path(),
        )
        .expect("copied");
    let copy = Store::open(elsewhere.path()).expect("opened");
    assert_eq!(sequences(&copy, "b"), [1]);
    assert!(copy.verify().expect("checked").faults.is_empty());
}

#[test]
fn what_was_set_aside_goes_back_to_its_place_and_what_is_dropped_is_gone() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    store.commit_alerts(&step(0, vec![new(1, "x", true, false), new(2, "y", true, false)])).expect("written");
    store.set_aside("a", &[event(1, "x")], "unwanted", at(200)).expect("written");
    assert_eq!(sequences(&store, "a"), [2]);
    let channels = |done: Option<(EventRecord, Vec<String>)>| done.map(|(event, channels)| (event.sequence, channels));
    let again = channels(store.retry_deliveries("0000000001-0", at(300)).expect("written"));
    assert_eq!(again, Some((1, vec!["a".to_owned()])));
    assert_eq!(sequences(&store, "a"), [1, 2]);
    assert_eq!(store.retry_deliveries("0000000001-1", at(300)).expect("written"), None, "another store's");
    let dropped = channels(store.drop_deliveries("1").expect("written"));
    assert_eq!(dropped, Some((1, vec!["a".to_owned(), "b".to_owned()])));
    assert_eq!((sequences(&store, "a"), sequences(&store, "b")), (vec![2], vec![2]));
}

#[test]
fn the_journal_has_every_end_and_who_is_not_told_of_one_has_nothing_open() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("made");
    let to = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let over = NewEvent { to: to(&["b", "journal"]), ..new(2, "x", false, true) };
    let raised = NewEvent { to: to(&["a"]), ..new(1, "x", true, false) };
    store.commit_alerts(&step(0, vec![raised, over])).expect("written");
    assert_eq!((sequences(&store, "journal"), sequences(&store, "b")), (vec![2], Vec::new()));
    let told = store.alerts_kept().expect("read").told;
    assert!(!told.contains_key(&("a".to_owned(), "x".to_owned())), "{told:?}");
}
