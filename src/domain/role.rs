//! What a filing certifies: the roles, the state of STIR/SHAKEN, and whether the provider is foreign.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::Column;
use super::identity::quotable;

/// The role in which a provider hands calls over (47 CFR 64.6305(d), (e) and (f)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderRole {
    /// A voice service provider, which originates the calls: paragraph (d).
    VoiceService,
    /// A gateway provider, which brings foreign calls into the country: paragraph (e).
    Gateway,
    /// A non-gateway intermediate provider, which carries domestic calls on: paragraph (f).
    NonGatewayIntermediate,
}

impl ProviderRole {
    /// All roles, in the order of the rule's paragraphs.
    pub const ALL: [Self; 3] = [Self::VoiceService, Self::Gateway, Self::NonGatewayIntermediate];

    /// The role's word in commands, JSON and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VoiceService => "voice_service",
            Self::Gateway => "gateway",
            Self::NonGatewayIntermediate => "non_gateway_intermediate",
        }
    }

    /// The column of a listing in which filings answer for it.
    pub fn column(self) -> Column {
        match self {
            Self::VoiceService => Column::VoiceServiceProviderChoice,
            Self::Gateway => Column::GatewayProviderChoice,
            Self::NonGatewayIntermediate => Column::IntermediateProviderChoice,
        }
    }

    /// The role in a sentence.
    pub fn label(self) -> &'static str {
        match self {
            Self::VoiceService => "voice service provider",
            Self::Gateway => "gateway provider",
            Self::NonGatewayIntermediate => "non-gateway intermediate provider",
        }
    }
}

impl FromStr for ProviderRole {
    type Err = String;

    /// Reads a role as people write it, here and in lists alike: `gateway`, `Gateway Provider`, `VSP`, `Non-Gateway
    /// Intermediate Provider`.
    fn from_str(text: &str) -> Result<Self, String> {
        Self::named(&folded(text)).ok_or_else(|| match text.trim().to_ascii_lowercase().as_str() {
            "any" | "" => "leave the role away where any will do".to_owned(),
            _ => format!(
                "{:?} is no role: write voice_service (VSP), gateway or non_gateway_intermediate (intermediate), one alone, \
                 or leave it blank where any will do",
                quotable(text.trim())
            ),
        })
    }
}

impl ProviderRole {
    /// The role that [folded](folded) words name, if they name one and say no more.
    pub fn named(folded: &str) -> Option<Self> {
        // A role is not told by these.
        const SAY_NOTHING: [&str; 6] = ["provider", "providers", "service", "services", "role", "certified"];
        let words: Vec<&str> = folded.split(' ').filter(|word| !SAY_NOTHING.contains(word)).collect();
        match words.join(" ").as_str() {
            "voice" | "vsp" | "voice vsp" | "originating voice" => Some(Self::VoiceService),
            "gateway" | "gw" | "gwp" | "gateway gwp" | "gateway gw" => Some(Self::Gateway),
            "intermediate"
            | "non gateway intermediate"
            | "nongateway intermediate"
            | "intermediate non gateway"
            | "intermediate nongateway"
            | "domestic intermediate"
            | "domestic non gateway intermediate"
            | "non gw intermediate"
            | "ngip"
            | "non gateway intermediate ngip" => Some(Self::NonGatewayIntermediate),
            _ => None,
        }
    }
}

/// A text as words are compared: in lower case, one blank between them, whatever sets them off, and without signs that
/// nobody sees. Wide letters are those of common width.
pub fn folded(text: &str) -> String {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    };
    let text: String = text.chars().filter(|c| !is_unseen(*c)).map(narrow).flat_map(char::to_lowercase).collect();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

impl fmt::Display for ProviderRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text as it is typed on a plain keyboard: without signs that nobody sees, with letters and digits of common width, and
/// common blanks.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let typed = text.chars().filter(|c| !is_unseen(*c)).map(|c| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c if c.is_whitespace() => ' ',
        c => c,
    });
    Cow::Owned(typed.collect())
}

/// Signs that take no room, and directions of writing.
pub(super) fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ProviderRoles(u8);

impl ProviderRoles {
    /// Adds a role.
    pub fn insert(&mut self, role: ProviderRole) {
        self.0 |= 1 << role as u8;
    }

    /// Whether the role is in the set.
    pub fn contains(self, role: ProviderRole) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// Whether no role is.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The roles, in the order of the rule's paragraphs.
    pub fn iter(self) -> impl Iterator<Item = ProviderRole> {
        ProviderRole::ALL.into_iter().filter(move |role| self.contains(*role))
    }
}

