//! Listings in every form: what is taken, what is refused, and what is an alarm.

use crate::common::{Site, ask, by_number, exists};
use rmdd::api::grpc::v1::{Reason, State, SyncOutcome};
use rmdd_testkit::{CsvFormat, LineEnd, World};

#[tokio::test]
async fn every_form_of_the_file_reads_as_the_same_listing() {
    let world = World::new(24, 120);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    for (case, format) in [
        ("a byte order mark", CsvFormat { bom: true, ..CsvFormat::default() }),
        ("CRLF", CsvFormat { line_end: LineEnd::CrLf, ..CsvFormat::default() }),
        ("CR alone", CsvFormat { line_end: LineEnd::Cr, ..CsvFormat::default() }),
        ("no last line end", CsvFormat { final_line_end: false, ..CsvFormat::default() }),
    ] {
        site.publish(&world.to_csv_with(&format));
        let sync = daemon.sync().await;
        assert_eq!(sync.outcome(), SyncOutcome::Applied, "{case}: {}", sync.error);
        assert_eq!((sync.listed, sync.amended, sync.removed, sync.reinstated), (0, 0, 0, 0), "{case}");
    }
}

#[tokio::test]
async fn columns_may_come_and_move_and_one_that_goes_is_an_alarm() {
    let world = World::new(25, 60);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let text = String::from_utf8(world.to_csv()).expect("UTF-8");
    let header: Vec<String> = text.lines().next().expect("a header").split(',').map(str::to_owned).collect();

    let reversed = CsvFormat { columns: Some(header.iter().rev().cloned().collect()), ..CsvFormat::default() };
    site.publish(&world.to_csv_with(&reversed));
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.amended), (SyncOutcome::Applied, 0), "{}", sync.error);

    let mut more = header.clone();
    more.push("favourite_colour".to_owned());
    site.publish(&world.to_csv_with(&CsvFormat { columns: Some(more), ..CsvFormat::default() }));
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.amended), (SyncOutcome::Applied, 60), "its cells are kept");
    assert!(daemon.status().await.alarms.iter().any(|alarm| alarm.code == "COLUMN_UNKNOWN"));

    let fewer = header.into_iter().filter(|name| name != "contact_title").collect();
    site.publish(&world.to_csv_with(&CsvFormat { columns: Some(fewer), ..CsvFormat::default() }));
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Applied);
    assert!(daemon.status().await.alarms.iter().any(|alarm| alarm.code == "COLUMN_MISSING"));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_no_removal() {
    let mut world = World::new(26, 120);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let numbers: Vec<String> = world.rows().map(|row| row.get("number").to_owned()).collect();
    world.row_mut(&numbers[10]).expect("a filing").set("frn", "00ABCDEFGH");
    world.row_mut(&numbers[20]).expect("a filing").set("number", "RMD-broken");
    site.publish(&world.to_csv());
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.removed, sync.amended), (SyncOutcome::Applied, 0, 0), "{}", sync.error);
    let status = daemon.status().await;
    assert_eq!((status.filings, status.state()), (120, State::Warning));
    assert!(status.alarms.iter().any(|alarm| alarm.code == "ROWS_UNREADABLE" && alarm.message.contains("2 rows")));
    let mut acceptance = daemon.acceptance().await;
    for number in [&numbers[10], &numbers[20]] {
        let answer = ask(&mut acceptance, by_number(number)).await;
        assert_eq!(answer.reason(), Reason::Listed);
        assert_eq!(answer.advisories[0].code, "FILING_CARRIED");
    }
}

#[tokio::test]
async fn more_than_a_quarter_gone_is_held_and_changes_nothing() {
    let mut world = World::new(27, 200);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let before = world.to_csv();
    world.advance(rmdd_testkit::Step { remove: 51, ..Default::default() });
    site.publish(&world.to_csv());
    let sync = daemon.sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Held);
    assert!(sync.error.contains("51 of 200"), "{}", sync.error);
    let status = daemon.status().await;
    assert_eq!((status.filings, status.removed_filings, status.last_change_serial), (200, 0, 200));
    site.publish(&before);
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Unchanged);
    assert!(exists(&daemon.socket));
}
