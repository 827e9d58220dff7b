//! Nothing hidden is shown, and nothing is lost.

use proptest::prelude::*;

use super::*;

const HOSTILE: &str = "Ex\u{1b}[31mample\u{202e}LLC\u{200b}\u{9b}2J\u{7}\u{feff}\u{e0041}";

#[test]
fn what_is_hidden_is_an_escape_that_can_be_read() {
    assert_eq!(one_line(HOSTILE), "Ex\\u{1b}[31mample\\u{202e}LLC\\u{200b}\\u{9b}2J\\u{7}\\u{feff}\\u{e0041}");
    assert_eq!(one_line("  12 Main\r\n\tStreet\u{2028}Ohio\u{85} "), "12 Main Street Ohio");
    assert_eq!(one_line("Énergie Straße 東京 \u{fffd}"), "Énergie Straße 東京 \u{fffd}", "what is seen stays");
}

#[test]
fn a_terminal_is_given_colours_and_line_breaks_and_no_other_command() {
    let good = "\u{1b}[1;32mACCEPT\u{1b}[0m\n\tname";
    assert_eq!(for_terminal(good), good);
    assert_eq!(
        for_terminal("\u{1b}[2J\u{1b}]0;t\u{7}\u{1b}[1mx\u{1b}[0m\r"),
        "\\u{1b}[2J\\u{1b}]0;t\\u{7}\u{1b}[1mx\u{1b}[0m\\u{d}"
    );
    assert_eq!(for_terminal("\u{1b}[31"), "\\u{1b}[31");
    assert_eq!(for_terminal("\u{1b}"), "\\u{1b}");
}

#[test]
fn json_says_hidden_signs_by_their_numbers() {
    assert_eq!(
        to_json(&[HOSTILE]).expect("JSON"),
        "[\"Ex\\u001b[31mample\\u202eLLC\\u200b\\u009b2J\\u0007\\ufeff\\udb40\\udc41\"]"
    );
}

proptest! {
    #[test]
    fn any_text_is_shown_without_anything_hidden_and_read_back_from_json(text in any::<String>()) {
        prop_assert!(!one_line(&text).chars().any(is_hidden));
        let json = to_json(&text).expect("JSON");
        prop_assert!(!json.chars().any(is_hidden));
        prop_assert_eq!(&serde_json::from_str::<String>(&json).expect("JSON"), &text);
        let plain = serde_json::to_string(&text).expect("JSON");
        let escaped = in_json(&plain);
        prop_assert!(!escaped.chars().any(is_hidden));
        prop_assert_eq!(&serde_json::from_str::<String>(&escaped).expect("JSON"), &text);
    }

    #[test]
    fn no_line_hides_anything_from_a_terminal(signs in prop::collection::vec(prop::sample::select(vec!['\u{1b}', '[', '1', ';', 'm', 'K', '\u{202e}', 'a', '\n']), 0..24)) {
        let text: String = signs.into_iter().collect();
        let shown = for_terminal(&text).into_owned();
        let mut rest = shown.as_str();
        while let Some(at) = rest.find('\u{1b}') {
            let length = colour(&rest[at..]);
            prop_assert!(length.is_some(), "{:?}", shown);
            rest = &rest[at + length.unwrap_or_default()..];
        }
        let turned = shown.contains('\u{202e}');
        prop_assert!(!turned);
    }
}
