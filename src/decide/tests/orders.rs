//! Which filings a removal order bars: those that it found, until they are gone.

use super::*;

/// A filing's place in a listing: its number, and the FRN that it stands under.
type Listed = (u32, u64);

/// The index after these listings, each with the time at which it was fetched, by the steps that a sync takes.
fn after(listings: &[(&str, &[Listed])]) -> Index {
    let mut current: Option<Snapshot> = None;
    let mut removals = RemovalHistory::default();
    for ((fetched, listed), serial) in listings.iter().zip(1..) {
        let filings = listed.iter().map(|(value, of)| filing(*value, *of, "ynn"));
        let next = Snapshot::made_up(serial, at(fetched), filings);
        let previous = current.as_ref().map(|snapshot| (snapshot, snapshot.confirmed_at));
        removals = crate::listing::diff::step(previous, &removals, &next).removals;
        current = Some(next);
    }
    Index::build(current.expect("a listing"), removals, ChangeSerial(1))
}

/// The reason and the advisories for a question by FRN 1 under removal orders, each for a provider and of a day.
fn reported(index: &Index, orders: &[(&str, &str)], who: Identity) -> (Reason, Vec<AdvisoryCode>) {
    let records = orders.iter().zip(1..).map(|((provider, released), place)| {
        let document = format!("DA 70-{place}");
        let cells = [("provider", *provider), ("kind", "removal"), ("document", &document), ("released", *released)];
        record(RecordKind::Order, &cells)
    });
    let records = Records::build(records, 1);
    let decision = decide(index, &records, &Query::about(who), &policy(), at("1971-01-01T00:00:00Z"));
    let decision = decision.expect("a verdict");
    let codes = decision.advisories.iter().map(|said| said.code).filter(|code| *code != AdvisoryCode::ListingOld);
    (decision.reason, codes.collect())
}

const BARRED: (Reason, &[AdvisoryCode]) = (Reason::RemovalOrder, &[]);
const BACK: (Reason, &[AdvisoryCode]) = (Reason::Listed, &[AdvisoryCode::ListedAgain]);
const NEW: (Reason, &[AdvisoryCode]) = (Reason::Listed, &[AdvisoryCode::Successor]);

