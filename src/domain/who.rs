//! WHO: whom a question is about, and how a person writes it on a command line or into a path.

use std::fmt;

use super::identity::quotable;
use super::role::plain;
use super::{Identity, IdentityError, Ocn, PeerName, slip};

/// Whom a question is about: a provider by its own number, or an upstream by what operators bound to one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// By a number of the database.
    Provider(Identity),
    /// By an OCN that is bound to a provider.
    Ocn(Ocn),
    /// By a switch's own name that is bound to a provider.
    Peer(PeerName),
}

impl From<Identity> for Who {
    fn from(identity: Identity) -> Self {
        Self::Provider(identity)
    }
}

/// What stands in front of a text to say what it is.
const PREFIXES: [&str; 4] = ["frn:", "rmd:", "ocn:", "peer:"];

/// So few digits are an FRN whose leading zeros were left out, or a name; more are an FRN before they are a name.
const FEW_DIGITS: usize = 6;

/// How sure it is that a number of the database is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// With all its digits: nothing but a name on record is a doubt.
    Plainly,
    /// With so few digits that a name on record is likelier, unless the database knows the number.
    InFewDigits,
}

/// What a text may mean. Which of it it does mean depends on what operators have bound: see [`Readings::settle`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readings {
    text: String,
    number: Option<(Identity, Written)>,
    /// The likeliest first.
    names: Vec<Who>,
    /// Whether the text itself says that the first name that is bound is meant.
    in_order: bool,
    /// What is wrong with the number that the text looks like.
    slip: Option<IdentityError>,
}

fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| text[prefix.len()..].trim())
}

impl Who {
    /// What a text may mean: a number of the database, an OCN, or a peer's name. `frn:`, `rmd:`, `ocn:` and `peer:` in
    /// front say which is meant. A number may have full-width digits and signs in it that nobody sees, as it was copied; a
    /// name is what was typed.
    ///
    /// # Errors
    ///
    /// If it can mean nothing.
    pub fn readings(text: &str) -> Result<Readings, IdentityError> {
        let given = text.trim();
        let typed = plain(given);
        let text = typed.trim();
        let one = |who: Self| Readings::of(text, None, vec![who]);
        if let Some(frn) = strip(text, "frn:") {
            return Ok(Readings::of(text, Some((Identity::Frn(frn.parse()?), Written::Plainly)), Vec::new()));
        }
        if strip(text, "rmd:").is_some() {
            return Ok(Readings::of(text, Some((Identity::RmdNumber(text.parse()?), Written::Plainly)), Vec::new()));
        }
        if strip(text, "ocn:").is_some() {
            return Ok(one(Self::Ocn(text.parse()?)));
        }
        if let Some(name) = strip(given, "peer:") {
            // An OCN that is bound is a peer, too.
            let ocn = name.parse().ok().map(Self::Ocn);
            let names = [Self::Peer(name.parse()?)].into_iter().chain(ocn).collect();
            return Ok(Readings { in_order: true, ..Readings::of(text, None, names) });
        }
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let few = digits <= FEW_DIGITS && text.starts_with(|c: char| c.is_ascii_digit());
        let written = if few { Written::InFewDigits } else { Written::Plainly };
        let (number, problem) = match text.parse::<Identity>() {
            Ok(identity) => (Some((identity, written)), None),
            Err(problem) => (None, Some(problem)),
        };
        let names: Vec<Self> =
            text.parse().map(Self::Ocn).ok().into_iter().chain(given.parse().map(Self::Peer).ok()).collect();
        match problem {
            Some(problem) if names.is_empty() => Err(problem),
            problem => {
                let slip = problem.filter(|_| slip::of_number(text).is_some());
                Ok(Readings { slip, ..Readings::of(text, number, names) })
            }
        }
    }

    /// A peer's name as a cell of a list has it, with `peer:` in front or without.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn peer(text: &str) -> Result<Self, IdentityError> {
        let text = text.trim();
        Ok(Self::Peer(strip(text, "peer:").unwrap_or(text).parse()?))
    }

    /// What it is, with a name as it was given, for a message to whom gave it.
    pub fn as_given(&self) -> impl fmt::Display {
        match self {
            Self::Peer(name) => format!("peer {}", name.as_given()),
            other => other.to_string(),
        }
    }

    /// A writing that can mean nothing else.
    pub fn in_full(&self) -> String {
        match self {
            Self::Provider(Identity::Frn(frn)) => format!("frn:{frn}"),
            Self::Provider(Identity::RmdNumber(number)) => format!("rmd:{number}"),
            Self::Ocn(ocn) => format!("ocn:{ocn}"),
            Self::Peer(name) => format!("peer:{name}"),
        }
    }
}

