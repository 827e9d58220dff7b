//! Histograms of durations, of atomics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts of durations by how long they were. `N` is one more than there are bounds: the last holds what is above all.
#[derive(Debug)]
pub struct Buckets<const N: usize> {
    counts: [AtomicU64; N],
    nanos: AtomicU64,
}

impl<const N: usize> Default for Buckets<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Buckets<N> {
    /// Empty ones.
    pub const fn new() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; N], nanos: AtomicU64::new(0) }
    }

    /// Counts so many that took so long each. `bounds` are in nanoseconds, ascending and inclusive, as Prometheus has them.
    pub fn observe(&self, bounds: &[u64], took: Duration, times: u64) {
        // 584 years fit.
        let nanos = took.as_nanos() as u64;
        if let Some(count) = self.counts.get(bounds.partition_point(|bound| *bound < nanos)) {
            count.fetch_add(times, Ordering::Relaxed);
            self.nanos.fetch_add(nanos.wrapping_mul(times), Ordering::Relaxed);
        }
    }
}

/// A histogram as it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    bounds: &'static [u64],
    counts: Vec<u64>,
    nanos: u64,
}

impl Spread {
    /// An empty one over these bounds, in nanoseconds.
    pub fn over(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], nanos: 0 }
    }

    /// Adds what was counted over the same bounds.
    pub fn add<const N: usize>(&mut self, buckets: &Buckets<N>) {
        for (sum, count) in self.counts.iter_mut().zip(&buckets.counts) {
            *sum += count.load(Ordering::Relaxed);
        }
        self.nanos = self.nanos.wrapping_add(buckets.nanos.load(Ordering::Relaxed));
    }

    /// Adds what another one over the same bounds has.
    pub fn join(&mut self, other: &Self) {
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum += count;
        }
        self.nanos = self.nanos.wrapping_add(other.nanos);
    }

    /// What came since it was read before.
    pub fn since(&self, before: &Self) -> Self {
        let counts = self.counts.iter().zip(&before.counts).map(|(now, then)| now.saturating_sub(*then)).collect();
        Self { bounds: self.bounds, counts, nanos: self.nanos.wrapping_sub(before.nanos) }
    }

    /// So long took this share of all at most, from 0 to 1: between the bounds of its bucket as if all in it were evenly
    /// spread. Of what is above all bounds, the highest bound. Nothing where there is nothing.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = self.count() as f64 * share;
        let (mut below, mut lower) = (0u64, 0u64);
        for (count, place) in self.counts.iter().zip(0..) {
            let Some(upper) = self.bounds.get(place).copied() else { break };
            let through = below + count;
            if *count > 0 && through as f64 >= wanted {
                let part = ((wanted - below as f64) / *count as f64).clamp(0.0, 1.0);
                return Some(Duration::from_nanos(lower + ((upper - lower) as f64 * part) as u64));
            }
            (below, lower) = (through, upper);
        }
        (self.count() > 0).then(|| Duration::from_nanos(lower))
    }

    /// How many there are in all.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many there are between each bound and the one before; the last is above all bounds.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The sum of all, in seconds.
    pub fn seconds(&self) -> f64 {
        self.nanos as f64 / 1e9
    }

    /// The counts with their upper bounds in seconds.
    pub fn in_seconds(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().map(|nanos| *nanos as f64 / 1e9).chain([f64::INFINITY]);
        bounds.zip(self.counts.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_within_its_bucket_and_what_came_since_is_told_apart() {
        const BOUNDS: [u64; 2] = [1_000, 2_000];
        let buckets = Buckets::<3>::new();
        let read = || {
            let mut spread = Spread::over(&BOUNDS);
            spread.add(&buckets);
            spread
        };
        assert_eq!(read().quantile(0.5), None);
        buckets.observe(&BOUNDS, Duration::from_nanos(900), 98);
        let before = read();
        assert_eq!(before.quantile(0.5), Some(Duration::from_nanos(500)));
        buckets.observe(&BOUNDS, Duration::from_nanos(1_500), 2);
        assert_eq!(read().quantile(0.99), Some(Duration::from_nanos(1_500)));
        let since = read().since(&before);
        assert_eq!((since.count(), since.quantile(0.0)), (2, Some(Duration::from_nanos(1_000))));
        buckets.observe(&BOUNDS, Duration::from_secs(9), 100);
        assert_eq!(read().quantile(0.99), Some(Duration::from_nanos(2_000)), "no more is known of those above");
        let mut both = before.clone();
        both.join(&since);
        assert_eq!(both.count(), 100);
    }

    #[test]
    fn a_bound_belongs_to_its_bucket_and_the_last_has_no_bound() {
        const BOUNDS: [u64; 2] = [10, 20];
        let buckets = Buckets::<3>::new();
        for nanos in [0, 10, 11, 20, 21, 1_000_000_000] {
            buckets.observe(&BOUNDS, Duration::from_nanos(nanos), 1);
        }
        let mut spread = Spread::over(&BOUNDS);
        spread.add(&buckets);
        assert_eq!(spread.counts(), [2, 2, 2]);
        assert_eq!(spread.in_seconds(), [(1e-8, 2), (2e-8, 2), (f64::INFINITY, 2)]);
        assert_eq!(spread.seconds(), 1.000_000_062);
    }
}
