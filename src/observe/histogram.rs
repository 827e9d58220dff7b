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
