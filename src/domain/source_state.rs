//! What is known of one source of the listing, from one cycle to the next.

use jiff::{SignedDuration, Timestamp};

use super::{CLOCK_TOLERANCE, Sha256Digest, is_ahead};

/// So long validators that were found to lie are not asked by.
pub const DISTRUST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Past this difference a source's clock and that of this machine are a day apart: one of them is wrong, and not by a few
/// minutes.
const FAR_APART: SignedDuration = SignedDuration::from_hours(24);

/// What a source said by which a later fetch can ask whether anything has changed. Opaque.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validators {
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    pub last_modified: Option<String>,
}

impl Validators {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }

    /// Whether these say that nothing has changed since the others. Only an `ETag` counts where both have one.
    pub fn claim_same_as(&self, other: &Self) -> bool {
        match (&self.etag, &other.etag) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => self.last_modified.is_some() && self.last_modified == other.last_modified,
        }
    }
}

/// Why a source gave no listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFault {
    /// Which source, without its secrets.
    pub source: String,
    /// The cause, in UPPER_SNAKE.
    pub kind: String,
    /// The cause in a sentence.
    pub error: String,
}

/// What is known of one source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceState {
    /// Which, without its secrets. No two sources of one configuration look the same without them.
    pub source: String,
    /// The validators of the last whole listing, and the digest of that listing. Only if that is the standing one may
    /// they be used.
    pub validators: Option<(Validators, Sha256Digest)>,
    /// Until when its validators are not believed, since they were found to lie.
    pub validators_distrusted_until: Option<Timestamp>,
    /// When it was last asked.
    pub last_asked_at: Option<Timestamp>,
    /// When it last answered, whatever it said.
    pub last_contact_at: Option<Timestamp>,
    /// When it last gave a listing or said that there is no newer one.
    pub last_success_at: Option<Timestamp>,
    /// When it last gave a listing whole.
    pub last_whole_at: Option<Timestamp>,
    /// How many cycles in a row it has failed.
    pub failures: u64,
    /// Why it last failed, if it has failed since it last succeeded.
    pub fault: Option<SourceFault>,
    /// It asked to be left alone until then.
    pub not_before: Option<Timestamp>,
    /// By how much its clock (`Date`) was ahead of this machine's when it last gave something; below zero, behind.
    pub clock_skew: Option<SignedDuration>,
}

impl SourceState {
    /// A source of which nothing is known.
    pub fn new(source: String) -> Self {
        Self { source, ..Self::default() }
    }

    /// The validators by which it may be asked whether the standing listing has changed.
    pub fn validators_for(&self, current: Option<Sha256Digest>, now: Timestamp) -> Option<&Validators> {
        let (validators, digest) = self.validators.as_ref()?;
        (Some(*digest) == current && !self.distrusted(now)).then_some(validators)
    }

    /// Whether its validators are not believed now.
    pub fn distrusted(&self, now: Timestamp) -> bool {
        self.validators_distrusted_until.is_some_and(|until| to_come_within(until, DISTRUST, now))
    }

    /// Until when it must be left alone, if that is still to come. `longest` is how long it may ask for at the longest:
    /// what lies further ahead was reckoned by a clock that was wrong, and is no wish of the source.
    pub fn left_alone_until(&self, longest: SignedDuration, now: Timestamp) -> Option<Timestamp> {
        self.not_before.filter(|until| to_come_within(*until, longest, now))
    }

    /// Whether its clock and that of this machine say different days: nothing rests on either then.
    pub fn contradicts_the_clock(&self) -> bool {
        self.clock_skew.is_some_and(|skew| skew.abs() > FAR_APART)
    }

    /// What its clock shows when this machine's says `now`: that, where it does not say. Nothing where no time is so late.
    pub fn its_time(&self, now: Timestamp) -> Option<Timestamp> {
        now.checked_add(self.clock_skew.unwrap_or(SignedDuration::ZERO)).ok()
    }

    /// The later of the times that this machine's clock, which says `now`, and the source's own have then. A stored time that
    /// lies ahead of `now` and not of this is no wrong one: this machine's clock is behind.
    pub fn latest(&self, now: Timestamp) -> Timestamp {
        self.its_time(now).map_or(now, |its| its.max(now))
    }

