//! Calling numbers of a foreign upstream that is not listed: the call is let through only where its number is certain
//! to be none of the United States.

use rmdd_testkit::listing::World;

use super::Asked;
use super::ask::{Asker, Tally};
use super::caller::{BY_HAND, of_every_code};
use super::matrix::{Facts, Policy, Question};
use super::notes::Book;
use super::site::{published, start, with_past};

#[tokio::test]
async fn calling_numbers_of_every_country_in_every_writing_are_read_as_the_numbering_plan_has_them() {
    let now = super::site::now();
    let (site, model) = with_past(&[(now - jiff::SignedDuration::from_hours(48), published(&World::new(3, 80)))]);
    let daemon = start(&site, Policy::default()).await;
    let book = Book::default();
    let facts = Facts { model: &model, book: &book, policy: Policy::default(), now, exact_times: true, old: false };
    let mut tally = Tally::default();
    let mut asker = Asker::of(&daemon).await;
    let nobody = model.nobody(1).remove(0);
    let by_hand = BY_HAND.iter().map(|(text, _)| (*text).to_owned());
    let all = by_hand.chain(of_every_code().into_iter().map(|(text, _)| text));
    for (place, caller) in all.enumerate() {
        let question = Question { foreign: Some(true), caller, ..Question::about(nobody.clone()) };
        asker.ask("calling numbers", &facts, &mut tally, Asked { one_answer: (place, 0), question }).await;
    }
    asker.finish("calling numbers", &facts, &mut tally).await;
    tally.conclude();
}
