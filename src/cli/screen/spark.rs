//! Numbers over time as a row of bars.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar for each number, between the least and the most of all; a blank where there is none.
pub fn between(numbers: &[Option<u64>]) -> String {
    let known = || numbers.iter().flatten().copied();
    let (least, most) = (known().min().unwrap_or_default(), known().max().unwrap_or_default());
    numbers.iter().map(|number| number.map_or(' ', |number| bar(number - least, most - least))).collect()
}

/// A bar for each number, from zero to the most of all.
pub fn from_zero(numbers: &[u64]) -> String {
    let most = numbers.iter().copied().max().unwrap_or_default();
    numbers.iter().map(|number| bar(*number, most)).collect()
}

/// What is not zero is seen.
fn bar(number: u64, most: u64) -> char {
    let top = BARS.len() as u64 - 1;
    let height = match (number, most) {
        (0, _) | (_, 0) => 0,
        _ => (u128::from(number) * u128::from(top)).div_ceil(u128::from(most)),
    };
    usize::try_from(height).ok().and_then(|height| BARS.get(height)).copied().unwrap_or('█')
}

/// The last so many, where there is no room for all.
pub fn last<T>(all: &[T], most: usize) -> &[T] {
    all.get(all.len().saturating_sub(most)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_reach_from_the_least_to_the_most_and_what_is_not_known_is_blank() {
        assert_eq!(between(&[None, Some(100), Some(107), Some(114)]), " ▁▅█");
        assert_eq!(between(&[Some(5), Some(5)]), "▁▁");
        assert_eq!(between(&[]), "");
        assert_eq!(from_zero(&[0, 1, 550, 0]), "▁▂█▁");
        assert_eq!(from_zero(&[u64::MAX, 0]), "█▁");
        assert_eq!(last(&[1, 2, 3], 2), [2, 3]);
        assert_eq!(last(&[1], 2), [1]);
    }
}
