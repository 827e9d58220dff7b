//! What is odd about single rows, whatever they are compared with.

use std::collections::HashMap;
use std::sync::Arc;

use super::compare::{Compared, Tally, has_unknown_text};
use super::dates::Dates;
use super::doubt::{Doubt, Oddity, Resolution};
use super::{UNUSUAL_FLOOR, exceeds};
use crate::domain::{Filing, Frn, Listing, RmdNumber};

/// Rows whose numbers stand twice may be so many: more are two files in one.
const REPEATED: usize = 3;
/// So many filings share an FRN at the most; in real listings four.
const SHARE_AN_FRN: usize = 20;
/// Above this share, in percent, it takes more than an alarm.
const MANY_PERCENT: f64 = 1.0;

/// What only the file shows.
pub struct Odd {
    repeated: usize,
    undecoded: usize,
}

impl Odd {
    /// Reads it.
    pub fn of(listing: &Listing) -> Self {
        Self { repeated: listing.repeated, undecoded: listing.undecoded }
    }

    /// What there is to doubt about single rows.
    pub fn doubts(&self, compared: &Compared, dates: &Dates) -> Vec<Doubt> {
        let filings = &compared.filings;
        let rows = filings.len();
        let mut doubts = Vec::new();
        let mut doubt = |oddity, count: usize, examples: Vec<RmdNumber>, resolution: Option<Resolution>| {
            doubts.extend(resolution.map(|resolution| Doubt::Rows { oddity, count, examples, resolution }));
        };
        let some = |tally: &Tally| tally.examples.iter().map(|example| example.number).collect::<Vec<_>>();
        let few_or_many = |count: usize, alarms_from: usize| match count {
            count if count > UNUSUAL_FLOOR => Some(Resolution::Person),
            count => (count >= alarms_from).then_some(Resolution::Alarm),
        };
        doubt(
            Oddity::RepeatedNumber,
            self.repeated,
            Vec::new(),
            (self.repeated > REPEATED).then_some(Resolution::Person),
        );
        let undecoded = match self.undecoded {
            0 => None,
            count if count <= UNUSUAL_FLOOR => Some(Resolution::Alarm),
            count if exceeds(count, rows, MANY_PERCENT) => Some(Resolution::Person),
            _ => Some(Resolution::SecondCopy),
        };
        doubt(Oddity::Undecoded, self.undecoded, Vec::new(), undecoded);
        let ahead = Named::which(filings, |filing| dates.is_ahead(filing));
        doubt(Oddity::DatedAhead, ahead.count, ahead.some, few_or_many(ahead.count, 1));
        let back = compared.dated_back.count;
        doubt(Oddity::DatedBack, back, some(&compared.dated_back), few_or_many(back, 3));
        let entries = compared.other_entry.count;
        doubt(Oddity::OtherEntry, entries, some(&compared.other_entry), few_or_many(entries, 1));
        let unknown = Named::which(filings, has_unknown_text);
        // Nothing is served without a first listing, and no text that is unknown is taken for an answer.
        let many = compared.newly_unknown > UNUSUAL_FLOOR;
        let resolution = if many { Some(Resolution::Person) } else { (unknown.count > 0).then_some(Resolution::Alarm) };
        doubt(Oddity::UnknownText, unknown.count, unknown.some, resolution);
        let without = Named::which(filings, |filing| filing.frn().is_none());
        let first = compared.common == 0 && exceeds(without.count, rows, MANY_PERCENT);
        doubt(
            Oddity::NoFrn,
            without.count,
            without.some,
            (without.count > UNUSUAL_FLOOR && first).then_some(Resolution::Person),
        );
        let (shared, numbers) = most_shared(filings);
        doubt(Oddity::SharedFrn, shared, numbers, (shared > SHARE_AN_FRN).then_some(Resolution::Person));
        doubts
    }
}

/// How many filings are so, and some of them.
struct Named {
    count: usize,
    some: Vec<RmdNumber>,
}

impl Named {
    fn which(filings: &[Arc<Filing>], is_so: impl Fn(&Filing) -> bool) -> Self {
        let mut named = Self { count: 0, some: Vec::new() };
        for filing in filings.iter().filter(|filing| is_so(filing)) {
            named.count += 1;
            if named.some.len() < 3 {
                named.some.push(filing.number());
            }
        }
        named
    }
}

/// How many filings share one FRN at the most, and some of them.
fn most_shared(filings: &[Arc<Filing>]) -> (usize, Vec<RmdNumber>) {
    let mut counts: HashMap<Frn, usize> = HashMap::with_capacity(filings.len());
    for frn in filings.iter().filter_map(|filing| filing.frn()) {
        *counts.entry(frn).or_default() += 1;
    }
    let Some((frn, count)) = counts.into_iter().max_by_key(|(frn, count)| (*count, *frn)) else {
        return (0, Vec::new());
    };
    let sharing = filings.iter().filter(|filing| filing.frn() == Some(frn)).take(3);
    (count, sharing.map(|filing| filing.number()).collect())
}
