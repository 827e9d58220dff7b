//! The names that people give to the columns of their lists. Names are compared as [`comparable`] makes them.
//!
//! [`comparable`]: super::table::comparable

use crate::domain::ProviderRole;

/// What a column that says who holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Names {
    /// RMD numbers. Digits alone are one too.
    RmdNumber,
    /// FRNs.
    Frn,
    /// Either number, or something else, such as a provider's name: each cell tells.
    Provider,
    /// OCNs.
    Ocn,
    /// A switch's own names.
    Peer,
}

/// Words that say whose number a column holds.
const PARTIES: [&str; 13] = [
    "provider", "carrier", "upstream", "vendor", "supplier", "partner", "company", "peer", "customer", "client",
    "operator", "entity", "filer",
];

/// Words besides [`PARTIES`] that change nothing about which number a column holds.
const OF_A_NUMBER: [&str; 35] = [
    "number",
    "numbers",
    "no",
    "num",
    "nr",
    "id",
    "fcc",
    "the",
    "of",
    "s",
    "providers",
    "filing",
    "record",
    "registration",
    "database",
    "db",
    "10",
    "ten",
    "digit",
    "digits",
    "nbr",
    "reg",
    "cores",
    "first",
    "second",
    "third",
    "1st",
    "2nd",
    "3rd",
    "primary",
    "secondary",
    "main",
    "alternate",
    "alt",
    "additional",
];

const OF_FRN: [&str; 4] = ["frn", "federal", "communications", "commission"];
const OF_RMD: [&str; 5] = ["rmd", "rmdb", "robocall", "mitigation", "entry"];
const OF_OCN: [&str; 3] = ["ocn", "operating", "code"];

/// What the column of this name holds, if it says who.
pub fn who(name: &str) -> Option<Names> {
    match name {
        "number" | "filing" | "filing_number" | "filing_id" | "provider" | "provider_number" | "provider_id" => {
            return Some(Names::Provider);
        }
        "peer"
        | "peer_name"
        | "peer_id"
        | "trunk"
        | "trunk_name"
        | "trunk_id"
        | "trunk_number"
        | "trunk_group"
        | "trunkgroup"
        | "trunk_group_name"
        | "trunk_group_number"
        | "trunk_group_id"
        | "tg"
        | "tg_name"
        | "tg_number"
        | "tg_id"
        | "tgid"
        | "spc"
        | "service_provider_code"
        | "ip"
        | "ip_address"
        | "account"
        | "account_number"
        | "account_no"
        | "account_id" => return Some(Names::Peer),
        _ => {}
    }
    let words = words(name);
    let has = |word: &str| words.iter().any(|other| other == word);
    let says_nothing = |word: &str| is_of_any_number(word) || counts(word);
    let all_of = |own: &[&str]| words.iter().all(|word| says_nothing(word) || own.contains(&word.as_str()));
    let registered = has("registration") || has("reg");
    if (has("frn") || has("frns") || (registered && (has("fcc") || has("cores")))) && all_of(&OF_FRN) {
        return Some(Names::Frn);
    }
    if either_number(name) {
        return Some(Names::Provider);
    }
    if registered && all_of(&[]) && !has("provider") && !has("database") {
        return Some(Names::Provider);
    }
    if (has("rmd") || has("rmdb") || name.contains("robocall_mitigation")) && all_of(&OF_RMD) {
        return Some(Names::RmdNumber);
    }
    if (has("ocn") || name.contains("operating_company_number")) && all_of(&OF_OCN) {
        return Some(Names::Ocn);
    }
    None
}

/// Whether a column holds numbers of the database of both kinds, as each cell tells: `FRN/RMD`, `FRN or RMD #`, `FCC ID`.
pub(crate) fn either_number(name: &str) -> bool {
    let words = words(name);
    let has = |word: &str| words.iter().any(|other| other == word);
    let only = |word: &String| {
        is_of_any_number(word)
            || OF_FRN.contains(&word.as_str())
            || OF_RMD.contains(&word.as_str())
            || ["or", "and", "either"].contains(&word.as_str())
    };
    matches!(name, "fcc_id" | "fcc_number" | "fcc_no")
        || (has("frn") && (has("rmd") || has("rmdb")) && words.iter().all(only))
}

