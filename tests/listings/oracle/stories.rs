//! Providers with a past and with notes of operators, thrown together: filings that come, go and come back, orders
//! before and after, notices answered or not, under every policy.

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rmdd::api::grpc::v1::PutRecordsRequest;
use rmdd_testkit::listing::{Row, World};

use super::ask::{Asker, Tally};
use super::matrix::{Choice, Facts, Policy, WhenOld};
use super::model::{Model, Who};
use super::notes::{Book, Note, Says};
use super::questions;
use super::recertified::day;
use super::records::record;
use super::site::{configure, published, start, with_past};
use crate::common::real::left_out;
use crate::common::{Daemon, eventually};

/// The days before now on which a listing came.
const DAYS: [i64; 6] = [200, 160, 120, 80, 45, 20];

/// An override that ends so many seconds after it was noted.
const SOON: i64 = 10;

/// In which of the listings a filing stands: always, gone, back, came late, gone twice, moved on, and so on.
const PRESENCE: [[u8; 6]; 14] = [
    [1, 1, 1, 1, 1, 1],
    [1, 1, 1, 1, 1, 1],
    [1, 1, 1, 0, 0, 0],
    [1, 1, 1, 1, 1, 0],
    [1, 0, 0, 0, 0, 0],
    [1, 1, 0, 0, 1, 1],
    [1, 0, 1, 1, 1, 1],
    [1, 1, 1, 1, 0, 1],
    [1, 0, 1, 0, 1, 1],
    [0, 0, 0, 1, 1, 1],
    [0, 0, 0, 0, 1, 1],
    [0, 0, 1, 1, 1, 1],
    [0, 1, 1, 0, 0, 1],
    [0, 0, 0, 0, 0, 1],
];

/// A filing that was made up.
struct Draft {
    row: Row,
    stands: [u8; 6],
}

fn pick<T: Copy>(rng: &mut StdRng, of: &[T]) -> T {
    of.choose(rng).copied().expect("one of them")
}

/// Filings of so many providers, each with one to three.
fn drafts(rng: &mut StdRng, providers: u32, like: &Row) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for provider in 0..providers {
        let filings = pick(rng, &[1, 1, 1, 2, 2, 3]);
        let same_roles = rng.random_bool(0.3).then(|| pick(rng, &["Yes", "No", ""]));
        for _ in 0..filings {
            let mut row = like.clone();
            row.set("number", format!("RMD{:07}", 900_001 + drafts.len()));
            row.set("frn", format!("{:010}", 41_000_001 + provider));
            row.set("business_name", format!("Example {provider} LLC"));
            row.set("foreign_voice_provider", pick(rng, &["Yes", "Yes", "No", "No", ""]));
            for column in ["voice_service_provider_choice", "gateway_provider_choice", "intermediate_provider_choice"] {
                row.set(column, same_roles.unwrap_or_else(|| pick(rng, &["Yes", "No", "No", ""])));
            }
            row.set(
                "other_frns",
                match rng.random_range(0..6) {
                    0 => format!("{:010}", 41_000_001 + rng.random_range(0..providers)),
                    1 => format!("00{:02}-7101-{:02}", rng.random_range(50..52), rng.random_range(10..99)),
                    _ => String::new(),
                },
            );
            row.set("last_recertified", pick(rng, &["", "", "2026-02-17", "2026-03-09", "2025-11-02"]));
            drafts.push(Draft { row, stands: pick(rng, &PRESENCE) });
        }
    }
    drafts
}

/// The listings that these filings make, among others.
fn listings(drafts: &[Draft], world: &World, now: Timestamp) -> Vec<(Timestamp, Vec<u8>)> {
    let file = |place: usize| {
        let mut world = world.clone();
        for draft in drafts.iter().filter(|draft| draft.stands[place] == 1) {
            world.insert(draft.row.clone());
        }
        published(&world)
    };
    DAYS.iter().enumerate().map(|(place, days)| (now - SignedDuration::from_hours(24 * days), file(place))).collect()
}

/// A note about a provider, or none.
fn note(rng: &mut StdRng, now: Timestamp) -> Option<Says> {
    let today = day(now);
    let ago = |days: i64| today - days.days();
    let hours = |hours: i64| now - SignedDuration::from_hours(hours);
    Some(match rng.random_range(0..12) {
        0 => {
            // One is over before anybody asks.
            let soon = now + SignedDuration::from_secs(SOON);
            Says::Override { allow: rng.random_bool(0.5), expires: pick(rng, &[None, Some(hours(-48)), Some(soon)]) }
        }
        1..=4 => Says::Removal { released: ago(pick(rng, &[300, 180, 140, 100, 60, 30, 10, 0])) },
        5 | 6 => {
            let released = ago(pick(rng, &[0, 1, 28, 29, 30, 31, 90]));
            Says::FinalDetermination { released, notified: rng.random_bool(0.5) }
        }
        7 => Says::ShowCause { released: ago(pick(rng, &[3, 100])) },
        8..=10 => {
            let issued = pick(rng, &[3, 47, 49, 24 * 13, 24 * 15, 24 * 60]);
            let mut done = |due: i64| {
                let at = pick(rng, &[None, Some(1), Some(due - 1), Some(due + 1)]);
                at.filter(|after| *after <= issued).map(|after| hours(issued - after))
            };
            let (mitigated, informed) = (done(48), done(24 * 14));
            Says::Notice { issued: hours(issued), mitigated, informed, notified: rng.random_bool(0.5) }
        }
        _ => return None,
    })
}

