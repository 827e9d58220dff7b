//! What is found by which text.

use jiff::Timestamp;

use super::*;
use crate::domain::{ChangeSerial, Delta, FilingBuilder, RemovalHistory, RmdNumber, Snapshot};

fn filing(value: u32, name: &str, dba: &str, former: &str) -> Arc<Filing> {
    let mut builder = FilingBuilder::new(RmdNumber::from_value(value).expect("a number"), None, 0);
    for column in Column::ALL {
        builder.push(match column {
            Column::BusinessName => name,
            Column::OtherDbaNames => dba,
            Column::PreviousDbaNames => former,
            _ => "",
        });
    }
    Arc::new(builder.finish())
}

fn index() -> Index {
    let filings = [
        filing(1, "Copper Canyon Telecom, LLC", "", ""),
        filing(2, "Copper Canyon Telecom Inc.", "", ""),
        filing(3, "Birch Hill Networks", "Thistle Voice; Blue Fern Tel", "Old Mill Telephone Co."),
        filing(4, "'@Link Example, L.L.C.", "", ""),
        filing(5, "", "none", ""),
        filing(6, "Unrelated Broadband Cooperative", "", ""),
        filing(7, "Harrow & Associates, P.C.", "", ""),
        filing(8, "B&C Interexchange Corp.", "", ""),
        filing(10, "Compagnie d'\u{c9}nergie Soci\u{fffd}t\u{fffd} Fabrique", "", ""),
        filing(11, "Stra\u{df}enfunk \u{fb01}ber GmbH", "", ""),
        filing(12, "VoicePlover LLC", "", ""),
        filing(13, "Alder Wholesale Inc. d/b/a Quokka Fone", "", "Alder One, Inc. (f/k/a Larch Two)"),
        filing(14, "LP Dial", "", ""),
        filing(15, "Larch Wireless, LLC", "", ""),
        filing(16, "Larch Wireless LLC", "", ""),
    ];
    let snapshot = Snapshot::made_up(2, Timestamp::UNIX_EPOCH, filings);
    let delta = Delta { removed: vec![filing(9, "Copper Canyon Telecom LLC", "", "")], ..Delta::default() };
    let (removals, _) = RemovalHistory::default().after(&delta, Timestamp::UNIX_EPOCH, &snapshot);
    Index::build(snapshot, removals, ChangeSerial(0))
}

fn found(text: &str) -> Vec<u32> {
    search(&index(), text, 10).iter().map(|found| found.filing.number().value()).collect()
}

#[test]
fn case_punctuation_and_legal_form_do_not_count() {
    assert_eq!(found("copper  canyon telecom"), [1, 2, 9], "namesakes all, the removed one last");
    for text in ["COPPER CANYON TELECOM, LLC", "Copper-Canyon Telecom L.L.C.", "copper canyon telecom l l c"] {
        assert_eq!(found(text), [1, 9, 2], "{text:?}: the same name first");
    }
    assert_eq!(found("COPPER CANYON TELECOM, INC"), [2, 1, 9]);
    assert_eq!(found("link example"), [4]);
    assert_eq!(found("Larch Wireless LLC"), [16, 15], "the same writing first");
}

#[test]
fn typos_half_words_and_joined_words_are_forgiven() {
    for text in ["coper canyon telecom", "copper cayon telecom", "copper canyon tel", "coppercanyon telecom"] {
        assert_eq!(found(text), [1, 2, 9], "{text:?}");
    }
}

#[test]
fn former_names_and_names_of_doing_business_are_found_and_named() {
    let by_dba = &search(&index(), "blue fern tel", 10)[0];
    assert_eq!((by_dba.filing.number().value(), by_dba.column), (3, Column::OtherDbaNames));
    assert_eq!(by_dba.name, "Blue Fern Tel");
    assert_eq!(search(&index(), "old mill telephone", 10)[0].column, Column::PreviousDbaNames);
}