/// What becomes of FRN 1 under an order of March 10 by its FRN; the filings of FRN 9 keep the listing from being empty.
#[test]
fn an_order_bars_the_filings_that_it_found_until_they_were_missing_and_none_that_came_when_they_were_gone() {
    let order = [("1", "1970-03-10")];
    const FIRST: &str = "1970-03-01T12:00:00Z";
    for (what, listings, expected) in [
        ("it stands still", vec![(FIRST, &[(10, 1)][..])], BARRED),
        (
            "it went after the release and came back",
            vec![(FIRST, &[(10, 1)]), ("1970-03-12T12:00:00Z", &[(90, 9)]), ("1970-03-20T12:00:00Z", &[(10, 1)])],
            BACK,
        ),
        (
            "it went on the day of the release and came back on the next",
            vec![(FIRST, &[(10, 1)]), ("1970-03-10T15:00:00Z", &[(90, 9)]), ("1970-03-11T12:00:00Z", &[(10, 1)])],
            BACK,
        ),
        (
            "it was gone already at the release, and came back later",
            vec![(FIRST, &[(10, 1)]), ("1970-03-05T12:00:00Z", &[(90, 9)]), ("1970-03-20T12:00:00Z", &[(10, 1)])],
            BACK,
        ),
        (
            "it was gone and back before the release",
            vec![(FIRST, &[(10, 1)]), ("1970-03-05T12:00:00Z", &[(90, 9)]), ("1970-03-07T12:00:00Z", &[(10, 1)])],
            (Reason::RemovalOrder, &[AdvisoryCode::ListedAgain][..]),
        ),
        (
            "it was back at the very moment of the release, midnight in Washington",
            vec![(FIRST, &[(10, 1)]), ("1970-03-05T12:00:00Z", &[(90, 9)]), ("1970-03-10T05:00:00Z", &[(10, 1)])],
            (Reason::RemovalOrder, &[AdvisoryCode::ListedAgain][..]),
        ),
        (
            "it went twice, the second time before the release",
            vec![
                (FIRST, &[(10, 1)]),
                ("1970-03-02T12:00:00Z", &[(90, 9)]),
                ("1970-03-03T12:00:00Z", &[(10, 1)]),
                ("1970-03-05T12:00:00Z", &[(90, 9)]),
                ("1970-03-07T12:00:00Z", &[(10, 1)]),
            ],
            (Reason::RemovalOrder, &[AdvisoryCode::ListedAgain][..]),
        ),
        (
            "another came after it was gone",
            vec![
                (FIRST, &[(10, 1)]),
                ("1970-03-12T12:00:00Z", &[(90, 9)]),
                ("1970-03-20T12:00:00Z", &[(20, 1), (90, 9)]),
            ],
            NEW,
        ),
        (
            "another came in the listing in which it was gone",
            vec![(FIRST, &[(10, 1)]), ("1970-03-12T12:00:00Z", &[(20, 1)])],
            NEW,
        ),
        (
            "another came after the release of an order that found it gone",
            vec![
                (FIRST, &[(10, 1)]),
                ("1970-03-05T12:00:00Z", &[(90, 9)]),
                ("1970-03-20T12:00:00Z", &[(20, 1), (90, 9)]),
            ],
            NEW,
        ),
        (
            "another came with a lower number",
            vec![
                (FIRST, &[(10, 1)]),
                ("1970-03-12T12:00:00Z", &[(90, 9)]),
                ("1970-03-20T12:00:00Z", &[(5, 1), (90, 9)]),
            ],
            NEW,
        ),
        (
            "another came while it still stood",
            vec![
                (FIRST, &[(10, 1)]),
                ("1970-03-12T12:00:00Z", &[(10, 1), (20, 1)]),
                ("1970-03-20T12:00:00Z", &[(20, 1)]),
            ],
            (Reason::RemovalOrder, &[AdvisoryCode::Successor][..]),
        ),
        (
            "another came before the release",
            vec![(FIRST, &[(10, 1)]), ("1970-03-05T12:00:00Z", &[(20, 1)])],
            (Reason::RemovalOrder, &[AdvisoryCode::Successor][..]),
        ),
        (
            "the provider was never seen before the release",
            vec![(FIRST, &[(90, 9)]), ("1970-03-20T12:00:00Z", &[(20, 1), (90, 9)])],
            NEW,
        ),
        (
            "of two that it found one is gone",
            vec![(FIRST, &[(10, 1), (20, 1)]), ("1970-03-12T12:00:00Z", &[(20, 1)])],
            (Reason::RemovalOrder, &[AdvisoryCode::Successor][..]),
        ),
        (
            "of two that it found one is gone when a third comes",
            vec![
                (FIRST, &[(10, 1), (20, 1)]),
                ("1970-03-12T12:00:00Z", &[(20, 1), (30, 1)]),
                ("1970-03-20T12:00:00Z", &[(30, 1)]),
            ],
            (Reason::RemovalOrder, &[AdvisoryCode::Successor][..]),
        ),
        (
            "a third came when both were gone",
            vec![
                (FIRST, &[(10, 1), (20, 1)]),
                ("1970-03-12T12:00:00Z", &[(20, 1)]),
                ("1970-03-20T12:00:00Z", &[(30, 1)]),
            ],
            NEW,
        ),
        (
            "both went, one of them came back",
            vec![
                (FIRST, &[(10, 1), (20, 1)]),
                ("1970-03-12T12:00:00Z", &[(90, 9)]),
                ("1970-03-20T12:00:00Z", &[(20, 1)]),
            ],
            (Reason::Listed, &[AdvisoryCode::ListedAgain, AdvisoryCode::Successor][..]),
        ),
        (
            "history begins after the release: what stood then is taken to have stood before",
            vec![("1970-04-01T12:00:00Z", &[(10, 1)])],
            BARRED,
        ),
        (
            "history begins after the release: one that came later is new",
            vec![("1970-04-01T12:00:00Z", &[(90, 9)]), ("1970-04-05T12:00:00Z", &[(20, 1), (90, 9)])],
            NEW,
        ),
    ] {
        let index = after(&listings);
        let newest = index.by_frn(frn(1)).last().expect("it stands").number();
        for who in [Identity::Frn(frn(1)), Identity::RmdNumber(newest), Identity::RmdNumber(number(10))] {
            if who == Identity::RmdNumber(number(10)) && index.by_number(number(10)).is_none() {
                continue;
            }
            let (reason, advisories) = reported(&index, &order, who);
            assert_eq!((reason, &advisories[..]), expected, "{what}: {who}");
        }
    }
}

