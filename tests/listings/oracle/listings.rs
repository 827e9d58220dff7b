//! All rows of made-up and of real listings.

use jiff::Timestamp;
use rmdd::api::grpc::v1::SyncOutcome;
use rmdd_testkit::listing::{Step, World};

use super::ask::{Asker, Tally};
use super::matrix::{Facts, Policy};
use super::model::{Model, Who};
use super::notes::Book;
use super::site::{configure, published, start, with_past};
use super::{exhaustive, questions};
use crate::common::Site;
use crate::common::real::{left_out, weeks};

/// Everybody that can be asked about: every provider there ever was, FRNs in free text, and nobody.
fn everybody(model: &Model) -> Vec<Vec<Who>> {
    let strangers = model.only_in_free_text().into_iter().map(Who::Frn).chain(model.nobody(20));
    model.providers().into_iter().chain(strangers.map(|who| vec![who])).collect()
}

fn facts<'a>(model: &'a Model, book: &'a Book, now: Timestamp) -> Facts<'a> {
    Facts { model, book, policy: Policy::default(), now, exact_times: true, old: false }
}

#[tokio::test]
async fn every_row_of_a_made_up_listing_is_answered_as_the_rules_say_now_and_at_moments_past() {
    let mut world = World::new(1309, 900);
    let mut listings = Vec::new();
    for day in ["2026-01-20", "2026-02-24", "2026-03-20", "2026-06-01", "2026-06-08"] {
        if !listings.is_empty() {
            world.advance(Step { list: 12, amend: 40, remove: 15, reinstate: 5 });
            again_under_another_number(&mut world);
        }
        let at: Timestamp = format!("{day}T12:00:00Z").parse().expect("a time");
        listings.push((at, published(&world)));
    }
    let (site, mut model) = with_past(&listings);
    let daemon = start(&site, Policy::default()).await;
    let (book, mut tally) = (Book::default(), Tally::default());
    let mut asker = Asker::of(&daemon).await;
    let everyone = everybody(&model);
    let now = super::site::now();
    for question in questions(&everyone, 11) {
        asker.ask("a made-up listing", &facts(&model, &book, now), &mut tally, question).await;
    }
    asker.finish("a made-up listing", &facts(&model, &book, now), &mut tally).await;

    // The same, as it was on the days after each listing.
    model = Model::default();
    for (at, bytes) in &listings {
        model.see(bytes, *at);
        for hours in [1, 27] {
            let at = *at + jiff::SignedDuration::from_hours(hours);
            asker.at = Some(at);
            let place = format!("the same, {hours} h after a listing");
            let facts = Facts { old: hours > 26, ..facts(&model, &book, at) };
            for question in questions(&everybody(&model), 89) {
                asker.ask(&place, &facts, &mut tally, question).await;
            }
            asker.finish(&place, &facts, &mut tally).await;
        }
    }
    tally.conclude();
}

/// Two that have gone come again under other numbers.
fn again_under_another_number(world: &mut World) {
    let names: Vec<String> = world.rows().map(|row| row.get("number").to_owned()).collect();
    let highest = names.last().cloned().unwrap_or_default();
    let next: u32 = highest.trim_start_matches("RMD").parse().expect("a number");
    for (offset, number) in names.iter().step_by(names.len() / 2).take(2).enumerate() {
        let Some(mut row) = world.remove(number) else { continue };
        row.set("number", format!("RMD{:07}", next + 1 + u32::try_from(offset).expect("few")));
        world.insert(row);
    }
}

#[tokio::test]
async fn every_row_of_the_real_weeks_is_answered_as_the_rules_say() {
    let Some(all) = weeks() else { return };
    // Before and after the wave of March 2024; the first has many blanks and many filings under one FRN.
    let few = ["2024-02-15", "2024-02-26", "2024-03-04"];
    let asked = ["2024-02-15", "2024-03-04"];
    let chosen: Vec<_> = all.into_iter().filter(|(week, _)| exhaustive() || few.contains(&week.as_str())).collect();
    if chosen.is_empty() {
        left_out(format_args!("none of the weeks {few:?} is there: set ORACLE_EXHAUSTIVE=1 to ask those that are"));
        return;
    }
    let site = Site::with_listing(&chosen[0].1);
    let config = configure(&site, Policy::default());
    let daemon = site.start_with(&["--config", &config]);
    daemon.first_sync().await;
    let (mut model, book, mut tally) = (Model::default(), Book::default(), Tally::default());
    let mut asker = Asker::of(&daemon).await;
    for (week, bytes) in &chosen {
        site.publish(bytes);
        let sync = daemon.sync().await;
        assert!(matches!(sync.outcome(), SyncOutcome::Applied | SyncOutcome::Unchanged), "{week}: {}", sync.error);
        model.see(bytes, crate::common::now());
        if !exhaustive() && !asked.contains(&week.as_str()) {
            continue;
        }
        let facts = Facts { exact_times: false, ..facts(&model, &book, crate::common::now()) };
        for question in questions(&everybody(&model), 83) {
            asker.ask(week, &facts, &mut tally, question).await;
        }
        asker.finish(week, &facts, &mut tally).await;
    }
    tally.conclude();
}
