//! What a calling number says of its country, by the numbering plan alone: no library, and nothing of rmdd's.
//!
//! Only one thing counts for a decision, 64.6305(g)(2): whether it is certain that the number is none of the United
//! States. So a number of theirs, a toll-free one (shared with Canada) and one that cannot be read are all the same
//! here: not certain.

/// What a calling number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Country {
    /// Of another country, for certain.
    Foreign,
    /// Of the United States or their territories, or of nobody knows whom.
    UnitedStatesOrUnknown,
}

use Country::{Foreign, UnitedStatesOrUnknown as NotCertain};

/// Area codes of Canada.
const CANADA: &[u16] = &[
    204, 226, 236, 249, 250, 257, 263, 289, 306, 343, 354, 365, 367, 368, 382, 403, 416, 418, 428, 431, 437, 438, 450,
    468, 474, 506, 514, 519, 548, 579, 581, 584, 587, 604, 613, 639, 647, 672, 683, 705, 709, 742, 753, 778, 780, 782,
    387, 807, 819, 825, 867, 873, 879, 902, 905, 942, // and those of no place:
    600, 622, 633,
];

/// Numbers as they are in use in the other countries of the plan: each of their area codes once.
const ISLANDS: &[&str] = &[
    "2423456789",
    "2462501234",
    "2644612345",
    "2684601234",
    "2842291234",
    "3452221234",
    "4412921234",
    "4732691234",
    "6497121234",
    "6585001234",
    "6644912345",
    "7215425678",
    "7584305678",
    "7674201234",
    "7842661234",
    "8092345678",
    "8292345678",
    "8492345678",
    "8682211234",
    "8765230123",
    "8692361234",
];

/// Numbers of the territories: Puerto Rico (2), the Virgin Islands, Guam, American Samoa, the Northern Marianas.
pub const TERRITORIES: &[&str] =
    &["+17872345678", "+19392345678", "+13406421234", "+16713001234", "+16846221234", "+16702345678"];

/// Country codes, those of no country among them (satellites, universal freephone), and a number under each.
const COUNTRIES: &[&str] = &[
    "20 1001234567",
    "27 821234567",
    "30 2123456789",
    "31 101234567",
    "32 12345678",
    "33 123456789",
    "33 612345678",
    "34 810123456",
    "36 11234567",
    "39 0212345678",
    "39 3123456789",
    "40 211234567",
    "41 212345678",
    "43 1234567890",
    "44 1212345678",
    "44 2071234567",
    "44 7400123456",
    "45 32123456",
    "46 8123456",
    "47 21234567",
    "48 123456789",
    "49 3012345678",
    "51 11234567",
    "52 5512345678",
    "52 15512345678",
    "53 71234567",
    "54 1123456789",
    "54 91123456789",
    "55 1123456789",
    "55 11961234567",
    "56 221234567",
    "57 6012345678",
    "58 2121234567",
    "60 123456789",
    "61 212345678",
    "61 412345678",
    "62 81212345678",
    "63 9051234567",
    "64 211234567",
    "65 81234567",
    "66 812345678",
    "7 9123456789",
    "7 7710009998",
    "81 312345678",
    "81 9012345678",
    "82 1012345678",
    "82 1000000000",
    "84 912345678",
    "86 13123456789",
    "86 13800138000",
    "86 1012345678",
    "86 2161231234",
    "86 19912345678",
    "90 5012345678",
    "91 8123456789",
    "92 3012345678",
    "93 701234567",
    "94 712345678",
    "95 92123456",
    "98 9123456789",
    "212 650123456",
    "216 20123456",
    "234 8021234567",
    "254 712123456",
    "351 912345678",
    "353 850123456",
    "358 412345678",
    "359 43012345",
    "370 61234567",
    "374 77123456",
    "380 501234567",
    "420 601123456",
    "501 6221234",
    "502 51234567",
    "503 70123456",
    "504 91234567",
    "505 81234567",
    "506 83123456",
    "507 61234567",
    "509 34101234",
    "590 690001234",
    "592 6091234",
    "593 991234567",
    "595 961456789",
    "597 7412345",
    "598 94231234",
    "599 95181234",
    "800 12345678",
    "852 51234567",
    "853 66123456",
    "855 91234567",
    "870 773111632",
    "880 1812345678",
    "881 612345678",
    "882 12345678",
    "883 510012345",
    "886 912345678",
    "888 12345678901",
    "960 7712345",
    "961 71123456",
    "962 790123456",
    "966 512345678",
    "970 599123456",
    "971 501234567",
    "972 502345678",
    "979 123456789",
    "992 917123456",
    "998 912345678",
];