#[test]
fn the_same_name_comes_before_a_like_one_and_another_name_is_not_found() {
    assert_eq!(found("Birch Hill Networks")[0], 3);
    assert!(found("Zebra Crossing Systems").is_empty());
    assert!(found("").is_empty() && found("...").is_empty() && found("&").is_empty() && found("d/b/a").is_empty());
}

#[test]
fn no_more_than_the_limit_come() {
    assert_eq!(search(&index(), "copper canyon telecom", 2).len(), 2);
}

fn first(text: &str) -> Option<u32> {
    found(text).first().copied()
}

#[test]
fn words_that_do_not_fit_cost_rank_and_not_the_answer() {
    for text in ["Birch Hill Networks Zebra", "Ohio Birch Hill Networks", "Birch Networks", "Networks, Birch Hill"] {
        assert_eq!(first(text), Some(3), "{text:?}");
    }
}

#[test]
fn an_ampersand_is_a_word_and_initials_are_one_however_they_are_written() {
    for text in ["Harrow and Associates", "harrow & assoc", "Harrow + Associates PC", "HARROW AND ASSOCIATES P C"] {
        assert_eq!(first(text), Some(7), "{text:?}");
    }
    for text in
        ["B&C", "B & C", "B and C", "BC Interexchange", "B C Interexchange Corporation", "b. & c. interexchange"]
    {
        assert_eq!(first(text), Some(8), "{text:?}");
    }
}

#[test]
fn a_name_of_doing_business_may_be_asked_for_together_with_the_company() {
    for mark in ["d/b/a", "dba", "DBA:", "D.B.A.", "doing business as", "a/k/a", "f/k/a", "formerly known as"] {
        assert_eq!(first(&format!("Birch Hill Networks {mark} Zebra Crossing")), Some(3), "{mark}");
        let both = found(&format!("Birch Hill Networks {mark} VoicePlover"));
        assert_eq!(both[..2], [3, 12], "{mark}: each of the two, the company first");
    }
    for text in
        ["Quokka Fone", "Alder Wholesale", "alder wholesale, inc. dba quokka fone", "Larch Two", "Alder One Inc"]
    {
        assert_eq!(first(text), Some(13), "{text:?}");
    }
    let by_part = &search(&index(), "Quokka Fone", 10)[0];
    assert_eq!(by_part.name, "Alder Wholesale Inc. d/b/a Quokka Fone", "as filed");
}

#[test]
fn accents_widths_and_apostrophes_do_not_count_in_any_form() {
    for text in [
        "Compagnie d'E\u{301}nergie Soci\u{e9}t\u{e9} Fabrique",
        "compagnie d\u{2019}energie societe fabrique",
        "Compagnie d\u{2bc}\u{c9}nergie",
        "Compagnie d Energie",
        "\u{ff23}\u{ff4f}\u{ff4d}\u{ff50}\u{ff41}\u{ff47}\u{ff4e}\u{ff49}\u{ff45}\u{3000}d\u{ff07}Energie",
        "Compagnie d\u{200b}'\u{ad}Energie Societe",
    ] {
        assert_eq!(first(text), Some(10), "{text:?}");
    }
    for text in ["Strassenfunk Fiber", "STRASSENFUNK FIBER GMBH", "Stra\u{df}enfunk fiber G.m.b.H."] {
        assert_eq!(first(text), Some(11), "{text:?}");
    }
}

#[test]
fn words_may_be_joined_or_parted_and_a_form_that_comes_first_is_a_name() {
    for text in ["Voice Plover", "voice-plover llc", "VOICEPLOVER", "Voice Plovr"] {
        assert_eq!(first(text), Some(12), "{text:?}");
    }
    assert_eq!(first("birchhillnetworks"), Some(3));
    assert_eq!(first("LP Dial"), Some(14));
}

#[test]
fn a_text_of_any_length_and_of_any_signs_is_answered() {
    let long = "telecommunications \u{1f4de} a b c ".repeat(200);
    assert!(search(&index(), &long, 10).len() <= 10);
    for text in ["\u{fffd}", "???", "\u{202e}", "\u{6771}\u{4eac}", "d/b/a d/b/a d/b/a", &"x".repeat(10_000)] {
        search(&index(), text, 10);
    }
}