impl Readings {
    fn of(text: &str, number: Option<(Identity, Written)>, names: Vec<Who>) -> Self {
        Self { text: text.to_owned(), number, names, in_order: false, slip: None }
    }

    /// What it means where it can mean one thing only.
    pub fn only(&self) -> Option<Who> {
        match (self.number, self.names.as_slice()) {
            (Some((identity, _)), []) => Some(identity.into()),
            (None, [name]) if self.slip.is_none() => Some(name.clone()),
            _ => None,
        }
    }

    /// The names that it may mean, of which it is to be found out whether they are bound.
    pub fn names(&self) -> &[Who] {
        &self.names
    }

    /// The number that it may mean.
    pub fn number(&self) -> Option<Identity> {
        self.number.map(|(identity, _)| identity)
    }

    /// What it means most likely, where nothing more can be found out.
    pub fn likeliest(&self) -> Option<Who> {
        self.number().map(Who::from).or_else(|| self.names.first().cloned())
    }

    /// What it means, given the names that are bound, of [`Self::names`] and in their order, and whether the database
    /// knows its number, now or from before. A name that nobody bound is what is left where it means nothing else.
    ///
    /// # Errors
    ///
    /// If it means several things that are known, or looks like a number with a mistake in it.
    pub fn settle(&self, bound: &[Who], number_is_known: bool) -> Result<Who, IdentityError> {
        let number = self.number.filter(|(_, written)| *written == Written::Plainly || number_is_known);
        let mut known: Vec<Who> = number.map(|(identity, _)| identity.into()).into_iter().collect();
        known.extend(bound.iter().take(if self.in_order { 1 } else { usize::MAX }).cloned());
        match known.as_slice() {
            [who] => Ok(who.clone()),
            [] => match (self.likeliest(), &self.slip) {
                (Some(who), None) => Ok(who),
                (_, Some(slip)) => Err(slip.clone()),
                (None, None) => Err(IdentityError::Unknown { text: quotable(&self.text) }),
            },
            several => Err(IdentityError::Ambiguous {
                text: quotable(&self.text),
                means: several.iter().map(ToString::to_string).collect(),
                writings: several.iter().map(Who::in_full).collect(),
            }),
        }
    }
}