/// Notes about some of the providers, by their FRN or the number of any of their filings, standing or gone.
fn notes(rng: &mut StdRng, model: &Model, now: Timestamp) -> Book {
    let mut notes: Vec<Note> = Vec::new();
    for filing in model.filings().filter(|filing| filing.number.starts_with("RMD09")) {
        for _ in 0..pick(rng, &[0, 0, 1, 1, 2]) {
            let Some(says) = note(rng, now) else { continue };
            let who = match &filing.frn {
                Some(frn) if rng.random_bool(0.7) => Who::Frn(frn.clone()),
                _ => Who::Number(filing.number.clone()),
            };
            // There is one override of a provider's number.
            let is_override = |says: &Says| matches!(says, Says::Override { .. });
            if is_override(&says) && notes.iter().any(|note| note.who == who && is_override(&note.says)) {
                continue;
            }
            notes.push(Note { who, says });
        }
    }
    Book::of(notes)
}

async fn put(daemon: &Daemon, book: &Book) {
    let records = book.notes.iter().enumerate().map(|(place, note)| record(place, note)).collect();
    let request = PutRecordsRequest { records, replace: false, by: "oracle".to_owned() };
    if let Err(status) = daemon.admin().await.put_records(request).await {
        panic!("the records are not taken: {status}");
    }
}

/// The default, each choice the other way, and all of them.
fn policies() -> Vec<(&'static str, Policy)> {
    let default = Policy::default();
    let others = Policy {
        role_not_certified: Choice::Accept,
        role_blank: Choice::Refuse,
        no_role_certified: Choice::Refuse,
        other_frn: Choice::Accept,
        notice_unanswered: Choice::Refuse,
        final_determination_early: Choice::Refuse,
        listing_old: WhenOld::Answer,
    };
    vec![
        ("default", default),
        ("role not certified: accept", Policy { role_not_certified: Choice::Accept, ..default }),
        ("role blank: refuse", Policy { role_blank: Choice::Refuse, ..default }),
        ("no role: refuse", Policy { no_role_certified: Choice::Refuse, ..default }),
        ("other FRN: accept", Policy { other_frn: Choice::Accept, ..default }),
        ("notice unanswered: refuse", Policy { notice_unanswered: Choice::Refuse, ..default }),
        ("determination early: refuse", Policy { final_determination_early: Choice::Refuse, ..default }),
        ("all the other way", others),
    ]
}

/// All that can be asked about among the filings that were made up.
fn everybody(model: &Model) -> Vec<Vec<Who>> {
    let ours = |who: &Vec<Who>| who.iter().any(|who| matches!(who, Who::Number(number) if number.starts_with("RMD09")));
    let strangers = model.only_in_free_text().into_iter().map(Who::Frn).filter(of_ours).chain(model.nobody(3));
    model.providers().into_iter().filter(ours).chain(strangers.map(|who| vec![who])).collect()
}

/// Whether a number in free text is one that this file made up.
fn of_ours(who: &Who) -> bool {
    matches!(who, Who::Frn(frn) if frn.starts_with("005"))
}

#[tokio::test]
async fn filings_that_come_and_go_and_what_operators_noted_are_answered_as_the_rules_say_under_every_policy() {
    let now = super::site::now();
    let mut rng = StdRng::seed_from_u64(64_6305);
    let world = World::new(11, 80);
    let like = world.rows().next().cloned().expect("a row");
    let drafts = drafts(&mut rng, 300, &like);
    let (site, model) = with_past(&listings(&drafts, &world, now));
    let daemon = start(&site, Policy::default()).await;
    let nothing = Book::default();
    let everyone = everybody(&model);
    let mut tally = Tally::default();
    let mut asker = Asker::of(&daemon).await;
    let facts = |book, policy, now| Facts { model: &model, book, policy, now, exact_times: true, old: false };

    let without = facts(&nothing, Policy::default(), now);
    for question in questions(&everyone, 17) {
        asker.ask("no notes", &without, &mut tally, question).await;
    }
    asker.finish("no notes", &without, &mut tally).await;
    let noted_at = super::site::now();
    let book = notes(&mut rng, &model, noted_at);
    put(&daemon, &book).await;
    let now = eventually("the first overrides end", || async {
        Some(super::site::now()).filter(|later| *later > noted_at + SignedDuration::from_secs(SOON))
    })
    .await;
    for (place, policy) in policies() {
        configure(&site, policy);
        daemon.admin().await.reload_config(rmdd::api::grpc::v1::ReloadConfigRequest {}).await.expect("reloaded");
        let facts = facts(&book, policy, now);
        for question in questions(&everyone, 23) {
            asker.ask(place, &facts, &mut tally, question).await;
        }
        asker.finish(place, &facts, &mut tally).await;
    }
    if day(noted_at) != day(super::site::now()) {
        left_out(format_args!("the day changed in Washington meanwhile: run it again"));
        return;
    }
    tally.conclude();
}