    /// Forgets when it was asked and what came of it where that lies ahead of now: it is not known.
    pub fn forget_what_is_ahead(&mut self, now: Timestamp) {
        let times =
            [&mut self.last_asked_at, &mut self.last_contact_at, &mut self.last_success_at, &mut self.last_whole_at];
        for time in times {
            *time = time.filter(|time| !is_ahead(*time, now));
        }
    }

    /// Whether a listing is to be fetched whole, so that validators that lie cannot do so for ever.
    pub fn recheck_due(&self, after: SignedDuration, now: Timestamp) -> bool {
        // Whole in the future: the clock was set back, and nothing is known.
        self.last_whole_at.is_none_or(|whole| whole > now || now.duration_since(whole) >= after)
    }
}

/// Whether a time is still to come, and no later than something of this length that begins now would end.
fn to_come_within(until: Timestamp, longest: SignedDuration, now: Timestamp) -> bool {
    until > now && until.duration_since(now) <= longest.saturating_add(CLOCK_TOLERANCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn validators(etag: Option<&str>, last_modified: Option<&str>) -> Validators {
        Validators { etag: etag.map(str::to_owned), last_modified: last_modified.map(str::to_owned) }
    }

    #[test]
    fn validators_serve_only_the_listing_they_belong_to_and_only_while_believed() {
        let (mine, other) = (Sha256Digest([1; 32]), Sha256Digest([2; 32]));
        let state = SourceState {
            validators: Some((validators(Some("\"a\""), None), mine)),
            validators_distrusted_until: Some(time(100)),
            ..SourceState::default()
        };
        assert!(state.validators_for(Some(mine), time(100)).is_some());
        assert!(state.validators_for(Some(mine), time(99)).is_none(), "they lied");
        assert!(state.validators_for(Some(other), time(100)).is_none(), "another listing stands");
        assert!(state.validators_for(None, time(100)).is_none(), "none stands");
    }

    #[test]
    fn what_was_reckoned_by_a_clock_that_was_ahead_binds_nobody() {
        let mine = Sha256Digest([1; 32]);
        let week = DISTRUST.as_secs();
        let state = |until: i64| SourceState {
            validators: Some((validators(Some("\"a\""), None), mine)),
            validators_distrusted_until: Some(time(until)),
            not_before: Some(time(until)),
            ..SourceState::default()
        };
        let hour = SignedDuration::from_hours(1);
        assert!(state(1000 + week).distrusted(time(1000)) && !state(100_000_000).distrusted(time(1000)));
        assert!(state(100_000_000).validators_for(Some(mine), time(1000)).is_some());
        assert_eq!(state(4600).left_alone_until(hour, time(1000)), Some(time(4600)));
        assert_eq!(state(4661).left_alone_until(hour, time(1000)), None, "longer than it may ask for");
        assert_eq!(state(999).left_alone_until(hour, time(1000)), None, "over");
    }

    #[test]
    fn times_ahead_are_forgotten_and_others_kept() {
        let mut state = SourceState {
            last_asked_at: Some(time(2000)),
            last_contact_at: Some(time(1000)),
            last_whole_at: Some(time(1060)),
            failures: 3,
            ..SourceState::default()
        };
        state.forget_what_is_ahead(time(1000));
        assert_eq!((state.last_asked_at, state.last_contact_at), (None, Some(time(1000))));
        assert_eq!((state.last_whole_at, state.failures), (Some(time(1060)), 3), "within the tolerance");
    }

    #[test]
    fn an_etag_outweighs_a_date() {
        let date = Some("Sat, 01 Aug 2026 00:00:00 GMT");
        assert!(validators(Some("a"), date).claim_same_as(&validators(Some("a"), None)));
        assert!(!validators(Some("a"), date).claim_same_as(&validators(Some("b"), date)));
        assert!(validators(None, date).claim_same_as(&validators(Some("b"), date)));
        assert!(!Validators::default().claim_same_as(&Validators::default()));
    }

    #[test]
    fn a_recheck_is_due_after_a_while_and_when_the_clock_was_set_back() {
        let state = SourceState { last_whole_at: Some(time(1000)), ..SourceState::default() };
        let after = SignedDuration::from_secs(60);
        assert!(!state.recheck_due(after, time(1059)));
        assert!(state.recheck_due(after, time(1060)));
        assert!(state.recheck_due(after, time(999)));
        assert!(SourceState::default().recheck_due(after, time(0)));
    }
}
