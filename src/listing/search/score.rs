//! How like a name is to what was asked for.
//!
//! Two views of it: word by word, where words may stand in any order, be abbreviated, mistyped, missing or too many; and
//! written together, where it does not count how the letters are parted into words. The better one weighs most.

use rapidfuzz::distance::osa::{self, BatchComparator};

use super::names::{Names, letters, write_together};
use super::vocabulary::{self, Meanings};

/// Words less alike than this are two words.
const LEAST_ALIKE: f32 = 0.4;

/// A name that has every word that was asked for is at least so like it.
const HAS_ALL: f32 = 0.9;

/// Words written together and apart are the same so far.
const JOINED: f32 = 0.98;

/// So alike must words be that one has joined, to be taken for mistyped.
const LEAST_JOINED: f32 = 0.8;

/// What is asked for and not in the name counts so much against it, and what is in the name and was not asked for so much.
const LEFT_ASKED: f32 = 0.6;
const LEFT_NAMED: f32 = 0.2;

/// What finding a word says that no name has, were it found.
const UNKNOWN_WEIGHT: f32 = 0.6;

/// A word asked for.
struct Asked {
    text: String,
    letters: u64,
    meanings: Meanings,
    /// What finding it says.
    weight: f32,
    /// Whether some name has just this word: then it is hardly mistyped.
    is_known: bool,
    is_form: bool,
    distance: BatchComparator<u8>,
    /// How like it is to each word of all names, in parts of [`WHOLE`], as far as that was asked.
    alike: Vec<u8>,
}

const WHOLE: f32 = 254.0;
const NOT_ASKED: u8 = 255;

/// What was asked for, ready to be compared with many names.
pub struct Question<'a> {
    names: &'a Names,
    words: Vec<Asked>,
    key: Vec<u8>,
    distance: BatchComparator<u8>,
    all_known: bool,
    /// Whether it names a legal form. If not, none counts.
    has_form: bool,
    buffer: Vec<u8>,
}

impl<'a> Question<'a> {
    /// Asks for a name of these words.
    pub fn new(names: &'a Names, words: &[String]) -> Self {
        let mut key = Vec::new();
        write_together(words.iter().map(|word| (word.as_str(), vocabulary::is_form(word))), &mut key);
        let words: Vec<Asked> = words.iter().enumerate().map(|(at, word)| Asked::new(names, word, at)).collect();
        Self {
            names,
            has_form: words.iter().skip(1).any(|word| word.is_form),
            all_known: words.iter().all(|word| word.is_known),
            words,
            distance: BatchComparator::new(key.iter().copied()),
            key,
            buffer: Vec::new(),
        }
    }

    /// Its words written together.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// From 0 to 1, where 1 is the same name.
    pub fn score(&mut self, place: u32) -> f32 {
        let of_name = self.names.words_of(place);
        let same = of_name.len() == self.words.len()
            && of_name.iter().zip(&self.words).all(|(id, asked)| self.names.text_of(*id) == asked.text);
        if same {
            return 1.0;
        }
        let ((by_words, has_all), together) = (self.by_words(of_name), self.together(of_name));
        let alike = by_words.max(together) * 0.85 + by_words.min(together) * 0.15;
        // A name with just these words, and others, is likelier than one with words that are like them.
        let alike = if has_all { HAS_ALL + (1.0 - HAS_ALL) * alike } else { alike };
        alike.min(0.999)
    }

    /// How like the two are when they are written together.
    fn together(&mut self, of_name: &[u32]) -> f32 {
        self.names.write_key(of_name, &mut self.buffer);
        let mut alike = self.alike();
        // A legal form may be joined to what was asked for: then it counts in the name, too.
        if self.words.len() <= 2 && of_name.len() > self.words.len() {
            self.names.write_whole(of_name, &mut self.buffer);
            alike = alike.max(self.alike());
        }
        // Words that some name has are hardly mistyped.
        let missing = (1.0 - alike) * if self.all_known { 1.8 } else { 1.2 };
        (1.0 - missing).max(0.0) * JOINED
    }

    fn alike(&self) -> f32 {
        let (asked, name) = (self.key.len(), self.buffer.len());
        let (shorter, longer) = (asked.min(name), asked.max(name));
        if shorter * 2 < longer {
            return 0.0;
        }
        1.0 - self.distance.distance(self.buffer.iter().copied()) as f32 / longer.max(1) as f32
    }

