//! Against the library, in all writings.

use proptest::prelude::*;

use super::*;

/// As libphonenumber reads a number of this plan: which country's it is, if it is valid.
fn by_the_library(number: &str) -> CallerId {
    use phonenumber::country::Id;
    match phonenumber::parse(None, number) {
        Ok(number) if number.is_valid() => match number.country().id() {
            Some(Id::US | Id::PR | Id::VI | Id::GU | Id::AS | Id::MP) => Us,
            Some(_) => NotUs,
            None => Unreadable,
        },
        _ => Unreadable,
    }
}

/// Characters that are between digits, or are not seen.
const BETWEEN: [&str; 12] = ["", "", "", " ", "-", ".", "\u{A0}", "\u{2009}", "\u{2011}", "\u{2013}", "\u{200B}", "/"];

fn with_separators() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(BETWEEN.to_vec()), 32)
}

fn separated(number: &str, separators: &[&str]) -> String {
    number
        .chars()
        .zip(separators.iter().cycle())
        .flat_map(|(digit, between)| [digit.to_string(), (*between).to_owned()])
        .collect()
}

/// The forms in which a switch may send this number.
fn forms(number: &str) -> Vec<String> {
    let escaped = number.replace('+', "%2B");
    vec![
        format!(" {number}\t"),
        format!("tel:{number}"),
        format!("tel:{number};ext=12;isub=3"),
        format!("sip:{number}@192.0.2.7:5060;user=phone"),
        format!("sips:{escaped};npdi;rn=+13105550000@gw.example.com"),
        format!("\"Fern, \\\"Inc.\\\" <x>\" <sip:{number};cpc=ordinary@gw>;tag=a,b"),
        format!("<sip:alice@example.com>, <tel:{number}>"),
        format!("{number}@gw.example.com"),
        format!("{number} ext. 12"),
        format!("P-Asserted-Identity: <sip:{number}@gw>"),
    ]
}

proptest! {
    #[test]
    fn whatever_digits_are_before_a_us_number_it_is_not_foreign_by_chance(
        number in "[2-9][0-8][0-9][2-9][02-9][0-9]{5}",
        before in "(8|9|88|99|[0-9]{0,4}1)",
    ) {
        prop_assume!(read(&number) == Us && !before.starts_with("00") && !before.starts_with("011"));
        prop_assert_ne!(read(&(before + &number)), NotUs);
    }

    #[test]
    fn any_text_is_read_without_a_panic_and_without_its_wrapping_being_believed(text in ".{0,80}") {
        read(&text);
        read(&format!("sip:{text}"));
        read(&format!("tel:1;phone-context={text}"));
        read(&format!("\"{text}\" <sip:{text}@{text}>, {text}"));
    }

    #[test]
    fn texts_of_the_signs_of_numbers_are_read_without_a_panic(text in "[-+0-9a-z <>\"\\\\@:;,=().%#*x\u{FF0B}\u{661}]{0,60}") {
        read(&text);
    }

    #[test]
    fn what_begins_with_another_countrys_code_is_no_us_number(
        code in prop::sample::select(plan::countries().filter(|code| *code != 1).collect::<Vec<_>>()),
        rest in "[0-9]{0,14}",
        separators in with_separators(),
    ) {
        let number = format!("+{code}{rest}");
        prop_assert_eq!(read(&number), NotUs);
        prop_assert_eq!(read(&separated(&number, &separators)), NotUs);
        for form in forms(&number) {
            prop_assert_eq!(read(&form), NotUs, "{}", form);
        }
    }

    #[test]
    fn separators_and_wrapping_change_nothing(number in "\\+?[0-9]{1,16}", separators in with_separators()) {
        let expected = read(&number);
        let written = separated(&number, &separators);
        // With dots between them four groups of digits may be an address.
        if written.parse::<std::net::Ipv4Addr>().is_err() {
            // Ten digits that are parted from those behind them may be a US number with an extension.
            let parted = expected == NotUs && !number.starts_with('+') && read(&written) == Unreadable;
            prop_assert!(parted || read(&written) == expected, "{}", written);
        }
        if expected != Withheld {
            for form in forms(&number) {
                prop_assert_eq!(read(&form), expected, "{}", form);
            }
        }
    }

    #[test]
    fn numbers_of_the_plan_are_whose_the_library_says(number in "[2-9][0-9]{2}[2-9][02-9][0-9]{5}") {
        let (read, library) = (read(&format!("+1{number}")), by_the_library(&format!("+1{number}")));
        // It takes some exchanges only of some area codes; whose these are does not depend on it.
        prop_assert!(read == library || library == Unreadable, "{}: {:?} and not {:?}", number, library, read);
        prop_assert_eq!(super::read(&number), read);
        prop_assert_eq!(super::read(&format!("1{number}")), read);
    }
}

#[test]
fn two_numbers_in_one_are_nobodys_and_an_extension_is_none() {
    all_read(
        Unreadable,
        &[
            "+14165550300,+12125550100",
            "+14165550300;12125550100",
            "+442071234567,+12125550100",
            "4165550300, 2125550100",
        ],
    );
    all_read(NotUs, &["+442071234567,,123", "+442071234567;tag=1928301774", "+14165550300;ext=12", "442071234567"]);
    all_read(NotUs, &["8613800138000", "33123456789", "919876543210", "91 98765 43210", "33 1 23 45 67 89"]);
    all_read(NotUs, &["+919876543210", "+818012345678", "00919876543210", "011818012345678", "0118613800138000"]);
}
