//! All names of a listing, made ready to be searched: the words of each, and the names with each word and with each three
//! letters.
//!
//! Everything stands in a few long rows of numbers: for the 16,000 names of 10,000 filings under 3 MB.

use std::collections::BTreeMap;

use super::vocabulary::{self, Meanings};

/// Letters, digits and a lost letter.
const SIGNS: u32 = 37;

/// So many signs of a name count where it is written together.
const LONGEST_KEY: usize = 64;

/// A legal form says so little of what another word as rare says.
const FORM_WEIGHT: f32 = 0.12;

/// A word that some name has.
#[derive(Debug)]
pub struct Word {
    start: u32,
    length: u8,
    /// Whether it is a legal form, unless it comes first.
    form: bool,
    /// What finding it says: from nearly 0 for what is in all names to 1 for what is in one.
    weight: f32,
    /// Which signs it has.
    pub letters: u64,
    /// What it is short for, or long for.
    pub meanings: Meanings,
}

/// A name, by its words.
#[derive(Debug)]
struct Name {
    owner: u32,
    kind: u8,
    count: u8,
    key_length: u8,
    words: u32,
    /// The signs of its key.
    letters: u64,
    /// How much its key has of what others do not.
    norm: f32,
}

/// Rows of places, one after another.
#[derive(Debug, Default)]
struct Rows {
    starts: Vec<u32>,
    places: Vec<u32>,
}

