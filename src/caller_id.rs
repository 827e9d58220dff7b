//! Whether a calling number pertains to the United States (47 CFR 64.6305(g)(2)).
//!
//! The North American Numbering Plan also holds Canada and much of the Caribbean. Which numbers pertain to the United
//! States, its territories included, is read from libphonenumber's metadata.

use phonenumber::country::Id;

use crate::domain::Ternary;

/// Reads the metadata, so that no call waits for it: the first look into it costs a tenth of a second of one core.
pub fn prepare() {
    pertains_to_us("+12125550100");
}

/// Yes for a valid US number (its territories included, toll-free numbers too), no for a valid number of another
/// country, unknown for anything else. A number without a country code is read as a caller in the US would dial it.
pub fn pertains_to_us(number: &str) -> Ternary {
    let trimmed = number.trim();
    // No number is longer, and reading one costs time that grows with its length.
    if trimmed.is_empty() || trimmed.len() > 40 {
        return Ternary::Unknown;
    }
    let Ok(number) = phonenumber::parse(Some(Id::US), trimmed) else { return Ternary::Unknown };
    if !number.is_valid() {
        return Ternary::Unknown;
    }
    match number.country().id() {
        Some(Id::US | Id::PR | Id::VI | Id::GU | Id::AS | Id::MP) => Ternary::Yes,
        Some(_) => Ternary::No,
        // A valid number of no country (satellite, international freephone), or of the NANP without a region.
        None if number.country().code() == 1 => Ternary::Unknown,
        None => Ternary::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_and_territories_are_told_from_the_rest_of_the_plan_and_the_world() {
        for (number, expected) in [
            ("+12125550100", Ternary::Yes),
            ("2125550100", Ternary::Yes),
            ("(907) 555-0123", Ternary::Yes),
            ("+17872345678", Ternary::Yes),
            ("+16712345678", Ternary::Yes),
            ("+13407741234", Ternary::Yes),
            ("+16842581234", Ternary::Yes),
            ("+16702345678", Ternary::Yes),
            ("+18002345678", Ternary::Yes),
            ("+14165550100", Ternary::No),
            ("+18762345678", Ternary::No),
            ("+18092345678", Ternary::No),
            ("+442079460018", Ternary::No),
            ("+4930123456", Ternary::No),
            ("+5215512345678", Ternary::No),
            ("anonymous", Ternary::Unknown),
            ("", Ternary::Unknown),
            ("123", Ternary::Unknown),
            ("+11111111111", Ternary::Unknown),
            (&"9".repeat(1000), Ternary::Unknown),
        ] {
            assert_eq!(pertains_to_us(number), expected, "{number}");
        }
    }
}