#[tokio::test]
async fn an_old_listing_is_answered_from_as_the_policy_says() {
    let now = super::site::now();
    let mut rng = StdRng::seed_from_u64(26);
    let world = World::new(12, 80);
    let like = world.rows().next().cloned().expect("a row");
    let drafts = drafts(&mut rng, 60, &like);
    let (site, model) = with_past(&listings(&drafts, &world, now));
    let daemon = start(&site, Policy::default()).await;
    let (book, mut tally) = (Book::default(), Tally::default());
    let mut asker = Asker::of(&daemon).await;
    for listing_old in [WhenOld::Answer, WhenOld::Accept, WhenOld::Refuse, WhenOld::Error] {
        let policy = Policy { listing_old, ..Policy::default() };
        configure(&site, policy);
        daemon.admin().await.reload_config(rmdd::api::grpc::v1::ReloadConfigRequest {}).await.expect("reloaded");
        for (place, hours) in [("fresh", 25), ("old", 27), ("very old", 24 * 19)] {
            let at = now - SignedDuration::from_hours(24 * DAYS[5] - hours);
            asker.at = Some(at);
            let facts = Facts { model: &model, book: &book, policy, now: at, exact_times: true, old: hours > 26 };
            let place = format!("{place}, {listing_old:?}");
            for question in questions(&everybody(&model), 19) {
                asker.ask(&place, &facts, &mut tally, question).await;
            }
            asker.finish(&place, &facts, &mut tally).await;
        }
    }
    tally.conclude();
}

#[tokio::test]
async fn a_recertification_is_owed_by_those_who_were_listed_before_the_deadline() {
    let world = World::new(13, 80);
    let like = world.rows().next().cloned().expect("a row");
    let mut drafts = Vec::new();
    let dates = [
        "",
        "2025-12-31",
        "2026-01-31",
        "2026-02-01",
        "2026-02-28",
        "2026-03-01",
        "2026-03-02",
        "2026-03-15",
        "2026-06-30",
    ];
    for (place, (dated, stands)) in dates
        .iter()
        .flat_map(|dated| {
            [[1, 1, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1], [1, 0, 0, 1, 1, 1]]
                .map(|stands| (*dated, stands))
        })
        .enumerate()
    {
        let mut row = like.clone();
        row.set("number", format!("RMD{:07}", 900_001 + place));
        row.set("frn", format!("{:010}", 41_000_001 + place));
        row.set("foreign_voice_provider", "No");
        row.set("voice_service_provider_choice", "Yes");
        row.set("other_frns", "");
        row.set("last_recertified", dated);
        drafts.push(Draft { row, stands });
    }
    let seen =
        [date(2025, 12, 1), date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 5), date(2026, 3, 20), date(2026, 7, 2)];
    let files = listings(&drafts, &world, super::site::now());
    let past: Vec<_> = seen
        .iter()
        .zip(files)
        .map(|(day, (_, file))| (day.at(16, 0, 0, 0).in_tz("UTC").expect("a time").timestamp(), file))
        .collect();
    let (site, _) = with_past(&past);
    let daemon = start(&site, Policy::default()).await;
    let (book, mut tally, mut model) = (Book::default(), Tally::default(), Model::default());
    let mut asker = Asker::of(&daemon).await;
    for (place, (at, file)) in past.iter().enumerate() {
        model.see(file, *at);
        let until = past.get(place + 1).map_or_else(crate::common::now, |(next, _)| *next);
        // The hours about each midnight in Washington that counts, and some others.
        let mut moments = vec![*at + SignedDuration::from_hours(1)];
        for hours in [4, 12, 13, 17, 36, 37, 24 * 30] {
            moments.push(*at + SignedDuration::from_hours(hours));
        }
        for at in moments.into_iter().filter(|moment| *moment < until) {
            asker.at = Some(at);
            let old = at.duration_since(past[place].0) > SignedDuration::from_hours(26);
            let facts =
                Facts { model: &model, book: &book, policy: Policy::default(), now: at, exact_times: true, old };
            let place = format!("on {}", day(at));
            for question in questions(&everybody(&model), 37) {
                asker.ask(&place, &facts, &mut tally, question).await;
            }
            asker.finish(&place, &facts, &mut tally).await;
        }
    }
    tally.conclude();
}
