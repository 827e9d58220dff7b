//! Names as people type them: with typos, shortened, joined, in another writing.

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A way in which a name is typed otherwise than it was filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is its name")]
pub enum Slip {
    Exact,
    UpperCase,
    OneTypo,
    TwoTypos,
    FirstLetterWrong,
    Abbreviated,
    Truncated,
    DoingBusinessAs,
    AndForAmpersand,
    AmpersandForAnd,
    DoubledLetter,
    MissingLetter,
    SwappedLetters,
    AccentsDecomposed,
    AccentsComposed,
    LostLetter,
    FullWidth,
    LegalFormDropped,
    LegalFormChanged,
    WordsJoined,
    AllWordsJoined,
    WordSplit,
    WordOrderChanged,
    ExtraWord,
    OneWordMissing,
}

impl Slip {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::Exact,
        Self::UpperCase,
        Self::OneTypo,
        Self::TwoTypos,
        Self::FirstLetterWrong,
        Self::Abbreviated,
        Self::Truncated,
        Self::DoingBusinessAs,
        Self::AndForAmpersand,
        Self::AmpersandForAnd,
        Self::DoubledLetter,
        Self::MissingLetter,
        Self::SwappedLetters,
        Self::AccentsDecomposed,
        Self::AccentsComposed,
        Self::LostLetter,
        Self::FullWidth,
        Self::LegalFormDropped,
        Self::LegalFormChanged,
        Self::WordsJoined,
        Self::AllWordsJoined,
        Self::WordSplit,
        Self::WordOrderChanged,
        Self::ExtraWord,
        Self::OneWordMissing,
    ];
}

/// Words, what people write for them, and whether they are legal forms.
const SHORT: [(&str, &[&str]); 25] = [
    ("telecommunications", &["Telecom", "Telecomm", "Telcom"]),
    ("telecom", &["Telecommunications"]),
    ("communications", &["Comm", "Comms", "Comm.", "Communication"]),
    ("services", &["Svcs", "Svc", "Serv."]),
    ("service", &["Svc"]),
    ("technologies", &["Tech", "Techs", "Technology"]),
    ("technology", &["Tech"]),
    ("international", &["Intl", "Int'l", "Intl."]),
    ("national", &["Natl", "Nat'l"]),
    ("associates", &["Assoc", "Assoc."]),
    ("association", &["Assn", "Assoc"]),
    ("brothers", &["Bros", "Bros."]),
    ("manufacturing", &["Mfg"]),
    ("company", &["Co", "Co."]),
    ("corporation", &["Corp", "Corp."]),
    ("incorporated", &["Inc"]),
    ("limited", &["Ltd", "Ltd."]),
    ("telephone", &["Tel", "Tel.", "Phone"]),
    ("cooperative", &["Coop", "Co-op"]),
    ("systems", &["Sys"]),
    ("solutions", &["Soln", "Solns", "Sol"]),
    ("networks", &["Net", "Nets", "Network"]),
    ("group", &["Grp"]),
    ("management", &["Mgmt"]),
    ("enterprises", &["Ent"]),
];

const FORMS: [&str; 14] = [
    "llc",
    "l.l.c.",
    "inc",
    "inc.",
    "corp",
    "corp.",
    "corporation",
    "co",
    "co.",
    "company",
    "ltd",
    "ltd.",
    "limited",
    "incorporated",
];

const OTHER_FORMS: [&str; 9] =
    ["LLC", "L.L.C.", "Inc.", "Incorporated", "Corp.", "Ltd", "Limited", "S.A. de C.V.", "GmbH"];

