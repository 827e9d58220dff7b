mod headers;
mod properties;

use super::CallerId::{self, Absent, NotUs, Unreadable, Us, Withheld};
use super::{LONGEST, plan, read};

fn all_read(expected: CallerId, texts: &[&str]) {
    for text in texts {
        assert_eq!(read(text), expected, "{text:?}");
    }
}

#[test]
fn the_states_and_territories_are_told_from_the_rest_of_the_plan() {
    all_read(
        Us,
        &[
            "+12125550100",
            "12125550100",
            "2125550100",
            "(907) 555-0123",
            // Puerto Rico, the Virgin Islands, Guam, American Samoa, the Northern Marianas.
            "+17872345678",
            "+19392345678",
            "+13407741234",
            "+16712345678",
            "+16842581234",
            "+16702345678",
            // Shared by all countries of the plan: toll-free, premium, personal.
            "+18002345678",
            "8332345678",
            "+18882345678",
            "+19002345678",
            "+15002345678",
            // The government's.
            "+17102345678",
        ],
    );
    all_read(
        NotUs,
        &[
            // Canada, its 600 numbers too.
            "+14165550300",
            "14165550300",
            "416 555-0300",
            "+19022345678",
            "+16002345678",
            // Jamaica, the Dominican Republic, the Bahamas, Bermuda, Sint Maarten, the British Virgin Islands.
            "+18762345678",
            "+16582345678",
            "+18092345678",
            "8492345678",
            "+12422345678",
            "+14412345678",
            "+17215205678",
            "+12842345678",
        ],
    );
}

#[test]
fn a_number_of_the_plan_that_no_caller_can_have_is_nobodys() {
    all_read(
        Unreadable,
        &[
            // Too short, too long.
            "3105503",
            "13105503",
            "+13105503",
            "310-5503",
            "+1416555",
            "+141655503000",
            "121255501000",
            "+1",
            "1",
            // Exchanges and area codes that begin with 0 or 1, or are N11.
            "+14160550100",
            "+14161550100",
            "4169110100",
            "+10165550100",
            "+11165550100",
            "+14115550100",
            "9115550100",
            "+11111111111",
            // For fiction, and directory assistance, in Canada and the Caribbean.
            "+14165550100",
            "416-555-0199",
            "+18765550123",
            "tel:5550100;phone-context=+1416",
            "+1 604 555 1212",
            // Area codes that nobody has.
            "+19995550100",
            "+13705550100",
            "9965550100",
        ],
    );
}

#[test]
fn a_number_with_the_code_of_another_country_is_no_us_number_whatever_else_is_wrong_with_it() {
    all_read(
        NotUs,
        &[
            // Their national numbers begin with 1, or with 0.
            "+8613800138000",
            "+862161231234",
            "+821012345678",
            "+33123456789",
            "+441212345678",
            "+390612345678",
            "+81312345678",
            "+5215512345678",
            "+442079460018",
            "+4930123456",
            "+74951234567",
            // As people write them.
            "+44 (0)20 7946 0018",
            "+44-20-7946.0018",
            "(+44) 20 7946 0018",
            "++442079460018",
            "+49 30/123456",
            // Satellites, and numbers of no country.
            "+881612345678",
            "+882161234567",
            "+883510012345",
            "+870773123456",
            "+80012345678",
            "+80812345678",
            "+87812345678901",
            "+979123456789",
            "+3791234567",
            // Too short, too long, or not digits at all.
            "+4420",
            "+44",
            "+442079460018123456789012345",
            "+44 20 79ab",
            "+86 not a number",
            "+44*20",
            // Behind the prefixes by which it is dialled.
            "011442079460018",
            "011 44 (0)20 7946 0018",
            "00442079460018",
            "+00442079460018",
            "+011442079460018",
        ],
    );
    all_read(Us, &["01112125550100", "0012125550100", "+0012125550100", "+1 (0)212 555 0100"]);
    all_read(NotUs, &["01114165550300", "0014165550300"]);
    // No country has these codes: +2105550100 may as well be a number of San Antonio.
    all_read(Unreadable, &["+9995550100", "+2105550100", "+0205550100", "+", "+4", "+44+12125550100", "+4420 +1212"]);
}

