//! What the published files say, read by the csv crate alone: the filings, when each stood, and whose they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

/// What a cell of choice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Said {
    Yes,
    No,
    Blank,
    /// Something else.
    Other,
}

impl Said {
    fn read(cell: &str) -> Self {
        match cell.trim() {
            "Yes" => Self::Yes,
            "No" => Self::No,
            "" => Self::Blank,
            _ => Self::Other,
        }
    }
}

/// The capacity in which calls are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Voice,
    Gateway,
    Intermediate,
}

/// Who is asked about, or what a note is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    Frn(String),
    Number(String),
}

/// A time in which a filing stood: from the first listing with it to the first without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell {
    pub from: Timestamp,
    pub last_seen: Timestamp,
    pub until: Option<Timestamp>,
}

/// One filing, as it was last seen.
#[derive(Debug, Clone)]
pub struct Filing {
    pub number: String,
    pub frn: Option<String>,
    pub roles: [Said; 3],
    pub foreign: Said,
    /// Registration numbers in the free text, in ten digits.
    pub others: Vec<String>,
    /// Absent where the listing has no such column.
    pub recertified: Option<String>,
    pub spells: Vec<Spell>,
    /// Whether it stood in the first listing of all.
    pub from_the_start: bool,
}

impl Filing {
    pub fn stands(&self) -> bool {
        self.spells.last().is_some_and(|spell| spell.until.is_none())
    }

    /// When it was first seen at all.
    pub fn known_since(&self) -> Timestamp {
        self.spells[0].from
    }

    /// Whether it stood at a moment.
    pub fn stood_at(&self, at: Timestamp) -> bool {
        self.spells.iter().any(|spell| spell.from <= at && spell.until.is_none_or(|until| at < until))
    }

    /// Whether it was missing at any moment at or after this one, having been known before it was missing.
    pub fn missing_since(&self, at: Timestamp) -> bool {
        !self.stood_at(at) || self.spells.iter().any(|spell| spell.until.is_some_and(|until| until >= at))
    }
}

/// All filings that were ever seen.
#[derive(Debug, Clone, Default)]
pub struct Model {
    filings: BTreeMap<String, Filing>,
    by_frn: HashMap<String, Vec<String>>,
    in_free_text: HashMap<String, BTreeSet<String>>,
    /// All digits of all free text, where a number that is made up must not be.
    free_digits: BTreeSet<String>,
    pub seen: Vec<Timestamp>,
}

impl Model {
    /// Takes in the next listing. At every listing before it this one was not known.
    pub fn see(&mut self, published: &[u8], at: Timestamp) {
        let text = String::from_utf8_lossy(published);
        let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let header = reader.headers().expect("a header").clone();
        let place = |column: &str| header.iter().position(|name| name.trim() == column);
        let cell = |row: &csv::StringRecord, column: &str| {
            place(column).and_then(|place| row.get(place)).map(|cell| cell.trim().to_owned())
        };
        let mut now = BTreeSet::new();
        for row in reader.records() {
            let row = row.expect("a row");
            let get = |column: &str| cell(&row, column).unwrap_or_default();
            let number = get("number");
            let roles = ["voice_service_provider_choice", "gateway_provider_choice", "intermediate_provider_choice"];
            let before = self.filings.remove(&number);
            let filing = Filing {
                frn: Some(get("frn")).filter(|frn| !frn.is_empty()),
                roles: roles.map(|column| Said::read(&get(column))),
                foreign: Said::read(&get("foreign_voice_provider")),
                others: numbers_in(&get("other_frns")),
                recertified: cell(&row, "last_recertified"),
                from_the_start: before.as_ref().map_or(self.seen.is_empty(), |before| before.from_the_start),
                spells: before.map(|before| before.spells).unwrap_or_default(),
                number: number.clone(),
            };
            let text = get("other_frns");
            self.free_digits.extend(text.split(|sign: char| !sign.is_ascii_digit()).map(str::to_owned));
            now.insert(number.clone());
            self.filings.insert(number, filing);
        }
        for filing in self.filings.values_mut() {
            match (now.contains(&filing.number), filing.spells.last_mut()) {
                (true, Some(spell)) if spell.until.is_none() => spell.last_seen = at,
                (true, _) => filing.spells.push(Spell { from: at, last_seen: at, until: None }),
                (false, Some(spell)) if spell.until.is_none() => {
                    // The source confirmed the listing before it up to its own time, and no later.
                    spell.until = Some(at);
                }
                (false, _) => {}
            }
        }
        self.seen.push(at);
        self.sort();
    }

