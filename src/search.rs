//! Text -> filings that bear such a name. Names propose, and never decide.
//!
//! Business names, former names and names of doing business are compared word by word: case, punctuation and the legal
//! form (LLC, Inc.) do not count, and a typo in a word costs little.

use std::sync::Arc;

use strsim::jaro_winkler;

use crate::domain::{Column, Filing, Removal};
use crate::index::Index;

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
const LEAST_SCORE: f64 = 0.82;

/// So alike two words must be to count as the same with a typo.
const SAME_WORD: f64 = 0.85;

/// Words that say what a company is, not which.
const FORMS: [&str; 22] = [
    "llc",
    "inc",
    "incorporated",
    "corp",
    "corporation",
    "co",
    "company",
    "ltd",
    "limited",
    "lp",
    "llp",
    "plc",
    "gmbh",
    "sa",
    "srl",
    "bv",
    "pty",
    "pllc",
    "pc",
    "the",
    "dba",
    "l",
];

/// A name's words, by which it is compared. A name of nothing but legal forms keeps them.
fn words(name: &str) -> Vec<String> {
    let joined: String = name.chars().filter(|c| !matches!(c, '.' | '\'' | '’')).collect();
    let all: Vec<String> =
        joined.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let telling: Vec<String> = all.iter().filter(|word| !FORMS.contains(&word.as_str())).cloned().collect();
    if telling.is_empty() { all } else { telling }
}

/// How well the words asked for are found in a name: each by its likest word, and fewer words left over are better.
fn score(asked: &[String], name: &[String]) -> f64 {
    if asked.is_empty() || name.is_empty() {
        return 0.0;
    }
    let mut sum = 0.0;
    for word in asked {
        let best = name.iter().map(|other| word_score(word, other)).fold(0.0, f64::max);
        if best < SAME_WORD {
            // One word that is not there at all makes it another name, unless many others are.
            sum += best * 0.3;
        } else {
            sum += best;
        }
    }
    let found = sum / asked.len() as f64;
    // "Twilio" for "Twilio Inc" is whole; for "Twilio Voice Services of Ohio" it is part.
    let whole = asked.len().min(name.len()) as f64 / name.len().max(asked.len()) as f64;
    // Written together or apart: "Tele Com" for "TeleCom".
    let together = jaro_winkler(&asked.concat(), &name.concat());
    (found * (0.9 + 0.1 * whole)).max(if together > 0.95 { together * 0.98 } else { 0.0 })
}

fn word_score(asked: &str, other: &str) -> f64 {
    if asked == other {
        return 1.0;
    }
    // Half a word typed is a beginning, not a typo.
    if asked.chars().count() >= 3 && other.starts_with(asked) {
        return 0.95;
    }
    jaro_winkler(asked, other)
}

/// The names in a free-text list.
fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split([';', '\n', '\r', '|']).map(str::trim).filter(|name| !name.is_empty())
}