impl FromIterator<ProviderRole> for ProviderRoles {
    fn from_iter<I: IntoIterator<Item = ProviderRole>>(roles: I) -> Self {
        let mut set = Self::default();
        for role in roles {
            set.insert(role);
        }
        set
    }
}

/// A filing's answer to "do you act in this role?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Certification<'a> {
    /// `Yes`.
    Yes,
    /// `No`.
    No,
    /// Left blank, or `N/A`.
    Blank,
    /// Something else, kept as it stands.
    Unrecognized(&'a str),
}

impl<'a> Certification<'a> {
    /// Reads a choice cell.
    pub fn read(cell: &'a str) -> Self {
        match cell.trim() {
            "" | "N/A" => Self::Blank,
            text if text.eq_ignore_ascii_case("yes") => Self::Yes,
            text if text.eq_ignore_ascii_case("no") => Self::No,
            text => Self::Unrecognized(text),
        }
    }
}

/// How far a provider has come with STIR/SHAKEN, as its filing certifies (47 CFR 64.6305(d)(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Implementation<'a> {
    /// `Complete STIR/SHAKEN Implementation`.
    Complete,
    /// `Partial STIR/SHAKEN Implementation - Performing Robocall Mitigation`.
    Partial,
    /// `No STIR/SHAKEN Implementation - Performing Robocall Mitigation`.
    NoneMitigating,
    /// `N/A` or empty.
    NotApplicable,
    /// Something else, kept as it stands.
    Unrecognized(&'a str),
}

impl<'a> Implementation<'a> {
    /// Reads the `implementation` cell. Abbreviated texts of older exports are told by their first word.
    pub fn read(cell: &'a str) -> Self {
        let text = cell.trim();
        match text.split_whitespace().next().unwrap_or_default() {
            "" | "N/A" => Self::NotApplicable,
            "Complete" => Self::Complete,
            "Partial" => Self::Partial,
            "No" => Self::NoneMitigating,
            _ => Self::Unrecognized(text),
        }
    }
}

/// A filing's answer to "are you a foreign voice service provider?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForeignProvider {
    /// `Yes`.
    Yes,
    /// `No`.
    No,
    /// Blank, or `N/A`.
    Unstated,
    /// Something else, which counts neither as a Yes nor as a No.
    Unrecognized,
}

impl ForeignProvider {
    /// Reads the `foreign_voice_provider` cell.
    pub fn read(cell: &str) -> Self {
        match Certification::read(cell) {
            Certification::Yes => Self::Yes,
            Certification::No => Self::No,
            Certification::Blank => Self::Unstated,
            Certification::Unrecognized(_) => Self::Unrecognized,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_enumeration_text_is_kept() {
        assert_eq!(Implementation::read("Planned for 2031"), Implementation::Unrecognized("Planned for 2031"));
        assert_eq!(Certification::read("Maybe"), Certification::Unrecognized("Maybe"));
        assert_eq!(ForeignProvider::read("Perhaps"), ForeignProvider::Unrecognized);
        assert_eq!(ForeignProvider::read(" N/A "), ForeignProvider::Unstated);
        assert_eq!(Implementation::read("N/A"), Implementation::NotApplicable);
        assert_eq!(
            Implementation::read("No STIR/SHAKEN Implementation - Performing Robocall Mitigation"),
            Implementation::NoneMitigating
        );
    }

    #[test]
    fn a_set_of_roles_holds_what_was_put_in() {
        let roles: ProviderRoles = [ProviderRole::Gateway, ProviderRole::VoiceService].into_iter().collect();
        assert!(roles.contains(ProviderRole::Gateway) && !roles.contains(ProviderRole::NonGatewayIntermediate));
        assert_eq!(roles.iter().collect::<Vec<_>>(), [ProviderRole::VoiceService, ProviderRole::Gateway]);
    }

    #[test]
    fn every_role_is_read_back_from_its_word() {
        for role in ProviderRole::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(role.label().parse(), Ok(role));
        }
        for (words, role) in [
            (
                &["Voice Service Provider", "VSP", "voice", "Voice Service Provider (VSP)"][..],
                ProviderRole::VoiceService,
            ),
            (&["Gateway Provider", "gateway-provider", "GATEWAY", "ｇａｔｅｗａｙ"], ProviderRole::Gateway),
            (
                &["Non-Gateway Intermediate Provider", "Intermediate", "non\u{2011}gateway\u{a0}intermediate"],
                ProviderRole::NonGatewayIntermediate,
            ),
        ] {
            for word in words {
                assert_eq!(word.parse(), Ok(role), "{word:?}");
            }
        }
        for none in
            ["carrier", "non-gateway", "provider", "service", "gateway / intermediate / voice", "not a gateway", ""]
        {
            assert!(none.parse::<ProviderRole>().is_err(), "{none:?}");
        }
    }
}
