//! Which of many names a misspelt one is near. It proposes to a person, and decides nothing.

use rapidfuzz::distance::osa;

/// Words of companies' names that tell none from another.
const COMMON: [&str; 22] = [
    "and",
    "co",
    "com",
    "communication",
    "communications",
    "company",
    "corp",
    "corporation",
    "group",
    "inc",
    "incorporated",
    "limited",
    "llc",
    "lp",
    "ltd",
    "network",
    "networks",
    "services",
    "telecom",
    "telecommunications",
    "telephone",
    "the",
];

/// The least that a name has for it to be found as a part of another.
const LEAST_PART: usize = 4;

fn plain(text: &str) -> Vec<char> {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn text(chars: &[char]) -> String {
    chars.iter().collect()
}

/// So many slips are forgiven in a word of so many letters.
fn forgiven(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=9 => 1,
        _ => 2,
    }
}

/// The words that tell a name from others.
fn words(name: &str) -> Vec<Vec<char>> {
    let words = name.split(|c: char| !c.is_alphanumeric()).map(plain).filter(|word| !word.is_empty());
    let all: Vec<Vec<char>> = words.collect();
    let telling: Vec<Vec<char>> = all.iter().filter(|word| !COMMON.contains(&text(word).as_str())).cloned().collect();
    if telling.is_empty() { all } else { telling }
}

/// How far a name is from another, in slips; nothing if it is another name altogether.
fn distance(asked: &str, name: &str) -> Option<usize> {
    let (whole, other) = (plain(asked), plain(name));
    if whole.is_empty() || other.is_empty() {
        return None;
    }
    let slips = |left: &[char], right: &[char]| {
        let slips = osa::distance(left.iter().copied(), right.iter().copied());
        (slips <= forgiven(left.len().min(right.len()))).then_some(slips)
    };
    let as_a_whole = slips(&whole, &other);
    // A part of a name, whole words in it: all that tells what was asked for must be there.
    let (asked, name) = (words(asked), words(name));
    let nearest = |word: &[char]| name.iter().filter_map(|other| slips(word, other)).min();
    let in_words = (whole.len() >= LEAST_PART && !name.is_empty())
        .then(|| asked.iter().map(|word| nearest(word)).sum::<Option<usize>>())
        .flatten()
        .map(|slips| slips + 1);
    as_a_whole.into_iter().chain(in_words).min()
}

/// Of names, each with how it is told: those that are near the one asked for, the nearest first, at most so many.
pub fn closest(asked: &str, names: Vec<(String, String)>, most: usize) -> Vec<String> {
    let mut near: Vec<(usize, String)> =
        names.into_iter().filter_map(|(name, reported)| Some((distance(asked, &name)?, reported))).collect();
    near.sort();
    near.dedup();
    near.into_iter().take(most).map(|(_, reported)| reported).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_close_is_near() {
        for (asked, name) in [
            ("TG-Acme-1", "tg acme 1"),
            ("TG-Acme-1", "TG-Acme-2"),
            ("TG-Amce-1", "TG-Acme-1"),
            ("acme", "TG-Acme-1"),
            ("fern velvet", "Fern Velvet Telecom LLC"),
            ("Fern Velevt Telecom", "Fern Velvet Networks Corp."),
            ("Ferm Velvet", "FERN VELVET, INC."),
            ("10012", "10013"),
        ] {
            assert!(distance(asked, name).is_some(), "{asked} {name}");
        }
        for (asked, name) in [
            ("nosuchpeer", "No Such Telecom"),
            ("nosuchpeer", "Nosheer Peering LLC"),
            ("Acme Telecom", "Fern Telecom LLC"),
            ("Acme Telecom", "Acorn Telecom LLC"),
            ("Acme North", "Acme South"),
            ("7321", "9999"),
            ("tg", "tf"),
            ("", "Fern"),
            ("---", "Fern"),
        ] {
            assert_eq!(distance(asked, name), None, "{asked} {name}");
        }
    }

    #[test]
    fn the_nearest_come_first() {
        let names = ["TG-Acme-12", "TG-Acme-1", "TG-Bolt-1"].map(|name| (name.to_owned(), name.to_owned()));
        assert_eq!(closest("tg-acme-1", names.to_vec(), 3), ["TG-Acme-1", "TG-Acme-12"]);
        assert_eq!(closest("tg-acme-1", names.to_vec(), 1), ["TG-Acme-1"]);
    }
}
