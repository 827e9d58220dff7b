//! Cells that name roles in other words than those of one role alone: they may not be read over.

use crate::domain::{ProviderRole, folded};

/// How a cell that is no role of its own names roles all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mentioned {
    /// It is several roles: `Gateway/Intermediate`, `VSP & Gateway`.
    Several,
    /// It is a role and more words: `International gateway`, `gateway only`, `GW/INT`.
    Qualified,
}

/// Whether a cell that is not one role alone names roles.
pub fn mentioned(cell: &str) -> Option<Mentioned> {
    // Voice alone is what most upstreams carry.
    const OF_A_ROLE: [&str; 9] =
        ["gateway", "gateways", "gw", "gwp", "gp", "vsp", "ngip", "nongateway", "intermediate"];
    let words = folded(cell);
    let is_of_a_role = |word: &str| OF_A_ROLE.contains(&word);
    if ProviderRole::named(&words).is_some() {
        return None;
    }
    let apart = cell.replace(['/', '&', '+', ',', ';', '|', '\n'], " and ");
    let parts = folded(&apart);
    let parts: Vec<&str> = parts
        .split(" and ")
        .flat_map(|part| part.split(" or "))
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    if parts.len() > 1 && parts.iter().all(|part| ProviderRole::named(part).is_some()) {
        return Some(Mentioned::Several);
    }
    (words.split(' ').any(is_of_a_role) || words.contains("voice service")).then_some(Mentioned::Qualified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_roles_and_a_role_with_more_words_are_told_apart_from_what_is_no_role() {
        for (cell, mentioned) in [
            ("Gateway/Intermediate", Some(Mentioned::Several)),
            ("Gateway & VSP", Some(Mentioned::Several)),
            ("Voice, Gateway and Intermediate", Some(Mentioned::Several)),
            ("VSP or gateway provider", Some(Mentioned::Several)),
            ("International gateway", Some(Mentioned::Qualified)),
            ("Gateway (foreign)", Some(Mentioned::Qualified)),
            ("gateway only", Some(Mentioned::Qualified)),
            ("GW/INT", Some(Mentioned::Qualified)),
            ("GP", Some(Mentioned::Qualified)),
            ("Intl. Gateway Provider", Some(Mentioned::Qualified)),
            ("Non Gateway", Some(Mentioned::Qualified)),
            ("Voice service, wholesale", Some(Mentioned::Qualified)),
            ("Gateway Provider", None),
            ("Non-Gateway Intermediate Provider", None),
            ("Wholesale voice", None),
            ("Wholesale and retail", None),
            ("", None),
        ] {
            assert_eq!(super::mentioned(cell), mentioned, "{cell:?}");
        }
    }
}
