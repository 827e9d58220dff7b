//! Values that are one of some words: completions propose them, the help names them, and who reads the value goes on
//! forgiving other writings of it.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};

pub const ROLES: &[&str] = &["voice_service", "gateway", "non_gateway_intermediate"];
pub const ROLES_OR_ANY: &[&str] = &["voice_service", "gateway", "non_gateway_intermediate", "any"];
pub const PEER_KINDS: &[&str] = &["trunk_group", "ocn", "spc", "ip", "account"];
pub const OVERRIDE_ACTIONS: &[&str] = &["allow", "deny"];
pub const ORDER_KINDS: &[&str] = &["removal", "final_determination", "show_cause"];
pub const TERNARY: &[&str] = &["yes", "no", "unknown"];
pub const LOG_LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];

/// A reader of values that has words to propose.
#[derive(Clone)]
struct Proposing<P> {
    words: &'static [&'static str],
    read: P,
}

impl<P: TypedValueParser> TypedValueParser for Proposing<P> {
    type Value = P::Value;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        self.read.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.words.iter().map(PossibleValue::new)))
    }
}

/// Reads values by this, and proposes these words.
pub fn proposing<P: TypedValueParser>(
    words: &'static [&'static str],
    read: P,
) -> impl TypedValueParser<Value = P::Value> {
    Proposing { words, read }
}

/// Takes any text, and proposes these words.
pub fn text_like(words: &'static [&'static str]) -> impl TypedValueParser<Value = String> {
    proposing(words, clap::builder::StringValueParser::new())
}

/// Reads a role, and proposes those there are.
pub fn role() -> impl TypedValueParser<Value = crate::domain::ProviderRole> {
    proposing(ROLES, |text: &str| text.parse::<crate::domain::ProviderRole>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ProviderRole;

    #[test]
    fn the_roles_that_are_proposed_are_all_there_are() {
        let read: Vec<ProviderRole> = ROLES.iter().map(|word| word.parse().expect("a role")).collect();
        assert_eq!(read.len(), 3);
        assert!(read.iter().enumerate().all(|(place, role)| !read[..place].contains(role)));
    }
}
