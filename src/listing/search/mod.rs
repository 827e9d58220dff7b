//! Text -> filings that bear such a name. Names propose, and never decide.
//!
//! ```text
//!  a filing's names ─▶ fold (plain words) ─▶ names (an index of words and of threes of letters)
//!  a text ──────────▶ fold ─▶ the names with a word, with many threes or of about its letters ─▶ score (each of those)
//! ```
//!
//! Business names, former names and names of doing business are compared word by word, and written together. Case,
//! accents, punctuation and the writing of letters do not count, the legal form (LLC, Inc.) hardly, and a typo, an
//! abbreviation, a word too many or too few costs rank. The same name always comes first.
//!
//! No text costs much more than another: so many words of it count, and so many names at most are looked at closely.

mod fold;
mod names;
mod score;
mod vocabulary;

use std::collections::HashMap;
use std::sync::Arc;

use names::{Names, NamesBuilder};
use score::Question;

use crate::domain::{Column, Filing, Removal, RemovalHistory, Snapshot};
use crate::listing::index::Index;

/// A filing that bears such a name.
#[derive(Debug, Clone)]
pub struct NameMatch {
    /// The filing, standing or as it was last seen.
    pub filing: Arc<Filing>,
    /// Its removal, if it does not stand.
    pub removal: Option<Arc<Removal>>,
    /// The name that matched, as filed.
    pub name: String,
    /// The column it stands in.
    pub column: Column,
    /// From 0 to 1, where 1 is the same name.
    pub score: f64,
}

/// Below this a name is another name.
const LEAST_SCORE: f32 = 0.45;

/// So many names that have threes of letters in common with a text are looked at closely. Of several names in one text each
/// has a share.
const MOST_ALIKE: usize = 200;

/// So many names that have a word of it are, those with its rarest words. They are shared alike.
const MOST_WITH_WORDS: usize = 400;

/// A text no longer than this may have a typo in each of its threes: names of about its letters are looked at, too.
const SHORT: usize = 16;

/// So many names in one text, `X d/b/a Y`, are asked for.
const MOST_NAMES: usize = 3;

/// Where a filing says its names, the most telling first.
const COLUMNS: [Column; 3] = [Column::BusinessName, Column::OtherDbaNames, Column::PreviousDbaNames];

/// A list of other names may be one text of pages. A name has no more letters.
const LONGEST_NAME: usize = 120;

/// All names that are filed, ready to be searched. It is made when the first search comes.
#[derive(Debug)]
pub struct SearchIndex {
    names: Names,
    /// The removals, not undone, whose names are searched behind those of the standing filings.
    removed: Vec<Arc<Removal>>,
}

/// A name that fits: how well, and where it stands.
struct Found {
    score: f32,
    kind: u8,
    /// The filing's place: among the standing ones, or behind them among the removed.
    owner: u32,
    place: u32,
}

impl SearchIndex {
    /// Makes the names of these filings ready.
    pub fn build(snapshot: &Snapshot, removals: &RemovalHistory) -> Self {
        let removed: Vec<Arc<Removal>> =
            removals.newest_first().filter(|removal| removal.reinstated_at.is_none()).cloned().collect();
        let mut builder = NamesBuilder::default();
        let filings = snapshot.filings.iter().chain(removed.iter().map(|removal| &removal.filing));
        for (filing, owner) in filings.zip(0u32..) {
            for (column, kind) in COLUMNS.into_iter().zip(0u8..) {
                for name in filed(filing, column) {
                    let parts = fold::names(name);
                    if parts.len() > 1 {
                        builder.add(owner, kind, &fold::whole(name));
                    }
                    for part in &parts {
                        builder.add(owner, kind, part);
                    }
                }
            }
        }
        Self { names: builder.build(), removed }
    }

    /// The filings of names like the text, the likest first.
    fn ask(&self, text: &str, current: usize) -> Vec<Found> {
        let mut parts = fold::names(text);
        parts.truncate(MOST_NAMES);
        // Of two names in one text the first is the company's own.
        let several = parts.len() > 1;
        let own = |at: usize| if several { 0.99 - 0.01 * at as f32 } else { 1.0 };
        let mut questions: Vec<(Vec<String>, f32)> =
            parts.into_iter().enumerate().map(|(at, part)| (part, own(at))).collect();
        if several {
            questions.push((fold::whole(text), 1.0));
        }
        let mut best: HashMap<u32, Found> = HashMap::new();
        let share = questions.len().max(1);
        for (words, factor) in questions {
            let mut question = Question::new(&self.names, &words);
            for place in self.candidates(&question, &words, share) {
                let Some((owner, kind)) = self.names.owner(place) else { continue };
                let found = Found { score: question.score(place) * factor, kind, owner, place };
                if found.score < LEAST_SCORE {
                    continue;
                }
                let current = best.entry(owner).or_insert(Found { score: 0.0, ..found });
                if (found.score, current.kind) > (current.score, found.kind) {
                    *current = found;
                }
            }
        }
        let mut found: Vec<Found> = best.into_values().collect();
        // Of equals the company's own name first, then the standing filing, then by number, so that the order is one.
        found.sort_unstable_by(|left, right| {
            let order = right.score.total_cmp(&left.score).then(left.kind.cmp(&right.kind));
            let removed = |found: &Found| found.owner as usize >= current;
            order.then(removed(left).cmp(&removed(right))).then(left.owner.cmp(&right.owner))
        });
        found
    }

