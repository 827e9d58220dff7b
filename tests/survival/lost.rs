//! Records that are lost stay an alarm until somebody has taken note of it, and those that were mended, too.

use rmdd::api::grpc::v1::State;
use rmdd::store::{FILE_NAME, JOURNAL_NAME};
use rmdd_testkit::World;

use super::*;
use crate::common::{json, stdout};

#[tokio::test]
async fn where_store_and_journal_are_gone_that_is_critical_until_it_is_acknowledged() {
    let site = Site::with_listing(&World::new(83, 60).to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    ok(&site, &["overrides", "add", "deny", "0009999999", "--by", "alice", "--why", "a test"]);
    daemon.terminate().await;
    for name in [FILE_NAME, JOURNAL_NAME] {
        std::fs::remove_file(site.state_dir().join(name)).expect("removed");
    }
    for start in ["the first", "another"] {
        let daemon = site.start();
        daemon.first_sync().await;
        let status = daemon.status().await;
        assert_eq!((status.state(), codes(&status)[0]), (State::Critical, "RECORDS_LOST"), "{start}: {status:?}");
        assert!(status.alarms[0].message.contains("rmdd acknowledge"), "{status:?}");
        daemon.terminate().await;
    }
    assert_eq!(json(&site.run(&["status", "--json"]))["alarms"][0]["code"], "RECORDS_LOST", "without a daemon, too");
    let daemon = site.start();
    let said = site.run(&["acknowledge", "--by", "bob"]);
    assert!(status_of(&said) == 0 && stdout(&said).starts_with("ACKNOWLEDGED"), "{said:?}");
    assert!(stdout(&site.run(&["acknowledge", "--by", "bob"])).starts_with("NOTHING"));
    assert!(!codes(&daemon.status().await).contains(&"RECORDS_LOST"));
    daemon.terminate().await;
    let daemon = site.start();
    assert!(!codes(&daemon.status().await).contains(&"RECORDS_LOST"));
    daemon.terminate().await;
    let journal = std::fs::read_to_string(site.state_dir().join(JOURNAL_NAME)).expect("read");
    assert!(journal.contains("\"by\":\"bob\""), "who has taken note stands in the journal: {journal}");
}

#[tokio::test]
async fn an_older_backup_that_is_put_back_has_the_records_that_came_after_it() {
    let site = Site::with_listing(&World::new(84, 60).to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    ok(&site, &["overrides", "add", "deny", "0009999991", "--by", "alice", "--why", "early"]);
    let backup = site.directory.path().join("backup").display().to_string();
    ok(&site, &["backup", &backup]);
    ok(&site, &["overrides", "add", "deny", "0009999992", "--by", "alice", "--why", "late"]);
    let before = records(&site);
    daemon.terminate().await;
    std::fs::copy(&backup, site.state_dir().join(FILE_NAME)).expect("copied");
    let daemon = site.start();
    assert_eq!(records(&site), before);
    daemon.terminate().await;

    // On another machine a backup is all there is, and that is no damage.
    let elsewhere = Site::with_listing(&World::new(84, 60).to_csv());
    std::fs::create_dir(elsewhere.state_dir()).expect("made");
    std::fs::copy(&backup, elsewhere.state_dir().join(FILE_NAME)).expect("copied");
    let daemon = elsewhere.start();
    daemon.first_sync().await;
    let status = daemon.status().await;
    assert!(codes(&status).iter().all(|code| !code.starts_with("RECORDS_")), "{status:?}");
    daemon.terminate().await;
    assert_eq!(status_of(&elsewhere.run(&["verify"])), 0);
}