#[test]
fn an_order_by_number_bars_that_filing_alone() {
    let order = [("RMD0000010", "1970-03-10")];
    const FIRST: &str = "1970-03-01T12:00:00Z";
    let who = Identity::Frn(frn(1));
    assert_eq!(reported(&after(&[(FIRST, &[(10, 1)])]), &order, who).0, Reason::RemovalOrder);
    let beside = after(&[(FIRST, &[(10, 1), (20, 1)])]);
    assert_eq!(reported(&beside, &order, who), (Reason::Listed, vec![AdvisoryCode::RemovalOrder]));
    let later = after(&[(FIRST, &[(10, 1)]), ("1970-03-12T12:00:00Z", &[(10, 1), (20, 1)])]);
    assert_eq!(reported(&later, &order, who).0, Reason::Listed, "the order names another filing");
    let back =
        after(&[(FIRST, &[(10, 1)]), ("1970-03-12T12:00:00Z", &[(90, 9)]), ("1970-03-20T12:00:00Z", &[(10, 1)])]);
    assert_eq!(reported(&back, &order, who), (Reason::Listed, vec![AdvisoryCode::ListedAgain]));
    let unknown = after(&[(FIRST, &[(90, 9)]), ("1970-03-20T12:00:00Z", &[(10, 1), (90, 9)])]);
    assert_eq!(reported(&unknown, &order, who), (Reason::Listed, vec![AdvisoryCode::Successor]));
}

#[test]
fn every_order_that_is_not_spent_is_told_of_and_only_the_one_that_explains_a_removal_explains_it() {
    const FIRST: &str = "1970-03-01T12:00:00Z";
    let gone = after(&[(FIRST, &[(10, 1)]), ("1970-03-12T12:00:00Z", &[(90, 9)])]);
    let asked = |orders: &[(&str, &str)]| reported(&gone, orders, Identity::Frn(frn(1)));
    let explained = asked(&[("1", "1970-03-10")]);
    assert_eq!(explained, (Reason::Removed, vec![]));
    let released_later = asked(&[("1", "1970-03-20")]);
    assert_eq!(released_later, (Reason::Removed, vec![AdvisoryCode::RemovalOrder]), "it was gone before");
    let both = asked(&[("1", "1970-03-10"), ("RMD0000010", "1970-03-20")]);
    assert_eq!(both, (Reason::Removed, vec![AdvisoryCode::RemovalOrder]));
    let stands = after(&[(FIRST, &[(10, 1)])]);
    let two = reported(&stands, &[("1", "1970-03-10"), ("RMD0000010", "1970-03-11")], Identity::Frn(frn(1)));
    assert_eq!(two, (Reason::RemovalOrder, vec![AdvisoryCode::RemovalOrder]), "one decides, the other is told");
    let again = after(&[
        (FIRST, &[(10, 1)]),
        ("1970-03-12T12:00:00Z", &[(90, 9)]),
        ("1970-03-20T12:00:00Z", &[(10, 1)]),
        ("1970-03-28T12:00:00Z", &[(90, 9)]),
    ]);
    let withdrawn = reported(&again, &[("1", "1970-03-10")], Identity::Frn(frn(1)));
    assert_eq!(withdrawn, (Reason::Removed, vec![AdvisoryCode::RemovalOrder]), "the order was spent by then");
}

#[test]
fn a_final_determination_order_binds_the_provider_whatever_became_of_its_filings() {
    let index = after(&[
        ("1970-03-01T12:00:00Z", &[(10, 1)]),
        ("1970-03-12T12:00:00Z", &[(90, 9)]),
        ("1970-03-20T12:00:00Z", &[(20, 1), (90, 9)]),
    ]);
    let records = Records::build([order("fdo", "1", "1970-03-10")], 1);
    let decision =
        decide(&index, &records, &Query::about(Identity::Frn(frn(1))), &policy(), at("1970-04-20T00:00:00Z"));
    assert_eq!(decision.expect("a verdict").reason, Reason::FinalDetermination);
}