#[test]
fn digits_without_a_plus_are_read_with_a_country_code_where_they_can_be_no_number_of_the_plan() {
    all_read(
        NotUs,
        &[
            "442079460018",
            "44 (0)20 7946 0018",
            "442079460018 ext. 12",
            "4930123456789",
            "33612012345",
            "821012345678",
            "862112345678",
            // Of Canada, with an extension, or of Turkey or Japan.
            "905321234567",
            "819023456789",
            "881612345678",
        ],
    );
    all_read(
        Unreadable,
        &[
            // As well a US number behind 521 or 440.
            "5215512345678",
            "4402079460018",
            // As well a US number with an extension, as they are written.
            "331 234 5678 9",
            "919-876-5432-10",
            "310-822-9618-12",
            "310822961812",
            "3108229618123",
            // As well one behind what gets an outside line: 9 or 8, 1, and 801 234-5678.
            "918012345678",
            "818012345678",
            "993108229618",
            "9913108229618",
            "813108229618",
            "93108229618",
            "9131082296189",
            "55013108229618",
            "55023108229618",
            "#13108229618",
            "*13108229618",
            "00131082296181",
            "0113108229618",
            "003108229618",
            "01131082296181",
            // Of no country's plan.
            "440000000000",
            "312345678901234",
            // Not as long as numbers of Morocco are: rather one of New York with an extension.
            "21255501001234",
            "0112125550100",
            "002125550100",
            // National writings of other countries, and zeros.
            "02079460018",
            "0612345678",
            "0000000000",
            "000000000000",
            "999999999999",
            "111111111111",
            "0442079460018",
            // A subscriber's number, short codes, services.
            "5550100",
            "555-0100",
            "123",
            "911",
            "611",
            "88022",
            "4512345678",
            "*67",
            "*672125550100",
            "#31#2125550100",
            "310150123456789012",
            "203.0.113.250",
            "203.230.113.50",
            "203.0.113.250:5060",
        ],
    );
}

/// Texts that are a US number and something that no sign tells from it: a technical prefix, digits for an
/// outside line, for long distance, for a call abroad, and lengths of all kinds.
fn surrounded(number: &str) -> Vec<String> {
    let lines = ["8", "9", "88", "99", "81", "91", "881", "991", "71", "01", "5501", "1010288", "10102881", "#1", "*1"];
    let lines = lines.map(|before| format!("{before}{number}"));
    let abroad = ["001", "0111", "+1", "+001", "+0111"].map(|before| format!("{before}{number}"));
    let both = ["1", "91", "001", "0111", "5501"].map(|before| format!("{before}{number}12"));
    let (area, local) = number.split_at(3);
    let (exchange, line) = local.split_at(3);
    let written = [
        format!("{area}-{exchange}-{line}-12"),
        format!("({area}) {exchange}-{line} 123"),
        format!("1-{area}-{exchange}-{line}-12"),
        format!("9-{area}-{exchange}-{line}"),
        format!("9 1 {area} {exchange} {line}"),
    ];
    let whole = lines.into_iter().chain(abroad).chain(both).chain(written).collect::<Vec<_>>();
    let wrapped = whole.iter().flat_map(|text| {
        [format!("sip:{text}@gw;user=phone"), format!("tel:{text}"), format!("tel:{text};phone-context=+1")]
    });
    wrapped.chain(whole.iter().cloned()).collect()
}

#[test]
fn a_us_number_of_any_area_code_with_something_around_it_is_never_foreign() {
    let mut areas = 0;
    for (area, rest) in
        (200..1000).flat_map(|area| ["2345678", "8229618", "5550300", "9460018"].map(|rest| (area, rest)))
    {
        let number = format!("{area}{rest}");
        if read(&number) != Us {
            continue;
        }
        areas += 1;
        for text in surrounded(&number) {
            assert_ne!(read(&text), NotUs, "{text}");
        }
    }
    assert!(areas > 4 * 380, "{areas}");
}