/// Whether a word changes nothing about which number a column holds.
fn is_of_any_number(word: &str) -> bool {
    OF_A_NUMBER.contains(&word) || PARTIES.contains(&word)
}

/// Whether a word only tells one column from another, as the 2 of `FRN 2` does. More digits are a number themselves.
fn counts(word: &str) -> bool {
    word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The words of a name: `F.R.N.` and `FRN2` are of `frn`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut spelled = false;
    for word in name.split('_') {
        let single = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
        match words.last_mut().filter(|_| single && spelled) {
            Some(last) => last.push_str(word),
            None => words.push(word.to_owned()),
        }
        spelled = single;
    }
    for word in &mut words {
        let plain = word.trim_end_matches(|c: char| c.is_ascii_digit());
        if ["frn", "rmd", "ocn"].contains(&plain) && word.len() <= plain.len() + 2 {
            *word = plain.to_owned();
        }
    }
    words
}

/// Whether a column of this name, which does not say who, may all the same hold a number: `Affiliate FRN`. The other FRNs
/// of the FCC's own listing are its affiliates', and known to be.
pub(crate) fn holds_another(name: &str) -> bool {
    let is_number = |word: &String| matches!(word.as_str(), "frn" | "frns" | "rmd");
    who(name).is_none() && !is_other_frns(name) && words(name).iter().any(is_number)
}

/// Whether a column of numbers is of somebody else than the upstream, by the names of all columns: `Parent FRN`; `Customer
/// FRN` where another column is the upstream's; and of `FRN` and `Carrier FRN` the one that says whose it is.
pub(crate) fn is_of_another(names: &[String], place: usize) -> bool {
    let Some(name) = names.get(place) else { return false };
    let Some(holds) = who(name) else { return holds_another(name) };
    let (Some(of), Names::Frn | Names::RmdNumber | Names::Ocn) = (party(name), holds) else { return false };
    let is_customer = |party: &str| matches!(party, "customer" | "customers" | "client" | "clients");
    let mut others = names.iter().enumerate().filter(|(other, _)| *other != place);
    others.any(|(other, name)| match (who(name), party(name)) {
        // Whoever is a customer may hand calls over; beside another's number it does not.
        (Some(Names::Frn | Names::RmdNumber), party) if is_customer(&of) => {
            !party.is_some_and(|other| is_customer(&other))
        }
        (kind, None) => kind == Some(holds),
        (kind, Some(party)) => kind == Some(holds) && party != of && other < place && !is_customer(&party),
    })
}

/// Whose number a column holds, if its name says.
fn party(name: &str) -> Option<String> {
    let is_party = |word: &String| PARTIES.contains(&word.as_str()) || matches!(word.as_str(), "customers" | "clients");
    words(name).into_iter().find(is_party)
}

/// Whether it is the column of other FRNs of the FCC's own listing.
pub(crate) fn is_other_frns(name: &str) -> bool {
    matches!(name, "other_frns" | "other_frn" | "other_frn_s")
}

/// Whether it is a column of registrations, of which only its cells tell whether they are the FCC's.
pub fn registrations(name: &str) -> bool {
    who(name) == Some(Names::Provider) && words(name).iter().any(|word| word == "registration" || word == "reg")
}

/// The role that a column is called by, to be marked in it: `Gateway`, `VSP (Y/N)`, `Gateway Provider?`.
pub(crate) fn one_role(name: &str) -> Option<ProviderRole> {
    const SAY_NOTHING: [&str; 11] = ["y", "n", "yn", "is", "a", "an", "acts", "act", "as", "choice", "flag"];
    let words: Vec<&str> = name.split('_').collect();
    let asks = words.contains(&"yes") && words.contains(&"no");
    let kept =
        words.into_iter().filter(|word| !(SAY_NOTHING.contains(word) || asks && ["yes", "no", "or"].contains(word)));
    ProviderRole::named(&kept.collect::<Vec<_>>().join(" "))
}

