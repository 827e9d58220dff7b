//! What an alarm says, and what to do about it, apart.

use crate::api::grpc::v1::{Alarm, HeldListing, Severity};
use crate::api::json;

/// An alarm's sentence without the clauses that name a command: what to do stands on a line of its own.
pub fn finding(message: &str) -> String {
    let mut said = message.to_owned();
    while let Some(command) = said.find("`rmdd ") {
        let (before, behind) = said.split_at(command);
        let cut = [". ", "; ", ": "].iter().filter_map(|end| before.rfind(end)).max();
        let Some(cut) = cut else { break };
        let rest = behind.find(". ").and_then(|end| behind.get(end + 1..)).unwrap_or_default().to_owned();
        said = format!("{}.{rest}", before.get(..cut).unwrap_or_default());
    }
    said.trim_end_matches('.').to_owned()
}

/// What to do about an alarm, with the digest of the listing that waits for it.
pub fn what_to_do(alarm: &Alarm, held: &[HeldListing]) -> Option<String> {
    if alarm.severity() == Severity::Note || alarm.what_to_do.is_empty() {
        return None;
    }
    let newest = held.iter().rev().find(|held| json::Held::from(*held).awaits == "person");
    let digest = newest.map(|held| hex::encode(held.sha256.get(..6).unwrap_or_default()));
    Some(match digest {
        Some(digest) => alarm.what_to_do.replace("--approve DIGEST", &format!("--approve {digest}")),
        None => alarm.what_to_do.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_says_what_is_the_matter_without_the_commands_that_help() {
        for (message, found) in [
            (
                "the store is damaged (page 7): answers go on from memory. Run `rmdd verify`, then put a backup in its place \
                 or start with `rmdd serve --rebuild`",
                "the store is damaged (page 7): answers go on from memory",
            ),
            (
                "the last sync brought a listing that is held: too few. It is kept, and the last one goes on being served; if it \
                 is right all the same, let it through with `rmdd sync --approve 0123456789ab`. It would change 3 answers.",
                "the last sync brought a listing that is held: too few. It is kept, and the last one goes on being served. It \
                 would change 3 answers",
            ),
            (
                "alerts do not arrive: mail. They wait; see `rmdd alerts`, and try",
                "alerts do not arrive: mail. They wait",
            ),
            ("`rmdd x` alone", "`rmdd x` alone"),
            ("nothing to run", "nothing to run"),
        ] {
            assert_eq!(finding(message), found);
        }
    }
}
