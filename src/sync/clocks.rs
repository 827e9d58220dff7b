//! How far the clock is believed when a listing has come. Pure.
//!
//! A stored time that lies ahead of now and a clock that was set back look the same, so others are asked: the calendar of
//! the listing itself, this program's age, and what the source says that its clock shows. Where one of them says that the
//! clock is wrong, nothing that is stored is set right by it, and what comes is dated no earlier than what stands.
//!
//! What time does to stored bytes and history cannot be undone, and a clock that has leapt ahead looks like one that has
//! gone on: so for that no more time has passed than the listing's own calendar shows.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::domain::{HeldListing, SourceState, end_of_eastern_day, is_ahead, later_than};
use crate::listing::index::Index;

/// The listing is changed every working day: its newest day may lie so far back, in days.
const CALENDAR_RESTS: i64 = 7;

/// The standing listing as it is held against one that came at `at`: where its times lie ahead of that, and of what the source's
/// clock says, and the clock can be believed, they are set to the later of the two. The store does the same with the commit or
/// the confirmation that follows.
pub fn believed(current: Option<Arc<Index>>, at: Timestamp, source: Option<&SourceState>) -> Option<Arc<Index>> {
    current.map(|current| {
        let contradicted = source.is_some_and(SourceState::contradicts_the_clock);
        let latest = source.map_or(at, |source| source.latest(at));
        if !is_ahead(current.confirmed_at(), latest) || contradicted || later_than(at, current.listed_day()).is_some() {
            return current;
        }
        Arc::new(current.no_later_than(latest))
    })
}

/// When it was that something came, by a clock that says `at`. Where what stands and the source's clock agree that this
/// machine's is behind, it is the source's time: what the answers have said meanwhile lies before it.
pub fn came(at: Timestamp, current: Option<&Index>, source: Option<&SourceState>) -> Timestamp {
    let Some((current, source)) = current.zip(source.filter(|source| !source.contradicts_the_clock())) else {
        return at;
    };
    let (stands, latest) = (current.confirmed_at(), source.latest(at));
    if is_ahead(stands, at) && !is_ahead(stands, latest) { latest } else { at }
}

/// From one fetch to the next no more time is believed to have passed: the clock may have leapt between them.
const BETWEEN_FETCHES: SignedDuration = SignedDuration::from_hours(24);

/// The moments at which something was fetched, as the archive and what is held tell, oldest first. By them time goes on
/// while the source is held and the calendar of the standing listing rests.
pub fn fetched(archived: impl IntoIterator<Item = Timestamp>, held: &[HeldListing]) -> Vec<Timestamp> {
    let mut all: Vec<Timestamp> = archived.into_iter().collect();
    for held in held {
        // So many days it was fetched again and again.
        let mut again = Timestamp::UNIX_EPOCH.max(held.first_fetched_at);
        let until = again.checked_add(held.stood()).unwrap_or(again);
        while again < until {
            all.push(again);
            again = again.checked_add(BETWEEN_FETCHES).unwrap_or(until);
        }
        all.push(until);
    }
    all.sort_unstable();
    all
}