/// How surely a column holds the roles in which upstreams hand calls over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roles {
    /// By its name.
    Surely,
    /// If all that stands in it are roles.
    Perhaps,
}

/// Whether the column of this name holds roles.
pub fn roles(name: &str) -> Option<Roles> {
    match name {
        "role"
        | "roles"
        | "upstream_role"
        | "provider_role"
        | "carrier_role"
        | "rmd_role"
        | "peer_role"
        | "trunk_role"
        | "provider_type"
        | "type_of_provider"
        | "role_of_provider"
        | "rmd_provider_type"
        | "upstream_type"
        | "upstream_provider_type" => Some(Roles::Surely),
        "type" | "service_type" | "type_of_service" | "carrier_type" | "service" | "kind" | "category" | "class"
        | "capacity" | "traffic_type" | "call_type" | "relationship" | "classification" => Some(Roles::Perhaps),
        _ if name.split('_').any(|word| matches!(word, "role" | "roles")) => Some(Roles::Perhaps),
        _ => None,
    }
}

/// What a column asks for that a list cannot ask, by its name.
pub(crate) fn cannot_be_asked(name: &str) -> bool {
    matches!(
        name,
        "foreign"
            | "is_foreign"
            | "foreign_provider"
            | "foreign_upstream"
            | "foreign_voice_provider"
            | "foreign_voice_service_provider"
            | "foreign_domestic"
            | "domestic_foreign"
            | "caller_id"
            | "calling_number"
            | "ani"
            | "emergency"
            | "is_emergency"
    )
}

/// Whether the column of this name holds the moment of which a row asks. All rows of a list are asked of one.
pub(crate) fn asks_of_a_moment(name: &str) -> bool {
    matches!(name, "at" | "as_of" | "asked_at")
}

/// Whether the column of this name holds a provider's name, which decides nothing.
pub(crate) fn only_names(name: &str) -> bool {
    matches!(
        name,
        "business_name"
            | "company"
            | "company_name"
            | "carrier"
            | "carrier_name"
            | "provider_name"
            | "upstream_name"
            | "legal_name"
            | "legal_entity"
            | "entity_name"
            | "vendor"
            | "vendor_name"
            | "customer"
            | "customer_name"
            | "dba"
            | "dba_name"
    )
}

#[cfg(test)]
mod tests {
    use super::super::table::comparable;
    use super::*;

    #[test]
    fn columns_that_say_who_are_known_as_carriers_call_them() {
        for (names, holds) in [
            (
                &["FRN", "FCC FRN", "FCC Registration Number (FRN)", "FRN #", "FRN No.", "Provider FRN", "ＦＲＮ"][..],
                Some(Names::Frn),
            ),
            (
                &[
                    "F.R.N.",
                    "CORES FRN",
                    "FRN #",
                    "FCC Reg. No.",
                    "FRN 2",
                    "FRN2",
                    "Secondary FRN",
                    "CORES Registration",
                ],
                Some(Names::Frn),
            ),
            (&["FCC Registration Number", "Carrier's FRN", "FRN (10 digits)", "\u{feff}frn"], Some(Names::Frn)),
            (
                &[
                    "RMD",
                    "RMD No.",
                    "RMD ID",
                    "RMD Number",
                    "RMD #",
                    "Robocall Mitigation Database Number",
                    "rmd_number",
                ],
                Some(Names::RmdNumber),
            ),
            (&["Robocall Mitigation Database (RMD) Filing Number", "RMDB #", "RMDB No."], Some(Names::RmdNumber)),
            (&["FRN/RMD", "FRN or RMD No.", "RMD# / FRN", "FCC ID", "FCC Number"], Some(Names::Provider)),
            (&["number", "Filing", "Provider", "Registration", "Reg. No."], Some(Names::Provider)),
            (&["OCN", "Operating Company Number", "OCN #"], Some(Names::Ocn)),
            (&["Trunk", "Trunk Group", "TG", "IP Address", "Peer"], Some(Names::Peer)),
            (
                &[
                    "Other FRNs",
                    "other_frns",
                    "Parent FRN",
                    "Our FRN",
                    "FRN status",
                    "RMD status",
                    "RMD date",
                    "Carrier Name",
                ],
                None,
            ),
        ] {
            for name in names {
                assert_eq!(who(&comparable(name)), holds, "{name:?}");
            }
        }
    }