/// By the digits after the country code of the plan.
fn of_the_plan(national: &str) -> Country {
    let digits: Vec<u32> = national.chars().filter_map(|digit| digit.to_digit(10)).collect();
    let [n, p, a, x, y, z, ..] = digits[..] else { return NotCertain };
    let nobody = digits.len() != 10 || n < 2 || p == 9 || (p, a) == (1, 1) || x < 2 || (y, z) == (1, 1);
    let area = n * 100 + p * 10 + a;
    // For fiction, and directory assistance.
    let nobodys =
        (x, y, z) == (5, 5, 5) && (digits.get(6..8) == Some(&[0, 1]) || digits.get(6..) == Some(&[1, 2, 1, 2]));
    let abroad = CANADA.iter().any(|code| u32::from(*code) == area)
        || ISLANDS.iter().any(|number| number.starts_with(&area.to_string()));
    if abroad && !nobody && !nobodys { Foreign } else { NotCertain }
}

/// The number within a URI or a header, and the context that it is local to.
fn unwrapped(text: &str) -> (String, Option<String>) {
    let text = text.trim();
    let inner = match (text.rfind('<'), text.rfind('>')) {
        (Some(from), Some(to)) if from < to => &text[from + 1..to],
        _ => text,
    };
    let lower = inner.to_ascii_lowercase().replace("%2b", "+");
    let rest = match lower.split_once(':') {
        Some(("sip" | "sips", rest)) => match rest.split_once('@') {
            Some((user, _)) => user.split(':').next().unwrap_or_default().to_owned(),
            None => return (String::new(), None),
        },
        Some(("tel", rest)) => rest.to_owned(),
        _ => lower,
    };
    let mut parts = rest.split(';');
    let number = parts.next().unwrap_or_default().to_owned();
    let context = parts.find_map(|part| part.trim().strip_prefix("phone-context=").map(str::to_owned));
    (number, context)
}

/// What a calling number says, by the numbering plan.
pub fn country(text: &str) -> Country {
    let (number, context) = unwrapped(text);
    let without_extension = number.split(['x', 'e', '#', ',']).next().unwrap_or_default();
    let plain: String = without_extension.chars().filter(|sign| !" -.()/\u{a0}".contains(*sign)).collect();
    if number.matches('+').count() > 1 {
        return NotCertain;
    }
    if let Some(digits) = plain.strip_prefix('+') {
        return match digits.chars().next() {
            Some('1') => of_the_plan(&digits[1..]),
            // Whatever else is wrong with it.
            Some('2'..='9') => Foreign,
            _ => NotCertain,
        };
    }
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return NotCertain;
    }
    match context.as_deref() {
        Some("+1") => return of_the_plan(&plain),
        Some(context) => {
            let abroad = context.starts_with('+') && !context.starts_with("+1");
            return if abroad { Foreign } else { NotCertain };
        }
        None => {}
    }
    match (plain.len(), plain.strip_prefix("011")) {
        // As somebody in the United States dials abroad.
        (_, Some(abroad)) if abroad.len() > 6 && !abroad.starts_with(['0', '1']) => Foreign,
        (10, _) => of_the_plan(&plain),
        (11, _) if plain.starts_with('1') => of_the_plan(&plain[1..]),
        _ => NotCertain,
    }
}