    /// How like the two are word by word, and whether the name has every word that was asked for.
    fn by_words(&mut self, of_name: &[u32]) -> (f32, bool) {
        let weight = |(at, id): (usize, &u32)| match self.has_form || !self.names.is_form(*id, at) {
            true => self.names.weight(*id, at),
            false => 0.0,
        };
        let weights: Vec<f32> = of_name.iter().enumerate().map(weight).collect();
        let mut fit = Fit::new(self.words.len(), of_name.len());
        self.join(&mut fit, of_name, &weights, 1.0);
        self.pair(&mut fit, of_name, &weights);
        self.join(&mut fit, of_name, &weights, LEAST_JOINED);
        let left = |weights: &mut dyn Iterator<Item = (f32, bool)>| -> f32 {
            weights.filter(|(_, found)| !found).map(|(weight, _)| weight).sum()
        };
        let asked = left(&mut self.words.iter().map(|word| word.weight).zip(fit.asked.iter().copied()));
        let named = left(&mut weights.iter().copied().zip(fit.name.iter().copied()));
        let all = fit.of + LEFT_ASKED * asked + LEFT_NAMED * named;
        (if fit.of == 0.0 { 0.0 } else { fit.found / all }, fit.same == self.words.len())
    }

    /// Finds for each word its likest, the most telling ones first.
    fn pair(&mut self, fit: &mut Fit, of_name: &[u32], weights: &[f32]) {
        let mut pairs: Vec<(f32, f32, usize, usize)> = Vec::new();
        for (i, asked) in self.words.iter_mut().enumerate().filter(|(i, _)| !fit.has_asked(*i)) {
            for (j, (id, weight)) in of_name.iter().zip(weights).enumerate().filter(|(j, _)| !fit.has_named(*j)) {
                let alike = asked.alike(self.names, *id);
                if alike >= LEAST_ALIKE {
                    // Where a name has a word twice, the nearer one is meant.
                    pairs.push((alike * weight - 0.001 * i.abs_diff(j) as f32, alike, i, j));
                }
            }
        }
        pairs.sort_unstable_by(|left, right| right.0.total_cmp(&left.0));
        for (_, alike, i, j) in pairs {
            if !fit.has_asked(i) && !fit.has_named(j) {
                fit.take(&[i], &[j], weights, alike);
            }
        }
    }

    /// Finds words that are written together on one side and apart on the other, at least so alike.
    fn join(&self, fit: &mut Fit, of_name: &[u32], weights: &[f32], least: f32) {
        let text = |j: usize| of_name.get(j).map_or("", |id| self.names.text_of(*id));
        let asked = |i: usize| self.words.get(i).map_or("", |word| word.text.as_str());
        for i in 0..self.words.len() {
            for j in 0..of_name.len() {
                if fit.has_asked(i) || fit.has_named(j) {
                    continue;
                }
                // Beyond the end all is taken.
                if !fit.has_asked(i + 1)
                    && let Some(alike) = closeness([asked(i), asked(i + 1)], text(j), least)
                {
                    fit.take(&[i, i + 1], &[j], weights, alike * JOINED);
                } else if !fit.has_named(j + 1)
                    && let Some(alike) = closeness([text(j), text(j + 1)], asked(i), least)
                {
                    fit.take(&[i], &[j, j + 1], weights, alike * JOINED);
                }
            }
        }
    }
}

/// Which words of both sides have found each other.
struct Fit {
    asked: Vec<bool>,
    name: Vec<bool>,
    /// What was found says so much, of so much that it could.
    found: f32,
    of: f32,
    /// So many words of the name are just those that were asked for.
    same: usize,
}

impl Fit {
    fn new(asked: usize, name: usize) -> Self {
        Self { asked: vec![false; asked], name: vec![false; name], found: 0.0, of: 0.0, same: 0 }
    }

    fn has_asked(&self, at: usize) -> bool {
        self.asked.get(at).copied().unwrap_or(true)
    }

    fn has_named(&self, at: usize) -> bool {
        self.name.get(at).copied().unwrap_or(true)
    }

