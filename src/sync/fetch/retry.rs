//! How long to wait before asking again. Clock and chance are arguments.

use std::time::Duration;

use jiff::Timestamp;

/// The pause behind so many failures in a row: it doubles from one to the next up to `longest`, and `chance`, from 0 to
/// 1, spreads it, so that not all the world comes back at the same moment. It lies between `first` and `longest`, and
/// within a factor of two of what it would be for any other chance.
pub fn pause(failures: u64, first: Duration, longest: Duration, chance: f64) -> Duration {
    let doublings = u32::try_from(failures.max(1)).unwrap_or(u32::MAX);
    let most = 2_u32.checked_pow(doublings).and_then(|times| first.checked_mul(times)).unwrap_or(longest).min(longest);
    let half = most / 2;
    (half + half.mul_f64(chance.clamp(0.0, 1.0))).max(first).min(longest)
}

/// What a `Retry-After` asks for: seconds, or a date, which is reckoned from `now`. Nothing if it is neither.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a very long time.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = Timestamp::try_from(httpdate::parse_http_date(value).ok()?).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIRST: Duration = Duration::from_secs(60);
    const LONGEST: Duration = Duration::from_secs(1800);

    #[test]
    fn pauses_double_up_to_the_longest() {
        let most: Vec<u64> = (1..=6).map(|failures| pause(failures, FIRST, LONGEST, 1.0).as_secs()).collect();
        assert_eq!(most, [120, 240, 480, 960, 1800, 1800]);
        let least: Vec<u64> = (1..=6).map(|failures| pause(failures, FIRST, LONGEST, 0.0).as_secs()).collect();
        assert_eq!(least, [60, 120, 240, 480, 900, 900]);
    }

    proptest! {
        #[test]
        fn a_pause_is_bounded_and_grows_with_failures_and_chance(
            failures in 0..u64::MAX,
            first in 1..100_000_u64,
            longer in 0..100_000_000_u64,
            (low, high) in (0.0..=1.0, 0.0..=1.0).prop_map(|(a, b): (f64, f64)| (a.min(b), a.max(b))),
        ) {
            let (first, longest) = (Duration::from_millis(first), Duration::from_millis(first + longer));
            let at = |failures, chance| pause(failures, first, longest, chance);
            prop_assert!(at(failures, low) >= first && at(failures, high) <= longest);
            prop_assert!(at(failures, low) <= at(failures, high));
            prop_assert!(at(failures, low) <= at(failures.saturating_add(1), low));
            prop_assert!(at(failures, 1.0) <= at(failures, 0.0) * 2 + Duration::from_nanos(2));
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_anything_else_is_nothing() {
        let now: Timestamp = "2026-08-01T12:00:00Z".parse().expect("a time");
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after(" 0 ", now), Some(Duration::ZERO));
        assert_eq!(retry_after("Sat, 01 Aug 2026 12:05:00 GMT", now), Some(Duration::from_secs(300)));
        assert_eq!(retry_after("Sat, 01 Aug 2026 11:00:00 GMT", now), Some(Duration::ZERO), "it is over");
        assert_eq!(retry_after("99999999999999999999999", now), Some(Duration::from_secs(u64::MAX)));
        for other in ["", "soon", "-5", "1.5", "12 s"] {
            assert_eq!(retry_after(other, now), None, "{other:?}");
        }
    }
}
