//! A listing that was fetched and not applied, because it is hard to believe.

use jiff::{SignedDuration, Timestamp};

use super::{EARLIEST, Sha256Digest, is_ahead};

/// What a listing that was not applied waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Awaits {
    /// A second copy that says the same.
    SecondCopy,
    /// A person who lets it through.
    Person,
}

impl Awaits {
    /// The word in JSON and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SecondCopy => "second_copy",
            Self::Person => "person",
        }
    }
}

/// A listing that was fetched and not applied. Its bytes are in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldListing {
    /// Digest of the published bytes: by it a person lets the listing through.
    pub sha256: Sha256Digest,
    /// Where the bytes came from.
    pub source: String,
    /// How many bytes were published.
    pub bytes: u64,
    /// How many filings it holds.
    pub filings: u64,
    /// How many standing filings would be gone.
    pub gone: u64,
    /// When these bytes were first fetched.
    pub first_fetched_at: Timestamp,
    /// When they were last fetched.
    pub last_fetched_at: Timestamp,
    /// How often they were fetched.
    pub times: u64,
    /// What makes it hard to believe, a clause each.
    pub doubts: Vec<String>,
    /// What it waits for.
    pub awaits: Awaits,
    /// What applying it would change for the operator's own peers; nothing where that was not asked.
    pub peers: Option<PeersAffected>,
}

/// What a listing would change for the operator's own peers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeersAffected {
    /// How many peers were asked about.
    pub peers: u64,
    /// How many of them are not refused now and would be.
    pub newly_refused: u64,
    /// How many are not accepted now and would be.
    pub newly_accepted: u64,
    /// The first of those that would be refused, by name.
    pub refused: Vec<String>,
    /// How many peers would be answered otherwise if they were asked about in some role, their own or another.
    pub in_some_role: u64,
    /// How many providers would be, peers or not.
    pub providers: u64,
}

/// Clauses as a list: one as it is, several each as a sentence with its number.
pub fn listed(clauses: &[String]) -> String {
    let sentence = |(place, clause): (usize, &String)| {
        let mut letters = clause.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        format!("({}) {first}{}", place + 1, letters.as_str())
    };
    match clauses {
        [] => String::new(),
        [one] => one.clone(),
        many => many.iter().enumerate().map(sentence).collect::<Vec<_>>().join(". "),
    }
}

/// No fetch tells more of how long a listing has been published than this: the clock may have leapt between two.
const MOST_BETWEEN: SignedDuration = SignedDuration::from_hours(24);

impl HeldListing {
    /// One of which a test says only what it is about.
    #[cfg(test)]
    pub fn made_up() -> Self {
        Self {
            sha256: Sha256Digest([0; 32]),
            source: String::new(),
            bytes: 0,
            filings: 0,
            gone: 0,
            first_fetched_at: EARLIEST,
            last_fetched_at: EARLIEST,
            times: 1,
            doubts: Vec::new(),
            awaits: Awaits::Person,
            peers: None,
        }
    }

    /// When a listing that came at `at` was first and last fetched, if this is `known` of it. What lies ahead, or before
    /// this program existed, was told by a clock that was wrong: then its time begins anew.
    pub fn times(known: Option<&Self>, at: Timestamp) -> (Timestamp, Timestamp) {
        let Some(known) = known else { return (at, at) };
        if at < EARLIEST {
            return (known.first_fetched_at, known.last_fetched_at.max(at));
        }
        let first = known.first_fetched_at;
        (if first < EARLIEST || is_ahead(first, at) { at } else { first }, at)
    }

    /// How long the source has gone on publishing it, as far as its fetches tell.
    pub fn stood(&self) -> SignedDuration {
        let fetches = i32::try_from(self.times.saturating_sub(1)).unwrap_or(i32::MAX);
        let most = MOST_BETWEEN.checked_mul(fetches).unwrap_or(SignedDuration::MAX);
        self.last_fetched_at.duration_since(self.first_fetched_at).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn held(first: &str, last: &str, times: u64) -> HeldListing {
        HeldListing { first_fetched_at: time(first), last_fetched_at: time(last), times, ..HeldListing::made_up() }
    }

    #[test]
    fn several_doubts_are_each_a_sentence_with_its_number() {
        let doubts = ["the end is missing", "`frn` changes in 3 filings"].map(str::to_owned);
        assert_eq!(listed(&[]), "");
        assert_eq!(listed(&doubts[..1]), "the end is missing");
        assert_eq!(listed(&doubts), "(1) The end is missing. (2) `frn` changes in 3 filings");
    }

    #[test]
    fn a_clock_that_leaps_lets_no_listing_have_stood_for_years() {
        let hours = SignedDuration::from_hours;
        assert_eq!(held("2026-11-20T00:00:00Z", "2026-11-23T00:00:00Z", 73).stood(), hours(72));
        assert_eq!(held("2026-11-20T00:00:00Z", "2031-11-23T00:00:00Z", 2).stood(), hours(24));
        assert!(held("2031-11-20T00:00:00Z", "2026-11-23T00:00:00Z", 9).stood() < hours(0));
    }

    #[test]
    fn times_that_a_wrong_clock_told_begin_anew() {
        let now = time("2026-11-26T00:00:00Z");
        let first = "2026-11-20T00:00:00Z";
        let of = |first: &str, at| HeldListing::times(Some(&held(first, first, 1)), at);
        assert_eq!(HeldListing::times(None, now), (now, now));
        assert_eq!(of(first, now), (time(first), now));
        assert_eq!(of("2031-01-01T00:00:00Z", now), (now, now));
        assert_eq!(of("1970-01-01T00:00:00Z", now), (now, now));
        assert_eq!(of(first, Timestamp::UNIX_EPOCH), (time(first), time(first)), "it is now that is wrong");
    }
}