impl Rows {
    /// Sorts pairs of a row and a place into so many rows.
    fn sort(rows: usize, pairs: &[(u32, u32)]) -> Self {
        let mut starts = vec![0u32; rows + 1];
        for (row, _) in pairs {
            if let Some(count) = starts.get_mut(*row as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut places = vec![0; pairs.len()];
        for (row, place) in pairs {
            if let Some(at) = next.get_mut(*row as usize) {
                if let Some(slot) = places.get_mut(*at as usize) {
                    *slot = *place;
                }
                *at += 1;
            }
        }
        Self { starts, places }
    }

    fn row(&self, row: u32) -> &[u32] {
        let bounds = self.starts.get(row as usize).zip(self.starts.get(row as usize + 1));
        bounds.and_then(|(start, end)| self.places.get(*start as usize..*end as usize)).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub struct Names {
    text: String,
    /// By their letters.
    words: Vec<Word>,
    names: Vec<Name>,
    of_names: Vec<u32>,
    by_word: Rows,
    by_gram: Rows,
}

/// Names on their way into an index.
#[derive(Debug, Default)]
pub struct NamesBuilder {
    ids: BTreeMap<String, u32>,
    names: Vec<Name>,
    of_names: Vec<u32>,
}

impl NamesBuilder {
    /// Adds a name by its words: whose it is, and how it is theirs.
    pub fn add(&mut self, owner: u32, kind: u8, words: &[String]) {
        let start = self.of_names.len() as u32;
        for word in words {
            let next = self.ids.len() as u32;
            let id = match self.ids.get(word) {
                Some(id) => *id,
                None => *self.ids.entry(word.clone()).or_insert(next),
            };
            self.of_names.push(id);
        }
        let count = u8::try_from(words.len()).unwrap_or(u8::MAX);
        self.names.push(Name { owner, kind, count, key_length: 0, words: start, letters: 0, norm: 1.0 });
    }

    /// Makes all of them ready.
    pub fn build(self) -> Names {
        let mut names = Names { names: self.names, of_names: self.of_names, ..Names::default() };
        let mut sorted = vec![0u32; self.ids.len()];
        for ((word, id), place) in self.ids.iter().zip(0u32..) {
            if let Some(slot) = sorted.get_mut(*id as usize) {
                *slot = place;
            }
            names.words.push(Word {
                start: names.text.len() as u32,
                length: word.len() as u8,
                form: vocabulary::is_form(word),
                weight: 0.0,
                letters: letters(word.bytes()),
                meanings: vocabulary::meanings(word),
            });
            names.text.push_str(word);
        }
        names.text.shrink_to_fit();
        for id in &mut names.of_names {
            *id = sorted.get(*id as usize).copied().unwrap_or_default();
        }
        names.index_words();
        names.weigh();
        names.index_grams();
        names
    }
}

/// Which signs these are, as bits.
pub fn letters(text: impl Iterator<Item = u8>) -> u64 {
    text.fold(0, |letters, sign| letters | 1 << sign_of(sign))
}

fn sign_of(byte: u8) -> u32 {
    match byte {
        b'a'..=b'z' => u32::from(byte - b'a'),
        b'0'..=b'9' => u32::from(byte - b'0') + 26,
        _ => SIGNS - 1,
    }
}

/// The threes of signs in a key, once each.
fn grams(key: &[u8], into: &mut Vec<u32>) {
    into.clear();
    into.extend(key.windows(3).map(|three| three.iter().fold(0, |gram, sign| gram * SIGNS + sign_of(*sign))));
    into.sort_unstable();
    into.dedup();
}

/// Words written together, without legal forms. With each word comes whether it is one; the first never counts as one.
pub fn write_together<'a>(words: impl Iterator<Item = (&'a str, bool)>, into: &mut Vec<u8>) {
    into.clear();
    for (_, (word, _)) in words.enumerate().filter(|(at, (_, form))| *at == 0 || !form) {
        into.extend_from_slice(word.as_bytes());
    }
    into.truncate(LONGEST_KEY);
}

impl Names {
    fn index_words(&mut self) {
        let mut pairs = Vec::with_capacity(self.of_names.len());
        for (place, name) in (0u32..).zip(&self.names) {
            pairs.extend(self.words_of_name(name).iter().map(|id| (*id, place)));
        }
        self.by_word = Rows::sort(self.words.len(), &pairs);
    }

    /// Says how much finding each word says. Words of one meaning are as common as all of them together.
    fn weigh(&mut self) {
        let mut of_meanings = [0usize; 256];
        let counts: Vec<usize> = (0u32..).zip(&self.words).map(|(id, _)| self.by_word.row(id).len()).collect();
        let of = |word: &Word| usize::from(word.meanings.first());
        for (word, count) in self.words.iter().zip(&counts) {
            if let Some(sum) = of_meanings.get_mut(of(word)) {
                *sum += count;
            }
        }
        let all = self.names.len() as f32;
        for (word, count) in self.words.iter_mut().zip(counts) {
            let count = if of(word) == 0 { Some(count) } else { of_meanings.get(of(word)).copied() };
            let count = count.unwrap_or_default().max(1) as f32;
            let start = word.start as usize;
            let text = self.text.get(start..start + usize::from(word.length)).unwrap_or_default();
            word.weight =
                if vocabulary::is_little(text) { 0.1 } else { ((1.0 + all / count).ln() / (1.0 + all).ln()).max(0.1) };
        }
    }

    fn index_grams(&mut self) {
        let (mut key, mut of_key, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
        for place in 0..self.names.len() {
            let Some(name) = self.names.get(place) else { continue };
            self.write_key(self.words_of_name(name), &mut key);
            grams(&key, &mut of_key);
            pairs.extend(of_key.iter().map(|gram| (*gram, place as u32)));
            if let Some(name) = self.names.get_mut(place) {
                name.key_length = key.len() as u8;
                name.letters = letters(key.iter().copied());
            }
        }
        self.by_gram = Rows::sort((SIGNS * SIGNS * SIGNS) as usize, &pairs);
        let mut norms = vec![0f32; self.names.len()];
        for (gram, place) in pairs {
            if let Some(norm) = norms.get_mut(place as usize) {
                *norm += self.gram_weight(gram);
            }
        }
        for (name, norm) in self.names.iter_mut().zip(norms) {
            name.norm = norm.max(1.0).powf(0.25);
        }
    }

    /// What it says that two keys have these three signs in common.
    fn gram_weight(&self, gram: u32) -> f32 {
        let count = self.by_gram.row(gram).len().max(1) as f32;
        (1.0 + self.names.len() as f32 / count).ln().powi(2)
    }

    fn words_of_name(&self, name: &Name) -> &[u32] {
        let start = name.words as usize;
        self.of_names.get(start..start + usize::from(name.count)).unwrap_or_default()
    }

    /// How many words there are.
    pub fn words(&self) -> usize {
        self.words.len()
    }

    /// Whose name it is, and how it is theirs.
    pub fn owner(&self, place: u32) -> Option<(u32, u8)> {
        self.names.get(place as usize).map(|name| (name.owner, name.kind))
    }

    /// The words of a name.
    pub fn words_of(&self, place: u32) -> &[u32] {
        self.names.get(place as usize).map_or(&[], |name| self.words_of_name(name))
    }

    pub fn word(&self, id: u32) -> Option<&Word> {
        self.words.get(id as usize)
    }

    /// What finding this word says at this place of a name.
    pub fn weight(&self, id: u32, at: usize) -> f32 {
        match self.word(id) {
            Some(word) if self.is_form(id, at) => word.weight * FORM_WEIGHT,
            Some(word) => word.weight,
            None => 0.0,
        }
    }

    /// Whether this word is a legal form at this place of a name. The first word never is.
    pub fn is_form(&self, id: u32, at: usize) -> bool {
        at > 0 && self.word(id).is_some_and(|word| word.form)
    }

    /// A word's letters.
    pub fn text_of(&self, id: u32) -> &str {
        let Some(word) = self.word(id) else { return "" };
        self.text.get(word.start as usize..word.start as usize + usize::from(word.length)).unwrap_or_default()
    }

    /// The word of these letters.
    pub fn find(&self, text: &str) -> Option<u32> {
        let own = |word: &Word| self.text.get(word.start as usize..word.start as usize + usize::from(word.length));
        let place = self.words.binary_search_by(|word| own(word).unwrap_or_default().cmp(text)).ok()?;
        u32::try_from(place).ok()
    }

    /// The names that have this word.
    pub fn with_word(&self, id: u32) -> &[u32] {
        self.by_word.row(id)
    }

    /// Writes words together, without legal forms.
    pub fn write_key(&self, words: &[u32], into: &mut Vec<u8>) {
        let form = |id: u32| self.word(id).is_some_and(|word| word.form);
        write_together(words.iter().map(|id| (self.text_of(*id), form(*id))), into);
    }

    /// Writes words together, all of them.
    pub fn write_whole(&self, words: &[u32], into: &mut Vec<u8>) {
        write_together(words.iter().map(|id| (self.text_of(*id), false)), into);
    }

    /// The names that have the most in common with a key, so many at most.
    pub fn like(&self, key: &[u8], most: usize) -> Vec<u32> {
        let mut of_key = Vec::new();
        grams(key, &mut of_key);
        let mut common = vec![0f32; self.names.len()];
        let mut met = Vec::new();
        for gram in of_key {
            let weight = self.gram_weight(gram);
            for place in self.by_gram.row(gram) {
                if let Some(common) = common.get_mut(*place as usize) {
                    if *common == 0.0 {
                        met.push(*place);
                    }
                    *common += weight;
                }
            }
        }
        let share = |place: u32| {
            let norm = self.names.get(place as usize).map_or(1.0, |name| name.norm);
            common.get(place as usize).copied().unwrap_or_default() / norm
        };
        if met.len() > most {
            met.select_nth_unstable_by(most, |left, right| {
                share(*right).total_cmp(&share(*left)).then(left.cmp(right))
            });
            met.truncate(most);
        }
        met
    }

    /// The names whose key is about as long and of about the same letters.
    pub fn near(&self, key: &[u8]) -> impl Iterator<Item = u32> {
        let (length, own) = (key.len(), letters(key.iter().copied()));
        let (longer, others) = if length <= 5 { (2, 3) } else { (3, 5) };
        (0u32..).zip(&self.names).filter_map(move |(place, name)| {
            let near =
                usize::from(name.key_length).abs_diff(length) <= longer && (name.letters ^ own).count_ones() <= others;
            near.then_some(place)
        })
    }
}