    fn sort(&mut self) {
        self.by_frn.clear();
        self.in_free_text.clear();
        for filing in self.filings.values() {
            if let Some(frn) = &filing.frn {
                self.by_frn.entry(frn.clone()).or_default().push(filing.number.clone());
            }
            for other in filing.others.iter().filter(|_| filing.stands()) {
                self.in_free_text.entry(other.clone()).or_default().insert(filing.number.clone());
            }
        }
    }

    pub fn filings(&self) -> impl Iterator<Item = &Filing> {
        self.filings.values()
    }

    /// The filings of the provider that is meant: all that bear its registration number, whichever way it was named.
    pub fn provider(&self, who: &Who) -> Vec<&Filing> {
        let frn = match who {
            Who::Frn(frn) => Some(frn.clone()),
            Who::Number(number) => match self.filings.get(number) {
                Some(Filing { frn: Some(frn), .. }) => Some(frn.clone()),
                Some(filing) => return vec![filing],
                None => None,
            },
        };
        let numbers = frn.and_then(|frn| self.by_frn.get(&frn)).map_or(&[][..], Vec::as_slice);
        numbers.iter().filter_map(|number| self.filings.get(number)).collect()
    }

    /// The standing filings in whose free text the registration number is that is asked about.
    pub fn candidates(&self, who: &Who) -> Vec<&str> {
        let Who::Frn(frn) = who else { return Vec::new() };
        self.in_free_text.get(frn).into_iter().flatten().map(String::as_str).collect()
    }

    /// Every provider that there ever was, by all of its numbers, standing or gone.
    pub fn providers(&self) -> Vec<Vec<Who>> {
        let mut all: Vec<Vec<Who>> = Vec::new();
        let mut frns: Vec<(&String, &Vec<String>)> = self.by_frn.iter().collect();
        frns.sort();
        for (frn, numbers) in frns {
            all.push([Who::Frn(frn.clone())].into_iter().chain(numbers.iter().cloned().map(Who::Number)).collect());
        }
        let nameless = self.filings.values().filter(|filing| filing.frn.is_none());
        all.extend(nameless.map(|filing| vec![Who::Number(filing.number.clone())]));
        all
    }

    /// Registration numbers in free text that are no filing's own, now or ever.
    pub fn only_in_free_text(&self) -> Vec<String> {
        let mut only: Vec<String> =
            self.in_free_text.keys().filter(|frn| !self.by_frn.contains_key(*frn)).cloned().collect();
        only.sort();
        only
    }

    /// Identities that are nobody's.
    pub fn nobody(&self, count: u32) -> Vec<Who> {
        let frns = (0..count).map(|n| format!("{:010}", 97_310_000 + u64::from(n) * 37));
        let unused = frns.filter(|frn| {
            let zeros = frn.trim_start_matches('0');
            !self.by_frn.contains_key(frn) && !self.free_digits.iter().any(|digits| digits.contains(zeros))
        });
        let numbers = (0..count).map(|n| format!("RMD98{n:05}")).filter(|number| !self.filings.contains_key(number));
        unused.map(Who::Frn).chain(numbers.map(Who::Number)).collect()
    }
}

/// The registration numbers in free text, as far as anybody would say for certain that they are some: ten digits, the
/// three groups that the FCC writes, or seven or eight digits of a number that lost its zeros.
fn numbers_in(text: &str) -> Vec<String> {
    let words = text.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '-'));
    words
        .filter_map(|word| {
            let groups: Vec<usize> = word.split('-').map(str::len).collect();
            let grouped = groups == [4, 4, 2];
            let digits: String = word.chars().filter(|sign| *sign != '-').collect();
            let certain = grouped || (groups.len() == 1 && matches!(digits.len(), 7 | 8 | 10));
            (certain && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| format!("{digits:0>10}"))
        })
        .filter(|frn| frn.bytes().any(|byte| byte != b'0'))
        .collect()
}

#[test]
fn the_oracle_reads_free_text_as_a_hand_does() {
    assert_eq!(numbers_in("0028844892 (Example International Inc.)"), ["0028844892"]);
    assert_eq!(numbers_in("0003-7348-11"), ["0003734811"]);
    assert_eq!(numbers_in("3734811; 20237343\r\n0000000000"), ["0003734811", "0020237343"]);
    assert_eq!(numbers_in("00012345678, see list in attached RMP, 1-800, none"), [""; 0]);
}
