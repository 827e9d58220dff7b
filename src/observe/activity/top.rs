//! The most frequent of very many, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;

/// Counts what comes most often. It keeps so many counters; a newcomer takes the place of the least and its count with it
/// (Metwally, Agrawal and El Abbadi, "Efficient computation of frequent and top-k elements in data streams", 2005, called
/// Space-Saving). What makes up more than one in `room` of all is always among them, and no count is too low.
#[derive(Debug, Clone)]
pub struct Top<K> {
    places: HashMap<K, usize, foldhash::fast::RandomState>,
    counters: Vec<Counter<K>>,
    room: usize,
}

/// A key and how often it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter<K> {
    /// What is counted.
    pub key: K,
    /// How often it came, or less: it is never too low.
    pub count: u64,
    /// By how much the count may be too high.
    pub over: u64,
}

impl<K: Clone + Eq + Hash> Top<K> {
    /// With room for so many, one at least.
    pub fn new(room: usize) -> Self {
        Self { places: HashMap::default(), counters: Vec::new(), room: room.max(1) }
    }

    /// Counts one, so many times.
    pub fn add(&mut self, key: &K, times: u64) {
        if let Some(counter) = self.places.get(key).and_then(|place| self.counters.get_mut(*place)) {
            counter.count = counter.count.saturating_add(times);
        } else if self.counters.len() < self.room {
            self.places.insert(key.clone(), self.counters.len());
            self.counters.push(Counter { key: key.clone(), count: times, over: 0 });
        } else {
            self.replace_least(key, times);
        }
    }

    fn replace_least(&mut self, key: &K, times: u64) {
        let Some((place, least)) = self.counters.iter_mut().enumerate().min_by_key(|(_, counter)| counter.count) else {
            return;
        };
        self.places.remove(&least.key);
        let over = least.count;
        *least = Counter { key: key.clone(), count: over.saturating_add(times), over };
        self.places.insert(key.clone(), place);
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        // The least last: where there is no room for all, what remains is the most.
        for counter in other.most(usize::MAX) {
            self.add(&counter.key, counter.count);
        }
    }

    /// Those that came most often, the most frequent first.
    pub fn most(&self, limit: usize) -> Vec<Counter<K>> {
        let mut counters = self.counters.clone();
        // Of equals those that are more certain.
        counters.sort_by_key(|counter| (std::cmp::Reverse(counter.count), counter.over));
        counters.truncate(limit);
        counters
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counters.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_room_for_all_every_count_is_right() {
        let mut top = Top::new(4);
        for (key, times) in [("a", 3), ("b", 1), ("a", 2), ("c", 9)] {
            top.add(&key, times);
        }
        let counted: Vec<_> =
            top.most(2).into_iter().map(|counter| (counter.key, counter.count, counter.over)).collect();
        assert_eq!(counted, [("c", 9, 0), ("a", 5, 0)]);
    }

    #[test]
    fn whoever_comes_often_is_among_them_however_many_others_there_are() {
        let mut top = Top::new(16);
        let (mut frequent, mut all) = (0u64, 0u64);
        for number in 0..100_000u64 {
            // One in eight is the same; all others come once.
            let key = if number % 8 == 3 { 0 } else { number + 1 };
            frequent += u64::from(key == 0);
            all += 1;
            top.add(&key, 1);
        }
        let most = &top.most(1)[0];
        assert_eq!(most.key, 0);
        assert!(most.count >= frequent && most.count - most.over <= frequent, "{most:?} for {frequent}");
        assert!(most.over <= all / 16, "the error is bounded by the room");
        assert_eq!(top.most(usize::MAX).len(), 16, "and so is what it takes");
    }

    #[test]
    fn two_that_are_merged_count_as_one() {
        let (mut one, mut two) = (Top::new(8), Top::new(8));
        one.add(&"a", 4);
        two.add(&"a", 3);
        two.add(&"b", 5);
        one.merge(&two);
        let counted: Vec<_> = one.most(8).into_iter().map(|counter| (counter.key, counter.count)).collect();
        assert_eq!(counted, [("a", 7), ("b", 5)]);
        assert!(!one.is_empty() && Top::<&str>::new(8).is_empty());
    }
}