#[test]
fn no_number_of_the_plan_that_is_short_or_unassigned_is_canadian() {
    for area in (0..1000).map(|area| format!("{area:03}")) {
        // Behind 00 and 011 comes a country code.
        if area.starts_with("00") || area == "011" {
            continue;
        }
        for rest in ["555010", "5550", "5550100", "5550199", "5551212", "9110300", "0115678", "1115678", "3110300"] {
            for number in [format!("{area}{rest}"), format!("+1{area}{rest}"), format!("1{area}{rest}")] {
                assert_ne!(read(&number), NotUs, "{number}");
            }
        }
        for short in
            [area.clone(), format!("{area}5503"), format!("1{area}5503"), format!("+1{area}5503"), format!("+1{area}")]
        {
            assert_ne!(read(&short), NotUs, "{short}");
        }
    }
}

#[test]
fn signs_of_all_scripts_are_read() {
    all_read(
        Us,
        &[
            "\u{FF0B}1\u{A0}212\u{2009}555\u{202F}0100",
            "\u{FF0B}\u{FF11}\u{FF12}\u{FF11}\u{FF12}\u{FF15}\u{FF15}\u{FF15}\u{FF10}\u{FF11}\u{FF10}\u{FF10}",
            "+١٢١٢٥٥٥٠١٠٠",
            "२१२५५५०१००",
            "+1‑212–555—0100",
            "+1−212・555·0100",
            "\u{202A}+1 (212) 555\u{AD}-0100\u{202C}",
            "\u{FEFF}2125550100\r\n",
            "\u{FF08}212\u{FF09}555\u{FF0D}0100",
            "212.555.0100",
            "1/212/555/0100",
            "[212] 555_0100",
            // Letters on the keys.
            "1-800-FLOWERS",
            "+1 800 flowers",
            "212-HOTELS1",
        ],
    );
    all_read(NotUs, &["\u{FF0B}44\u{3000}20 7946 0018", "+1 416 FLOWERS", "+๔๔ 20 7946 0018", "+1 (416) 555‐0300"]);
    all_read(
        Unreadable,
        &["abc", "FLOWERS", "x2125550100", "212555O100", "2125550100\0", "2125550100 Fern", "½125550100"],
    );
}

#[test]
fn an_extension_is_not_part_of_the_number() {
    for mark in
        ["x123", " x 123", " ext 123", " Ext. 123", "extn:123", " extension 123", ";ext=123", ",123", ",,123#", "#123"]
    {
        assert_eq!(read(&format!("2125550100{mark}")), Us, "{mark}");
        assert_eq!(read(&format!("+1 416-555-0300{mark}")), NotUs, "{mark}");
        assert_eq!(read(&format!("+442079460018{mark}")), NotUs, "{mark}");
        assert_eq!(read(&format!("442079460018{mark}")), NotUs, "{mark}");
    }
}

#[test]
fn every_area_code_in_service_is_known() {
    // NANPA's and the CNA's newest, and what was assigned and is not in service yet.
    let us = [
        227, 235, 274, 283, 324, 326, 329, 350, 353, 357, 363, 369, 436, 457, 471, 472, 483, 557, 565, 572, 621, 624,
        645, 656, 659, 679, 686, 728, 730, 738, 748, 761, 771, 821, 826, 835, 837, 839, 840, 861, 945, 948, 983,
    ];
    let canada =
        [257, 263, 354, 365, 367, 368, 382, 387, 428, 431, 437, 468, 474, 548, 584, 639, 672, 683, 742, 753, 942];
    let caribbean =
        [242, 246, 264, 268, 284, 345, 441, 473, 649, 658, 664, 721, 758, 767, 784, 809, 829, 849, 868, 869, 876];
    let of = |area: u16| read(&format!("+1{area}2345678"));
    assert!(us.into_iter().all(|area| of(area) == Us));
    assert!(canada.into_iter().chain(caribbean).all(|area| of(area) == NotUs));
    let whose: Vec<CallerId> = (200..1000).map(of).collect();
    let count = |this| whose.iter().filter(|read| **read == this).count();
    assert!(count(Us) >= 385 && count(NotUs) >= 78 && count(Unreadable) >= 300, "{} {}", count(Us), count(NotUs));
}

#[test]
fn area_codes_are_noted_by_hand_only_where_the_library_lacks_them() {
    for area in plan::LATER_US.into_iter().chain(plan::LATER_CANADIAN) {
        let known = phonenumber::parse(None, format!("+1{area}2345678")).is_ok_and(|number| number.is_valid());
        assert!(!known, "the library knows {area} now: strike it out");
    }
}