    #[test]
    fn a_column_that_may_hold_another_number_is_known_as_such() {
        for name in ["Affiliate FRN", "Parent FRN", "Our FRN", "FRN status"] {
            assert!(holds_another(&comparable(name)), "{name:?}");
        }
        for name in ["FRN", "FRN 2", "Other FRNs", "other_frns", "Site", "Registration"] {
            assert!(!holds_another(&comparable(name)), "{name:?}");
        }
    }

    #[test]
    fn of_several_columns_of_numbers_those_that_are_somebody_elses_are_known() {
        for (header, of_others) in [
            (&["FRN", "Parent FRN"][..], &["Parent FRN"][..]),
            (&["Affiliate FRN", "FRN"], &["Affiliate FRN"]),
            (&["Carrier", "FRN", "Customer FRN"], &["Customer FRN"]),
            (&["FRN", "Client RMD", "Customer OCN"], &["Client RMD", "Customer OCN"]),
            (&["Trunk", "Customer FRN"], &[]),
            (&["Carrier FRN", "FRN"], &["Carrier FRN"]),
            (&["Carrier FRN", "Vendor FRN"], &["Vendor FRN"]),
            (&["Customer FRN", "Customer RMD"], &[]),
            (&["Customer FRN"], &[]),
            (&["Carrier FRN", "RMD No.", "OCN"], &[]),
            (&["Provider FRN", "Provider RMD", "Trunk"], &[]),
            (&["FRN", "FRN 2", "Secondary FRN", "FCC Registration Number", "RMD"], &[]),
            (&["FRN", "Provider", "Company"], &[]),
        ] {
            let names: Vec<String> = header.iter().map(|name| comparable(name)).collect();
            let found: Vec<&str> =
                (0..names.len()).filter(|at| is_of_another(&names, *at)).map(|at| header[at]).collect();
            assert_eq!(found, of_others, "{header:?}");
        }
    }

    #[test]
    fn a_column_for_one_role_is_known_by_the_roles_own_words() {
        for (names, role) in [
            (&["Gateway", "Gateway Provider?", "Gateway (Y/N)", "gateway_provider_choice"][..], ProviderRole::Gateway),
            (&["VSP", "Voice", "Is Voice Service Provider (Yes/No)"], ProviderRole::VoiceService),
            (&["Intermediate", "Non-Gateway Intermediate"], ProviderRole::NonGatewayIntermediate),
        ] {
            for name in names {
                assert_eq!(one_role(&comparable(name)), Some(role), "{name:?}");
            }
        }
        for name in ["Gateway IP", "Non-Gateway", "No Gateway", "Voice trunk", "Provider", "Y/N", ""] {
            assert_eq!(one_role(&comparable(name)), None, "{name:?}");
        }
    }

    #[test]
    fn columns_of_roles_are_known_or_suspected() {
        for name in ["Role", "Upstream role", "Provider Type", "provider_role"] {
            assert_eq!(roles(&comparable(name)), Some(Roles::Surely), "{name:?}");
        }
        for name in ["Type", "Service type", "Role (RMD, per contract)"] {
            assert_eq!(roles(&comparable(name)), Some(Roles::Perhaps), "{name:?}");
        }
        assert_eq!(roles("site"), None);
    }
}