/// A dice for slips.
pub fn dice(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// One of so many places.
pub fn any(rng: &mut ChaCha8Rng, places: usize) -> usize {
    rng.random_range(0..places)
}

/// The words of a name that tell it from others, in lower case.
pub fn telling_words(name: &str) -> Vec<String> {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.filter(|word| !FORMS.contains(word)).map(str::to_owned).collect()
}

/// The name with such a slip; nothing where it cannot have it.
pub fn misspell(name: &str, slip: Slip, rng: &mut ChaCha8Rng) -> Option<String> {
    match slip {
        Slip::Exact => Some(name.to_owned()),
        Slip::UpperCase => Some(name.to_uppercase()),
        Slip::OneTypo => typo(name, rng),
        Slip::TwoTypos => {
            let plain = without_form(name).unwrap_or_else(|| name.to_owned());
            (plain.chars().filter(char::is_ascii_alphabetic).count() >= 5).then_some(())?;
            typo(&typo(name, rng)?, rng)
        }
        Slip::FirstLetterWrong => {
            let first = name.chars().next().filter(char::is_ascii_alphabetic)?;
            let other = another(first, rng);
            Some(name.chars().enumerate().map(|(at, c)| if at == 0 { other } else { c }).collect())
        }
        Slip::Abbreviated => {
            let mut changed = false;
            let words: Vec<String> = name
                .split_whitespace()
                .map(|word| match SHORT.iter().find(|(long, _)| *long == bare(word)) {
                    Some((_, shorts)) => {
                        changed = true;
                        shorts.choose(rng).map_or_else(String::new, |short| (*short).to_owned())
                    }
                    None => word.to_owned(),
                })
                .collect();
            changed.then(|| words.join(" "))
        }
        Slip::Truncated => {
            let words: Vec<&str> = name.split_whitespace().collect();
            let telling = words.iter().filter(|word| !FORMS.contains(&bare(word).as_str())).count();
            (telling >= 2).then_some(())?;
            let long = longest_places(&words, 7);
            let at = *long.choose(rng)?;
            let kept: String = words.get(at)?.chars().take(rng.random_range(4..=5)).collect();
            Some(with(&words, at, &kept))
        }
        Slip::DoingBusinessAs => {
            let made_up =
                ["Zephyr", "Quokka", "Bluebell", "Northwind", "Tangerine", "Moonrise", "Larkspur", "Sandpiper"];
            let kinds = ["Voice", "Telecom", "Communications", "Networks", "Fiber", "Connect", "Solutions"];
            let mark = ["d/b/a", "dba", "DBA", "doing business as", "D.B.A.", "a/k/a", "f/k/a", "DBA:"].choose(rng)?;
            Some(format!("{name} {mark} {} {}", made_up.choose(rng)?, kinds.choose(rng)?))
        }
        Slip::AndForAmpersand => name.contains('&').then(|| spaced(&name.replace('&', " and "))),
        Slip::AmpersandForAnd => {
            let words: Vec<&str> =
                name.split_whitespace().map(|word| if bare(word) == "and" { "&" } else { word }).collect();
            words.contains(&"&").then(|| words.join(" ")).filter(|typed| typed != name)
        }
        Slip::DoubledLetter => edit(name, rng, |letters, at, _| letters.insert(at, letters[at])),
        Slip::MissingLetter => edit(name, rng, |letters, at, _| {
            letters.remove(at);
        }),
        Slip::SwappedLetters => swap(name, rng),
        Slip::AccentsDecomposed => accents(
            name,
            rng,
            &[('e', "e\u{301}"), ('o', "o\u{308}"), ('a', "a\u{300}"), ('n', "n\u{303}"), ('c', "c\u{327}")],
        ),
        Slip::AccentsComposed => accents(name, rng, &[('e', "é"), ('o', "ö"), ('a', "à"), ('n', "ñ"), ('c', "ç")]),
        Slip::LostLetter => edit(name, rng, |letters, at, _| letters[at] = '\u{FFFD}'),
        Slip::FullWidth => Some(
            name.chars()
                .map(|c| match c {
                    '!'..='~' => char::from_u32(c as u32 + 0xFEE0).unwrap_or(c),
                    ' ' => '\u{3000}',
                    other => other,
                })
                .collect(),
        ),
        Slip::LegalFormDropped => without_form(name),
        Slip::LegalFormChanged => {
            let plain = without_form(name)?;
            let form = OTHER_FORMS.choose(rng)?;
            Some(format!("{plain}, {form}"))
        }
        Slip::WordsJoined => {
            let words: Vec<&str> = name.split_whitespace().collect();
            let at = rng.random_range(0..words.len().checked_sub(1).filter(|n| *n > 0)?);
            let joined = format!("{}{}", words[at], words[at + 1]);
            let mut all: Vec<&str> = words.clone();
            all.remove(at + 1);
            Some(with(&all, at, &joined))
        }
        Slip::AllWordsJoined => {
            let plain = without_form(name).unwrap_or_else(|| name.to_owned());
            let joined: String = plain.split_whitespace().collect();
            (joined.len() < plain.len()).then_some(joined)
        }
        Slip::WordSplit => {
            let words: Vec<&str> = name.split_whitespace().collect();
            let at = *longest_places(&words, 6).choose(rng)?;
            let letters: Vec<char> = words[at].chars().collect();
            let cut = rng.random_range(3..=letters.len() - 3);
            let split =
                format!("{} {}", letters[..cut].iter().collect::<String>(), letters[cut..].iter().collect::<String>());
            Some(with(&words, at, &split))
        }
        Slip::WordOrderChanged => {
            let mut words: Vec<&str> = name.split_whitespace().collect();
            let before = words.clone();
            (words.len() > 1).then_some(())?;
            for _ in 0..8 {
                words.shuffle(rng);
                if words != before {
                    return Some(words.join(" "));
                }
            }
            None
        }
        Slip::ExtraWord => {
            let extra =
                ["Ohio", "Holdings", "Wholesale", "Quokka", "Tangerine", "USA", "Zebra", "Trunking", "West", "Voice"];
            let mut words: Vec<&str> = name.split_whitespace().collect();
            words.insert(rng.random_range(0..=words.len()), extra.choose(rng)?);
            Some(words.join(" "))
        }
        Slip::OneWordMissing => {
            let mut words: Vec<&str> = name.split_whitespace().collect();
            let telling = words.iter().filter(|word| !FORMS.contains(&bare(word).as_str())).count();
            (telling >= 3).then_some(())?;
            words.remove(rng.random_range(0..words.len()));
            Some(words.join(" "))
        }
    }
}

fn bare(word: &str) -> String {
    word.trim_matches(|c: char| c == ',' || c == '(' || c == ')').to_lowercase()
}

fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn with(words: &[&str], at: usize, word: &str) -> String {
    let all: Vec<&str> = words.iter().enumerate().map(|(place, old)| if place == at { word } else { old }).collect();
    all.join(" ")
}

fn longest_places(words: &[&str], least: usize) -> Vec<usize> {
    let long = |word: &&str| word.len() >= least && word.bytes().all(|b| b.is_ascii_alphanumeric());
    words.iter().enumerate().filter(|(_, word)| long(word)).map(|(at, _)| at).collect()
}

fn another(letter: char, rng: &mut ChaCha8Rng) -> char {
    let first = if letter.is_ascii_uppercase() { b'A' } else { b'a' };
    let shift = rng.random_range(1..26u8);
    char::from(first + (letter.to_ascii_lowercase() as u8 - b'a' + shift) % 26)
}

/// Changes a letter of the name that is not of its legal form.
fn edit(name: &str, rng: &mut ChaCha8Rng, change: impl Fn(&mut Vec<char>, usize, &mut ChaCha8Rng)) -> Option<String> {
    let mut letters: Vec<char> = name.chars().collect();
    let places: Vec<usize> = (0..letters.len()).filter(|at| letters[*at].is_ascii_alphabetic()).collect();
    let at = *places.choose(rng)?;
    change(&mut letters, at, rng);
    Some(letters.into_iter().collect())
}

fn swap(name: &str, rng: &mut ChaCha8Rng) -> Option<String> {
    let mut letters: Vec<char> = name.chars().collect();
    let places: Vec<usize> = (0..letters.len().saturating_sub(1))
        .filter(|at| {
            let (left, right) = (letters[*at], letters[*at + 1]);
            left.is_ascii_alphanumeric() && right.is_ascii_alphanumeric() && !left.eq_ignore_ascii_case(&right)
        })
        .collect();
    let at = *places.choose(rng)?;
    letters.swap(at, at + 1);
    Some(letters.into_iter().collect())
}

fn typo(name: &str, rng: &mut ChaCha8Rng) -> Option<String> {
    match rng.random_range(0..4) {
        0 => edit(name, rng, |letters, at, rng| letters[at] = another(letters[at], rng)),
        1 => edit(name, rng, |letters, at, rng| letters.insert(at, another('a', rng))),
        2 => edit(name, rng, |letters, at, _| {
            letters.remove(at);
        }),
        _ => swap(name, rng),
    }
}

fn accents(name: &str, rng: &mut ChaCha8Rng, marks: &[(char, &str)]) -> Option<String> {
    let typed: String = name
        .chars()
        .map(|c| match marks.iter().find(|(plain, _)| *plain == c.to_ascii_lowercase()) {
            Some((_, marked)) if rng.random_bool(0.5) => (*marked).to_owned(),
            _ => c.to_string(),
        })
        .collect();
    (typed != name).then_some(typed)
}

fn without_form(name: &str) -> Option<String> {
    let words: Vec<&str> = name.split_whitespace().collect();
    let (last, rest) = words.split_last()?;
    (!rest.is_empty() && FORMS.contains(&bare(last).as_str())).then(|| rest.join(" ").trim_end_matches(',').to_owned())
}
