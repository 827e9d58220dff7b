//! What `rmdd decisions` says of calls: no more than the log supports.

use rmdd::api::grpc::v1::check_provider_request::Identity;
use rmdd::api::grpc::v1::{CheckProviderRequest, Verdict};

use super::*;

/// A desk with a peer that is accepted, one that is refused by its role and one whose filing is gone.
async fn desk(more: &str) -> Desk {
    let desk = Desk::open_with(Through::Daemon, more).await;
    desk.ok(&["peers", "add", "voice", VOICE, "--by", "alice"]);
    desk.ok(&["peers", "add", "wrong-role", VOICE, "--role", "gateway", "--by", "alice"]);
    desk.ok(&["peers", "add", "gone", GONE, "--by", "alice"]);
    desk
}

async fn call(desk: &Desk, peer: &str, emergency: bool) -> Verdict {
    let identity = Some(Identity::Peer(peer.to_owned()));
    let query = CheckProviderRequest { identity, emergency, ..CheckProviderRequest::default() };
    crate::common::ask(&mut desk.daemon().acceptance().await, query).await.verdict()
}

/// The log is whole once the daemon has ended.
async fn end(desk: &mut Desk) {
    assert!(desk.daemon.take().expect("it runs").terminate().await.0.success());
}

const NONE_ACCEPTED: &str = "no call of it was accepted since";

#[tokio::test]
async fn a_log_without_plain_accepts_does_not_say_that_no_call_was_accepted() {
    let mut desk = desk("").await;
    assert_eq!(call(&desk, "gone", false).await, Verdict::Refuse);
    desk.ok(&["peers", "remove", "gone", "--by", "alice"]);
    desk.ok(&["peers", "add", "gone", VOICE, "--by", "alice"]);
    assert_eq!(call(&desk, "gone", false).await, Verdict::Accept, "and that is not logged");
    end(&mut desk).await;
    let told = desk.ok(&["decisions", "--peer", "gone"]);
    assert!(!told.contains(NONE_ACCEPTED), "{told}");
    assert!(told.contains("last refused 20") && told.contains("unless decision_log.log = \"all\""), "{told}");
}

#[tokio::test]
async fn what_was_accepted_later_counts_whatever_verdict_is_asked_for_and_calls_to_911_do_not() {
    let mut desk = desk("[decision_log]\nlog = \"all\"\n").await;
    assert_eq!(call(&desk, "voice", false).await, Verdict::Accept);
    for peer in ["gone", "wrong-role"] {
        assert_eq!(call(&desk, peer, false).await, Verdict::Refuse);
    }
    assert_eq!(call(&desk, "gone", true).await, Verdict::Accept);
    desk.ok(&["overrides", "add", "allow", VOICE, "--why", "tested", "--by", "alice"]);
    assert_eq!(call(&desk, "wrong-role", false).await, Verdict::Accept);
    end(&mut desk).await;
    for verdict in [&[][..], &["--verdict", "refuse"], &["--verdict", "REFUSE"]] {
        let told = desk.ok(&[&["decisions", "--peer", "gone"], verdict].concat());
        assert!(told.contains(NONE_ACCEPTED), "whatever became of a call to 911: {told}");
        let told = desk.ok(&[&["decisions", "--peer", "wrong-role"], verdict].concat());
        assert!(told.contains("REFUSE   ROLE_NOT_CERTIFIED") && !told.contains(NONE_ACCEPTED), "{told}");
        assert!(!told.contains("last refused"), "{told}");
    }
    assert_eq!(desk.ok(&["decisions", "--verdict", "Accept", "--json"]).lines().count(), 3);
}

#[tokio::test]
async fn a_name_that_nobody_bound_or_a_number_that_is_none_is_told_beside_no_decisions() {
    let mut desk = desk("").await;
    assert_eq!(call(&desk, "gone", false).await, Verdict::Refuse);
    let told = |desk: &Desk| {
        for (who, words) in [("TG-1O", "TG-1O"), ("RMD1", "RMD0000001"), ("voice", ""), (NEVER, "")] {
            let output = desk.run(&["decisions", "--peer", who]);
            let said = stdout(&output);
            let notes: String = stderr(&output).lines().filter(|line| !line.starts_with("No daemon runs")).collect();
            let notes = notes.to_lowercase();
            assert!(status_of(&output) == 0 && said.starts_with("0 decisions in "), "{who}: {said}");
            assert!(notes.contains(&words.to_lowercase()) && notes.is_empty() == words.is_empty(), "{who}: {notes}");
        }
    };
    told(&desk);
    end(&mut desk).await;
    told(&desk);
}

#[tokio::test]
async fn a_log_whose_level_was_lowered_says_until_when_it_has_what_was_accepted() {
    let mut desk = desk("[decision_log]\nlog = \"all\"\n").await;
    assert_eq!(call(&desk, "gone", false).await, Verdict::Refuse);
    let whole = |told: &str| told.contains(NONE_ACCEPTED) && !told.contains("decision_log.log");
    crate::common::eventually("it is logged", || async {
        whole(&desk.ok(&["decisions", "--peer", "gone"])).then_some(())
    })
    .await;
    end(&mut desk).await;
    let settings = std::fs::read_to_string(desk.config()).expect("the settings");
    desk.site.configure(&settings.replace("\"all\"", "\"notable\""));
    desk.start().await;
    desk.ok(&["peers", "remove", "gone", "--by", "alice"]);
    desk.ok(&["peers", "add", "gone", VOICE, "--by", "alice"]);
    assert_eq!(call(&desk, "gone", false).await, Verdict::Accept, "and that is not logged");
    end(&mut desk).await;
    let told = desk.ok(&["decisions", "--peer", "gone"]);
    assert!(!told.contains(NONE_ACCEPTED), "{told}");
    assert!(told.contains("no call of it was accepted from 20") && told.contains("not in it since then"), "{told}");
    assert!(told.contains("unless decision_log.log = \"all\""), "{told}");
}