/// The moment by which what is kept for a while is dropped: now, but no more than is known to have passed, by the calendar
/// of the standing listing and what was `fetched` since. Nothing if that is not known.
pub fn surely_past(
    now: Timestamp,
    listed: Option<Date>,
    source: Option<&SourceState>,
    fetched: &[Timestamp],
) -> Option<Timestamp> {
    if later_than(now, listed).is_some() {
        return None;
    }
    let skew = source.and_then(|source| source.clock_skew);
    let by_source = match source {
        Some(source) if source.contradicts_the_clock() => source.its_time(now)?,
        _ => now,
    };
    match listed {
        Some(day) => {
            let rests = day.checked_add(CALENDAR_RESTS.days()).ok().and_then(end_of_eastern_day);
            let shown = rests.map_or(now, |rests| {
                let since = fetched.iter().filter(|at| **at > rests);
                let (passed, _) = since.fold((rests, rests), |(passed, before), at| {
                    (passed.checked_add(at.duration_since(before).min(BETWEEN_FETCHES)).unwrap_or(passed), *at)
                });
                passed
            });
            Some(shown.min(now).min(by_source))
        }
        // The listing has no calendar; a source that agrees is a witness as well.
        None => skew.map(|_| by_source.min(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChangeSerial, RemovalHistory, Snapshot};

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn day(text: &str) -> Option<Date> {
        Some(text.parse().expect("a day"))
    }

    fn skewed(hours: i64) -> SourceState {
        SourceState { clock_skew: Some(SignedDuration::from_hours(hours)), ..SourceState::default() }
    }

    fn current(confirmed_at: &str) -> Option<Arc<Index>> {
        let fetched = Snapshot::made_up(1, time("2026-11-20T00:00:00Z"), []);
        let snapshot = Snapshot { confirmed_at: time(confirmed_at), ..fetched };
        Some(Arc::new(Index::build(snapshot, RemovalHistory::default(), ChangeSerial(0))))
    }

    const AHEAD: &str = "2031-01-01T00:00:00Z";

    fn confirmed(at: &str, source: Option<&SourceState>) -> Timestamp {
        believed(current(AHEAD), time(at), source).expect("it stands").confirmed_at()
    }

    #[test]
    fn times_ahead_are_set_right_unless_it_is_now_that_is_wrong() {
        let now = "2026-11-26T12:00:00Z";
        assert_eq!(confirmed(now, None), time(now));
        assert_eq!(confirmed(now, Some(&skewed(-1))), time(now));
        assert_eq!(confirmed(now, Some(&skewed(1))), time("2026-11-26T13:00:00Z"), "the later of both clocks");
        assert_eq!(confirmed(now, Some(&skewed(48))), time(AHEAD), "the source says that the clock is two days behind");
        assert_eq!(confirmed("1970-01-01T00:00:00Z", None), time(AHEAD));
        let stands = believed(current(now), time("2026-11-26T11:40:00Z"), Some(&skewed(1))).expect("it stands");
        assert_eq!(stands.confirmed_at(), time(now), "it is this machine's clock that is behind");
        let stands = believed(current(now), time("2026-11-26T11:59:30Z"), None).expect("it stands");
        assert_eq!(stands.confirmed_at(), time(now), "the clock is being disciplined");
    }

    #[test]
    fn what_comes_by_a_clock_that_is_behind_came_when_the_source_says_where_what_stands_agrees() {
        let (stands, behind) = (current("2026-11-26T12:00:00Z"), time("2026-11-26T09:30:00Z"));
        let came = |at, source: SourceState| super::came(at, stands.as_deref(), Some(&source));
        assert_eq!(came(behind, skewed(3)), time("2026-11-26T12:30:00Z"));
        assert_eq!(came(behind, skewed(0)), behind, "the source has the same clock");
        assert_eq!(came(behind, skewed(1)), behind, "what stands lies ahead of both");
        assert_eq!(came(behind, skewed(48)), behind, "one of the two is wrong by days");
        let later = time("2026-11-26T12:30:00Z");
        assert_eq!(came(later, skewed(3)), later, "it may be the source's that is wrong");
        assert_eq!(super::came(behind, None, Some(&skewed(3))), behind);
    }

    #[test]
    fn no_more_time_has_passed_than_the_listings_own_calendar_shows() {
        let (now, day) = (time("2026-11-26T12:00:00Z"), day("2026-11-25"));
        let past = |now, source: Option<&SourceState>| surely_past(now, day, source, &[]);
        assert_eq!(past(now, None), Some(now));
        let leapt = time("2031-06-01T00:00:00Z");
        assert_eq!(past(leapt, None), Some(time("2026-12-03T04:59:59.999Z")));
        assert_eq!(past(leapt, Some(&skewed(0))), past(leapt, None), "a source on the same machine has the same clock");
        assert_eq!(past(now, Some(&skewed(-48))), Some(now - SignedDuration::from_hours(48)));
        assert_eq!(past(Timestamp::UNIX_EPOCH, None), None);
        let without_calendar = |source: Option<&SourceState>| surely_past(now, None, source, &[]);
        assert_eq!((without_calendar(None), without_calendar(Some(&skewed(0)))), (None, Some(now)));
    }

    #[test]
    fn while_a_source_is_held_time_goes_on_by_what_is_fetched_a_day_at_most_from_one_to_the_next() {
        let (now, day) = (time("2027-06-01T12:00:00Z"), day("2026-11-25"));
        let days = |count: i64| SignedDuration::from_hours(24 * count);
        let rests = surely_past(now, day, None, &[]).expect("a moment");
        assert_eq!(rests, time("2026-12-03T04:59:59.999Z"), "the calendar rests");
        let daily: Vec<_> = (1..150).map(|count| rests + days(count)).collect();
        assert_eq!(surely_past(now, day, None, &daily), Some(rests + days(149)));
        let leapt = [rests + days(1), time("2031-01-01T00:00:00Z")];
        assert_eq!(surely_past(time("2031-01-01T00:00:00Z"), day, None, &leapt), Some(rests + days(2)));
        // The same listing again and again.
        let held = HeldListing {
            first_fetched_at: rests,
            last_fetched_at: rests + days(100),
            times: 2400,
            ..HeldListing::made_up()
        };
        assert_eq!(surely_past(now, day, None, &fetched([], &[held])), Some(rests + days(100)));
    }
}