    /// The names that are worth a close look: as many as there is time for if so many questions share it.
    fn candidates(&self, question: &Question<'_>, words: &[String], share: usize) -> Vec<u32> {
        let mut places = self.names.like(question.key(), MOST_ALIKE / share);
        let known = words.iter().filter_map(|word| self.names.find(word));
        let mut with_words: Vec<&[u32]> = known.map(|id| self.names.with_word(id)).collect();
        with_words.sort_by_key(|places| places.len());
        let mut room = MOST_WITH_WORDS / share;
        for with_word in with_words.into_iter().take_while(|places| {
            let fits = places.len() <= room;
            room = room.saturating_sub(places.len());
            fits
        }) {
            places.extend(with_word);
        }
        if question.key().len() <= SHORT {
            places.extend(self.names.near(question.key()));
        }
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// The names that a filing says in a column.
fn filed(filing: &Filing, column: Column) -> impl Iterator<Item = &str> {
    let text = filing.text(column);
    let separators: &[char] = if column == Column::BusinessName { &[] } else { &[';', '\n', '\r', '|'] };
    text.split(separators).flat_map(by_commas).map(str::trim).filter(|name| !is_nothing(name))
}

/// What filers write for no name at all.
fn is_nothing(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let nothing = ["", "none", "no", "non", "n/a", "na", "nil", "not applicable", "see attached"];
    nothing.iter().any(|nothing| name.eq_ignore_ascii_case(nothing))
}

/// A text too long for a name is a list with commas, of which those before a legal form part nothing.
fn by_commas(text: &str) -> Vec<&str> {
    if text.len() <= LONGEST_NAME {
        return vec![text];
    }
    let mut names = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(',') {
        let behind = text.get(at + 1..).unwrap_or_default();
        let next = fold::fold(behind.split(',').next().unwrap_or_default());
        if next.first().is_none_or(|word| !vocabulary::is_form(word)) {
            names.extend(text.get(start..at));
            start = at + 1;
        }
    }
    names.extend(text.get(start..));
    names
}

/// The filings whose names are like the text, the likest first, at most `limit`.
pub fn search(index: &Index, text: &str, limit: usize) -> Vec<NameMatch> {
    let searched = index.names();
    let current = index.snapshot().filings.len();
    let found = searched.ask(text, current);
    let same = found.iter().take_while(|found| found.score == 1.0).count();
    let mut reported: Vec<NameMatch> =
        found.iter().take(same.max(limit)).filter_map(|found| reported(index, searched, found)).collect();
    // Of the same names those first that are written the same.
    let same = same.min(reported.len());
    if let Some(same) = reported.get_mut(..same) {
        same.sort_by_key(|found| (found.column as usize, found.removal.is_some(), found.name != text.trim()));
    }
    reported.truncate(limit);
    reported
}

fn reported(index: &Index, searched: &SearchIndex, found: &Found) -> Option<NameMatch> {
    let current = &index.snapshot().filings;
    let owner = found.owner as usize;
    let removal = owner.checked_sub(current.len()).and_then(|at| searched.removed.get(at)).cloned();
    let filing = match &removal {
        Some(removal) => Arc::clone(&removal.filing),
        None => Arc::clone(current.get(owner)?),
    };
    let column = *COLUMNS.get(usize::from(found.kind))?;
    let words: Vec<&str> = searched.names.words_of(found.place).iter().map(|id| searched.names.text_of(*id)).collect();
    let is_it = |name: &&str| fold::names(name).iter().chain([&fold::whole(name)]).any(|of| *of == words);
    let name = filed(&filing, column).find(is_it).unwrap_or_default().to_owned();
    Some(NameMatch { filing, removal, name, column, score: f64::from((found.score * 1000.0).round()) / 1000.0 })
}

#[cfg(test)]
mod tests;
