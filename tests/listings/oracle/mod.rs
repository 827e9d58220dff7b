//! An independent oracle: what every answer must be, worked out from the rules and the published file alone, compared
//! with what a real daemon says.
//!
//! Nothing here uses rmdd's parser, index, caller IDs or decisions: the file is read by the csv crate ([`model`]),
//! calling numbers by tables of the numbering plan ([`caller`]), and the answer by a literal reading of the matrix
//! ([`matrix`], [`notes`], [`recertified`]). Where the rules leave something open the oracle says so, and the tables
//! show what the daemon answers there.
//!
//! Asked are made-up listings with all quirks, stories of providers with operators' records, and, where they are at
//! hand (`RMDD_REAL_LISTINGS`, tests/common/real.rs), real weeks: every provider by its FRN and by each of its numbers,
//! in every role, foreign or not or unsaid, with callers of many countries.
//!
//! - `ORACLE_EXHAUSTIVE=1` asks all combinations, of every week (36 million questions over fifteen weeks: hours in a
//!   debug build). An ordinary run asks an even share of them, about 190,000 questions.
//! - `ORACLE_SHOWN=200` shows so many disagreements whole instead of twenty; the kinds are always counted.
//! - `--nocapture` shows the tables of an agreement, too: how often each answer came, and what came where the rules can
//!   be read in two ways.

mod ask;
mod caller;
mod callers;
mod listings;
mod matrix;
mod model;
mod notes;
mod outside;
mod recertified;
mod records;
mod site;
mod stories;

use matrix::Question;
use model::{Role, Who};

/// Callers with whom every provider is asked about: none, of the United States, of Puerto Rico, of Canada, of the
/// Caribbean, of farther away, of where national numbers begin as those of America do, and one that cannot be read.
const CALLERS: [&str; 8] = [
    "",
    "+12025550143",
    "+17872345678",
    "+14165550343",
    "+18762101234",
    "+493012345678",
    "+8613800138000",
    "anonymous",
];

/// In how many combinations somebody can be asked about: roles, foreign or not, callers (two of them with the switch's
/// own word against them), and a call to 911.
const COMBINATIONS: usize = 4 * 3 * (CALLERS.len() + 2) + 1;

/// Whether everything is asked.
fn exhaustive() -> bool {
    std::env::var_os("ORACLE_EXHAUSTIVE").is_some()
}

/// One of the combinations.
fn combination(who: &Who, place: usize) -> Question {
    let question = Question::about(who.clone());
    if place == COMBINATIONS - 1 {
        return Question { emergency: true, ..question };
    }
    let role = [None, Some(Role::Voice), Some(Role::Gateway), Some(Role::Intermediate)][place % 4];
    let foreign = [None, Some(true), Some(false)][place / 4 % 3];
    let (caller, us_caller) = match place / 12 {
        // What the switch knows counts more than what it sends.
        8 => (CALLERS[5], Some(true)),
        9 => (CALLERS[1], Some(false)),
        plain => (CALLERS[plain], None),
    };
    Question { role, foreign, us_caller, caller: caller.to_owned(), ..question }
}

/// One question of many: about one provider, in one combination, by one of its numbers.
struct Asked {
    /// Tells questions apart that must have one answer.
    one_answer: (usize, usize),
    question: Question,
}

/// An even share of all combinations for every provider, each by all of its numbers: each provider is asked about in
/// some combinations, each combination of some providers.
fn questions(providers: &[Vec<Who>], one_in: usize) -> impl Iterator<Item = Asked> + '_ {
    let one_in = if exhaustive() { 1 } else { one_in.max(1) };
    providers.iter().enumerate().flat_map(move |(provider, identities)| {
        // Not in step with what there are as many of as roles.
        let first = (one_in - provider % one_in) % one_in;
        (first..COMBINATIONS).step_by(one_in).flat_map(move |place| {
            identities.iter().map(move |who| Asked { one_answer: (provider, place), question: combination(who, place) })
        })
    })
}