/// Calling numbers with what they say, by hand.
pub const BY_HAND: &[(&str, Country)] = &[
    ("", NotCertain),
    ("+12125550100", NotCertain),
    ("+1 212 555 0100", NotCertain),
    ("(212) 555-0100", NotCertain),
    ("2125550100", NotCertain),
    ("12125550100", NotCertain),
    ("+18005550100", NotCertain),
    ("+18885550100", NotCertain),
    ("+19005550100", NotCertain),
    ("tel:+1-212-555-0100", NotCertain),
    ("sip:+12125550100@example.com;user=phone", NotCertain),
    ("\"A. Caller\" <sip:+12125550100@192.0.2.1:5060;user=phone>;tag=1928", NotCertain),
    ("tel:2125550100;phone-context=+1", NotCertain),
    ("tel:7042;phone-context=example.com", NotCertain),
    ("+14165550300", Foreign),
    ("416-555-0300", Foreign),
    ("14165550300", Foreign),
    ("tel:+1-416-555-0300;ext=12", Foreign),
    ("tel:4165550300;phone-context=+1", Foreign),
    ("sip:+14165550300@host.example;user=phone", Foreign),
    ("sip:4165550300@host.example", Foreign),
    ("+18762101234", Foreign),
    ("876-210-1234", Foreign),
    ("+18092345678", Foreign),
    ("+8613800138000", Foreign),
    ("+862161231234", Foreign),
    ("+86 138 0013 8000", Foreign),
    ("+821012345678", Foreign),
    ("+82 10-1234-5678", Foreign),
    ("+33142345678", Foreign),
    ("+33 1 42 34 56 78", Foreign),
    ("+441212345678", Foreign),
    ("+44 (0)20 7123 4567", Foreign),
    ("+44(0)1632960001", Foreign),
    ("sip:+442071234567@host.example;user=phone", Foreign),
    ("sips:+442071234567@host.example", Foreign),
    ("<sip:+442071234567@host.example;user=phone>", Foreign),
    ("\"Smith, John\" <sip:+8613800138000@10.0.0.1>;tag=a73kszlfl", Foreign),
    ("sip:%2B442071234567@host.example", Foreign),
    ("sip:+442071234567:secret@host.example", Foreign),
    ("sip:+442071234567;npdi;rn=+12125550100@host.example;user=phone", Foreign),
    ("tel:+44-20-7123-4567", Foreign),
    ("TEL:+442071234567", Foreign),
    ("tel:+442071234567;ext=102", Foreign),
    ("tel:+442071234567;isub=1411;cic=+1-0288", Foreign),
    ("tel:2071234567;phone-context=+44", Foreign),
    ("+442071234567;ext=102", Foreign),
    ("+442071234567;verstat=TN-Validation-Passed", Foreign),
    ("+442071234567 ext. 102", Foreign),
    ("+442071234567x102", Foreign),
    ("011 44 20 7123 4567", Foreign),
    ("0118613800138000", Foreign),
    ("+8816123456789", Foreign),
    ("+80012345678", Foreign),
    ("+870773111632", Foreign),
    ("+4412", Foreign),
    ("+86138001380001380013800", Foreign),
    ("3105503", NotCertain),
    ("13105503", NotCertain),
    ("+13105503", NotCertain),
    ("+1310550", NotCertain),
    ("4165501", NotCertain),
    ("+1416555010", NotCertain),
    ("+141655503000", NotCertain),
    ("+14160550100", NotCertain),
    ("+14161550100", NotCertain),
    ("+11165550100", NotCertain),
    ("+1", NotCertain),
    ("+", NotCertain),
    ("+0442071234567", NotCertain),
    ("1", NotCertain),
    ("911", NotCertain),
    ("abc", NotCertain),
    ("anonymous", NotCertain),
    ("Restricted", NotCertain),
    ("unavailable", NotCertain),
    ("sip:anonymous@anonymous.invalid", NotCertain),
    ("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=9", NotCertain),
    ("sip:host.example", NotCertain),
    ("sip:192.0.2.44", NotCertain),
    ("tel:", NotCertain),
    ("sip:anonymous@+442071234567", NotCertain),
    ("sip:+12125550100@+442071234567", NotCertain),
    ("\"+442071234567\" <sip:+12125550100@host.example>", NotCertain),
    ("+12125550100;phone-context=+44", NotCertain),
    ("+1 1 416 555 0300", NotCertain),
    ("+14169111234", NotCertain),
    ("+44 call me", Foreign),
    // Two of them, and a US number behind the digit that gets an outside line.
    ("+14165550300,+12125550100", NotCertain),
    ("310-822-9618-12", NotCertain),
    ("310822961812", NotCertain),
    ("993108229618", NotCertain),
    ("813108229618", NotCertain),
    ("9913108229618", NotCertain),
    ("55013108229618", NotCertain),
    ("0013108229618", NotCertain),
    ("01113108229618", NotCertain),
    ("#13108229618", NotCertain),
    ("+14165550100", NotCertain),
    ("604-555-1212", NotCertain),
    ("null", NotCertain),
    ("0000000000", NotCertain),
    ("1000000000", NotCertain),
];

/// What a switch may send of one number in E.164.
fn writings(number: &str) -> Vec<String> {
    let digits = number.trim_start_matches('+');
    let (head, tail) = digits.split_at(digits.len().min(4));
    vec![
        number.to_owned(),
        format!("+{head} {tail}"),
        format!("tel:{number}"),
        format!("tel:+{head}-{tail};ext=7"),
        format!("sip:{number}@gw.example;user=phone"),
        format!("\"Caller\" <sip:{number}@192.0.2.7:5060;user=phone>;tag=88"),
    ]
}

/// Every area code of the plan, every country code above and the territories, each in many writings.
pub fn of_every_code() -> Vec<(String, Country)> {
    let islands = ISLANDS.iter().map(|number| format!("+1{number}"));
    // Those that are set aside for Canada and not in use are anybody's guess.
    let areas = (200..1_000)
        .filter(|area| ![644, 655, 677, 688].contains(area))
        .filter(|area| !ISLANDS.iter().any(|number| number.starts_with(&area.to_string())))
        .map(|area| format!("+1{area}2345678"));
    let countries = COUNTRIES.iter().map(|number| format!("+{}", number.replace(' ', "")));
    let territories = TERRITORIES.iter().map(|number| (*number).to_owned());
    islands
        .chain(areas)
        .chain(countries)
        .chain(territories)
        .flat_map(|number| {
            let says = country(&number);
            writings(&number).into_iter().map(move |written| (written, says))
        })
        .collect()
}

#[test]
fn the_oracle_reads_calling_numbers_as_a_hand_does() {
    for (text, says) in BY_HAND {
        assert_eq!(country(text), *says, "{text}");
    }
    for number in COUNTRIES.iter().map(|number| format!("+{number}")).chain(ISLANDS.iter().map(|n| format!("+1{n}"))) {
        assert_eq!(country(&number), Foreign, "{number}");
    }
    for number in TERRITORIES {
        assert_eq!(country(number), NotCertain, "{number}");
    }
    for (written, says) in of_every_code() {
        assert_eq!(country(&written), says, "{written}");
    }
}
