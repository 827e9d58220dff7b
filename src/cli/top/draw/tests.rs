use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::api::grpc::time_to_wire;
use crate::api::grpc::v1::{AskerCount, DecisionCount, ErrorCount, Reason, RefusedCount, WatchDecisionsResponse};
use crate::observe::clock;

fn frame(refused: u64) -> WatchDecisionsResponse {
    let mut accepts = DecisionCount { count: 41_233, ..DecisionCount::default() };
    accepts.set_verdict(Verdict::Accept);
    accepts.set_reason(Reason::Listed);
    let mut refuses = DecisionCount { count: refused, ..DecisionCount::default() };
    refuses.set_verdict(Verdict::Refuse);
    refuses.set_reason(Reason::Removed);
    WatchDecisionsResponse {
        at: Some(time_to_wire(clock::now())),
        decisions: vec![accepts, refuses],
        errors: vec![ErrorCount { reason: "INVALID_FRN".to_owned(), count: 2 }],
        p50: Some(prost_types::Duration { seconds: 0, nanos: 8_000 }),
        p99: Some(prost_types::Duration { seconds: 0, nanos: 1_400_000 }),
        refused: vec![RefusedCount {
            peer: "TG-Bad".to_owned(),
            provider: "0012897441".to_owned(),
            provider_name: "\u{1b}[31mQuiet\u{202e} <script>".to_owned() + &"x".repeat(4000),
            count: refused,
        }],
        askers: vec![AskerCount { asked_by: "user root".to_owned(), count: 5 }],
        ..WatchDecisionsResponse::default()
    }
}

fn drawn(width: u16, height: u16, history: &History) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| all(frame, history)).expect("drawn");
    let buffer = terminal.backend().buffer().clone();
    let rows = (0..height).map(|row| (0..width).map(|column| buffer[(column, row)].symbol().to_owned()).collect());
    rows.collect::<Vec<String>>().join("\n")
}

#[test]
fn all_is_shown_with_room_for_it_and_less_where_there_is_none() {
    let mut history = History::new(300, "unix:/run/rmdd/rmdd.sock");
    history.begin();
    assert!(history.add(frame(7)));
    assert!(history.add(frame(212)));
    for (width, height) in [(80, 24), (200, 50)] {
        let screen = drawn(width, height, &history);
        for shown in [
            "41,447/s",
            "accepted 41,233",
            "refused 212",
            "errors 2",
            "p50 8 µs",
            "p99 1.4 ms",
            "REMOVED 212/s",
            "219",
            "TG-Bad",
            "WHO ASKS",
            "user root",
            "at most 212",
        ] {
            assert!(screen.contains(shown), "{shown} at {width}:\n{screen}");
        }
        assert!(!screen.contains(['\u{1b}', '\u{202e}']), "{screen}");
        assert!(screen.contains("\\u{1b}[31mQuiet"), "{screen}");
    }
    // Nothing panics where there is hardly any room.
    for (width, height) in [(1, 1), (5, 3), (29, 8), (30, 7), (40, 10)] {
        drawn(width, height, &history);
    }
    assert!(drawn(40, 24, &history).contains("REFUSED MOST"));
}

#[test]
fn a_daemon_that_is_gone_and_a_pause_are_told() {
    let mut history = History::new(300, "unix:/x");
    history.begin();
    history.add(frame(1));
    history.pause();
    assert!(drawn(80, 24, &history).contains("paused"));
    assert!(!history.add(frame(99)), "it stands still");
    history.pause();
    history.lost("the daemon at unix:/x went away");
    assert!(drawn(80, 24, &history).contains("went away; trying again"));
    history.begin();
    history.add(frame(3));
    assert!(!drawn(80, 24, &history).contains("went away"));
}

#[test]
fn where_there_is_no_room_for_each_second_a_peak_is_still_seen() {
    let mut seconds = vec![0; 300];
    seconds[17] = 9;
    let shown = fitted(&seconds, 80);
    assert!(shown.len() <= 80 && shown.contains(&9), "{shown:?}");
    assert_eq!(fitted(&[1, 2], 80), [1, 2]);
}