/// The filings whose names are like the text, the likest first, at most `limit`.
pub fn search(index: &Index, text: &str, limit: usize) -> Vec<NameMatch> {
    let asked = words(text);
    let mut found: Vec<NameMatch> = Vec::new();
    let mut consider = |filing: &Arc<Filing>, removal: Option<&Arc<Removal>>| {
        let own = std::iter::once((Column::BusinessName, filing.business_name()));
        let others = [Column::OtherDbaNames, Column::PreviousDbaNames]
            .into_iter()
            .flat_map(|column| names(filing.text(column)).map(move |name| (column, name)));
        let best = own
            .chain(others)
            .map(|(column, name)| (score(&asked, &words(name)), column, name))
            .filter(|(score, ..)| *score >= LEAST_SCORE)
            .max_by(|left, right| left.0.total_cmp(&right.0));
        if let Some((score, column, name)) = best {
            found.push(NameMatch {
                filing: Arc::clone(filing),
                removal: removal.map(Arc::clone),
                name: name.to_owned(),
                column,
                score,
            });
        }
    };
    for filing in &index.snapshot().filings {
        consider(filing, None);
    }
    for removal in index.removals().newest_first().filter(|removal| removal.reinstated_at.is_none()) {
        consider(&removal.filing, Some(removal));
    }
    // Of equals the standing one first, then by number, so that the order does not vary.
    found.sort_by(|left, right| {
        let order = right.score.total_cmp(&left.score);
        order
            .then(left.removal.is_some().cmp(&right.removal.is_some()))
            .then(left.filing.number().cmp(&right.filing.number()))
    });
    found.truncate(limit);
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;
    use crate::domain::{
        ChangeSerial, Delta, FilingBuilder, RemovalHistory, RmdNumber, Sha256Digest, Snapshot, SnapshotSerial,
    };

    fn filing(value: u32, name: &str, dba: &str, former: &str) -> Arc<Filing> {
        let mut builder = FilingBuilder::new(RmdNumber::from_value(value).expect("a number"), None, 0);
        for column in Column::ALL {
            builder.push(match column {
                Column::BusinessName => name,
                Column::OtherDbaNames => dba,
                Column::PreviousDbaNames => former,
                _ => "",
            });
        }
        Arc::new(builder.finish())
    }

    fn index() -> Index {
        let snapshot = Snapshot {
            serial: SnapshotSerial(2),
            sha256: Sha256Digest([0; 32]),
            source: String::new(),
            bytes: 0,
            fetched_at: Timestamp::UNIX_EPOCH,
            confirmed_at: Timestamp::UNIX_EPOCH,
            filings: vec![
                filing(1, "Copper Canyon Telecom, LLC", "", ""),
                filing(2, "Copper Canyon Telecom Inc.", "", ""),
                filing(3, "Birch Hill Networks", "Thistle Voice; Blue Fern Tel", "Old Mill Telephone Co."),
                filing(4, "'@Link Example, L.L.C.", "", ""),
                filing(5, "", "none", ""),
                filing(6, "Unrelated Broadband Cooperative", "", ""),
            ],
            carried: BTreeMap::new(),
            anomalies: Vec::new(),
            steps: Vec::new(),
        };
        let delta = Delta { removed: vec![filing(9, "Copper Canyon Telecom LLC", "", "")], ..Delta::default() };
        let (removals, _) = RemovalHistory::default().after(&delta, Timestamp::UNIX_EPOCH, &snapshot);
        Index::build(snapshot, removals, ChangeSerial(0))
    }

    fn found(text: &str) -> Vec<u32> {
        search(&index(), text, 10).iter().map(|found| found.filing.number().value()).collect()
    }

    #[test]
    fn case_punctuation_and_legal_form_do_not_count() {
        for text in ["copper canyon telecom", "COPPER CANYON TELECOM, INC", "Copper-Canyon Telecom L.L.C."] {
            assert_eq!(found(text), [1, 2, 9], "{text:?}: namesakes all, the removed one last");
        }
        assert_eq!(found("link example"), [4]);
    }

    #[test]
    fn typos_half_words_and_joined_words_are_forgiven() {
        for text in ["coper canyon telecom", "copper cayon telecom", "copper canyon tel", "coppercanyon telecom"] {
            assert_eq!(found(text), [1, 2, 9], "{text:?}");
        }
    }

    #[test]
    fn former_names_and_names_of_doing_business_are_found_and_named() {
        let by_dba = &search(&index(), "blue fern tel", 10)[0];
        assert_eq!((by_dba.filing.number().value(), by_dba.column), (3, Column::OtherDbaNames));
        assert_eq!(by_dba.name, "Blue Fern Tel");
        assert_eq!(search(&index(), "old mill telephone", 10)[0].column, Column::PreviousDbaNames);
    }

    #[test]
    fn the_same_name_comes_before_a_like_one_and_another_name_is_not_found() {
        assert_eq!(found("Birch Hill Networks")[0], 3);
        assert!(found("Zebra Crossing Systems").is_empty());
        assert!(found("").is_empty() && found("...").is_empty() && found("telecom of somewhere else").is_empty());
    }

    #[test]
    fn no_more_than_the_limit_come() {
        assert_eq!(search(&index(), "copper canyon telecom", 2).len(), 2);
    }
}