    fn take(&mut self, asked: &[usize], name: &[usize], weights: &[f32], alike: f32) {
        for (all, taken) in [(&mut self.asked, asked), (&mut self.name, name)] {
            for at in taken {
                if let Some(found) = all.get_mut(*at) {
                    *found = true;
                }
            }
        }
        let weight: f32 = name.iter().filter_map(|at| weights.get(*at)).sum();
        self.same += usize::from(alike == 1.0);
        self.found += weight * alike;
        self.of += weight;
    }
}

/// How like two words written together are to one, if that is at least so much.
fn closeness(two: [&str; 2], one: &str, least: f32) -> Option<f32> {
    let [first, second] = two;
    let length = first.len() + second.len();
    if least == 1.0 {
        return (length == one.len() && one.starts_with(first) && one.ends_with(second)).then_some(1.0);
    }
    let longest = length.max(one.len());
    if (length.abs_diff(one.len()) as f32) > (1.0 - least) * longest as f32 {
        return None;
    }
    let distance = osa::distance(first.bytes().chain(second.bytes()), one.bytes());
    Some(1.0 - distance as f32 / longest as f32).filter(|alike| *alike >= least)
}

impl Asked {
    fn new(names: &Names, text: &str, at: usize) -> Self {
        let known = names.find(text);
        Self {
            text: text.to_owned(),
            letters: letters(text.bytes()),
            meanings: vocabulary::meanings(text),
            weight: known.map_or(UNKNOWN_WEIGHT, |id| names.weight(id, at)),
            is_known: known.is_some(),
            is_form: vocabulary::is_form(text),
            distance: BatchComparator::new(text.bytes()),
            alike: vec![NOT_ASKED; names.words()],
        }
    }

    /// How like it is to a word of a name, from 0 to 1.
    fn alike(&mut self, names: &Names, id: u32) -> f32 {
        let asked = self.alike.get(id as usize).copied().unwrap_or_default();
        if asked != NOT_ASKED {
            return f32::from(asked) / WHOLE;
        }
        let alike = self.compare(names, id);
        if let Some(asked) = self.alike.get_mut(id as usize) {
            *asked = (alike * WHOLE) as u8;
        }
        alike
    }

    fn compare(&self, names: &Names, id: u32) -> f32 {
        let (Some(word), other) = (names.word(id), names.text_of(id)) else { return 0.0 };
        if self.text == other {
            return 1.0;
        }
        if self.meanings.share(word.meanings) {
            return 0.95;
        }
        self.shortened(other).max(self.mistyped(other, word.letters))
    }

    /// How likely one is short for the other: its beginning, or some of its letters with the first.
    fn shortened(&self, other: &str) -> f32 {
        let own = self.text.as_str();
        let (short, long) = if own.len() < other.len() { (own, other) } else { (other, own) };
        if long.starts_with(short) {
            return match short.len() {
                1 => 0.5,
                2 => 0.6,
                length => 0.6 + 0.35 * length as f32 / long.len() as f32,
            };
        }
        let mut rest = long.bytes();
        let is_part = short.len() >= 2
            && long.len() >= 5
            && short.as_bytes().first() == long.as_bytes().first()
            && short.bytes().all(|sign| rest.any(|other| other == sign));
        if is_part { 0.6 } else { 0.0 }
    }

    /// How likely one is the other with typos.
    fn mistyped(&self, other: &str, letters: u64) -> f32 {
        let (shorter, longer) = (self.text.len().min(other.len()), self.text.len().max(other.len()));
        let edits = match longer {
            0..=3 => 1,
            4..=5 => 2,
            _ => 3 + longer / 12,
        };
        // An edit makes at most two letters other ones.
        let others = (self.letters ^ letters).count_ones() as usize;
        if longer - shorter > edits || others > 2 * edits {
            return 0.0;
        }
        // A letter that was lost is any letter.
        let lost = |text: &str| text.bytes().filter(|sign| *sign == b'?').count();
        let lost = lost(other).max(lost(&self.text));
        let distance = self.distance.distance(other.bytes()).saturating_sub(lost);
        if distance > edits {
            return 0.0;
        }
        let alike = (1.0 - distance as f32 / longer as f32).powf(1.5).min(0.97);
        if self.is_known { alike * 0.85 } else { alike }
    }
}