/// Why a peer's name could not be asked for: it begins with a prefix that says what a name is.
pub(super) fn begins_with_prefix(name: &str) -> Option<&'static str> {
    PREFIXES.into_iter().find(|prefix| strip(name.trim(), prefix).is_some())
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(identity) => identity.fmt(f),
            Self::Ocn(ocn) => write!(f, "OCN {ocn}"),
            Self::Peer(name) => write!(f, "peer {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a text means where these are bound, and the database knows its number or not.
    fn means(text: &str, bound: &[&str], known: bool) -> String {
        let readings = match Who::readings(text) {
            Ok(readings) => readings,
            Err(error) => return format!("! {error}"),
        };
        let bound: Vec<Who> =
            readings.names().iter().filter(|name| bound.contains(&name.to_string().as_str())).cloned().collect();
        readings.settle(&bound, known).map_or_else(|error| format!("! {error}"), |who| who.to_string())
    }

    #[test]
    fn a_text_means_a_number_unless_a_name_on_record_is_written_so() {
        for (text, nothing_bound) in [
            ("0020237343", "FRN 0020237343"),
            ("0020-2373-43", "FRN 0020237343"),
            ("20237343", "FRN 0020237343"),
            ("10012", "FRN 0000010012"),
            ("rmd0001410", "RMD0001410"),
            ("TG-Acme-1", "peer tg-acme-1"),
            ("192.0.2.7", "peer 192.0.2.7"),
            ("591e", "OCN 591E"),
            ("7321", "FRN 0000007321"),
            ("\u{ff10}\u{ff10}\u{ff12}\u{ff10}\u{ff12}\u{ff13}\u{ff17}\u{ff13}\u{ff14}\u{ff13}", "FRN 0020237343"),
            ("\u{200b}0020\u{a0}2373\u{a0}43\u{202c}", "FRN 0020237343"),
            ("\u{ff32}\u{ff2d}\u{ff24}0001410", "RMD0001410"),
            ("frn\u{ff1a}\u{ff17}321", "FRN 0000007321"),
            ("T\u{200b}G", "peer t\u{200b}g"),
        ] {
            assert_eq!(means(text, &[], false), nothing_bound, "{text}");
        }
        assert_eq!(means("591e", &["peer 591e"], false), "peer 591e");
        assert_eq!(means("7321", &["OCN 7321"], false), "OCN 7321");
        assert_eq!(means("10012", &["peer 10012"], false), "peer 10012", "few digits are a trunk group's");
    }

    #[test]
    fn what_may_mean_two_things_that_are_known_is_never_guessed() {
        for (text, bound, known, words) in [
            ("0020237343", &["peer 0020237343"][..], false, "frn:0020237343 or peer:0020237343"),
            ("20237343", &["peer 20237343"], false, "frn:0020237343 or peer:20237343"),
            ("0020-2373-43", &["peer 0020-2373-43"], false, "frn:0020237343 or peer:0020-2373-43"),
            ("RMD0001410", &["peer rmd0001410"], false, "rmd:RMD0001410 or peer:rmd0001410"),
            ("10012", &["peer 10012"], true, "frn:0000010012 or peer:10012"),
            ("7321", &["OCN 7321"], true, "frn:0000007321 or ocn:7321"),
            ("591E", &["OCN 591E", "peer 591e"], false, "ocn:591E or peer:591e"),
        ] {
            let said = means(text, bound, known);
            assert!(said.contains("may mean") && said.contains(words), "{text}: {said}");
        }
    }

    #[test]
    fn a_prefix_says_what_is_meant_whatever_is_bound() {
        let everything = ["OCN 7321", "peer 7321", "peer 0020237343", "peer rmd0001410", "peer rmd1410"];
        for (text, one) in [
            ("frn:7321", "FRN 0000007321"),
            ("FRN: 0020-2373-43", "FRN 0020237343"),
            ("frn:0001410", "FRN 0000001410"),
            ("rmd:RMD0001410", "RMD0001410"),
            ("rmd:0001410", "RMD0001410"),
            ("rmd:1410", "RMD0001410"),
            ("RMD: 1410", "RMD0001410"),
            ("rmd:RMD1410", "RMD0001410"),
            ("rmd:rmd-0001410", "RMD0001410"),
            ("frn:20237343", "FRN 0020237343"),
            ("frn:FRN 0020-2373-43", "FRN 0020237343"),
            ("ocn:7321", "OCN 7321"),
            ("peer:7321", "peer 7321"),
            ("Peer:0020237343", "peer 0020237343"),
            ("peer:RMD0001410", "peer rmd0001410"),
            ("peer:RMD1410", "peer rmd1410"),
            ("peer:nobody", "peer nobody"),
        ] {
            assert_eq!(means(text, &everything, true), one, "{text}");
        }
        assert_eq!(means("peer:591E", &["OCN 591E"], false), "OCN 591E", "an OCN that is bound is a peer, too");
    }

    #[test]
    fn what_can_mean_nothing_or_is_a_number_with_a_mistake_is_said_unless_it_is_a_name_on_record() {
        for slip in
            ["", "00202373431", "0000000000", "ocn:12", "peer:", "RMD1410", "RMD00014100", "002O237343", "0001410"]
        {
            assert!(means(slip, &[], false).starts_with("! "), "{slip:?}: {}", means(slip, &[], false));
        }
        assert_eq!(means("RMD1410", &["peer rmd1410"], false), "peer rmd1410");
        assert_eq!(means("0001410", &["peer 0001410"], false), "peer 0001410");
        assert_eq!(means("00202373431", &["peer 00202373431"], false), "peer 00202373431");
    }

    #[test]
    fn behind_its_prefix_a_number_with_a_mistake_is_none() {
        for slip in [
            "rmd:",
            "rmd:14100000",
            "rmd:14I0",
            "rmd:TG-Acme",
            "rmd:RMD",
            "frn:",
            "frn:frn:",
            "frn:x",
            "frn:00202373431",
        ] {
            assert!(means(slip, &[], false).starts_with("! "), "{slip:?}: {}", means(slip, &[], false));
        }
    }

    #[test]
    fn every_writing_in_full_is_read_as_what_it_is_of() {
        for text in ["frn:0020237343", "rmd:RMD0001410", "ocn:591E", "peer:0020237343", "peer:a b"] {
            let readings = Who::readings(text).expect(text);
            assert_eq!(readings.likeliest().map(|who| who.in_full()).as_deref(), Some(text));
        }
    }
}
