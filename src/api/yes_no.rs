//! The words that turn something on or off in a query string, over HTTP and on the page.

/// How many pairs there are.
const PAIRS: usize = 4;

/// All of them, as they are listed to whoever wrote none: one that turns it on before one that turns it off.
pub const EITHER: [&str; 2 * PAIRS] = ["true", "false", "yes", "no", "1", "0", "on", "off"];

/// Those that turn it on.
pub const YES: [&str; PAIRS] = each_second(0);

/// Those that turn it off.
pub const NO: [&str; PAIRS] = each_second(1);

const fn each_second(first: usize) -> [&'static str; PAIRS] {
    let mut words = [""; PAIRS];
    let mut at = 0;
    while at < PAIRS {
        words[at] = EITHER[2 * at + first];
        at += 1;
    }
    words
}

/// Whether a value turns it on.
pub fn is_yes(value: &str) -> bool {
    is_one_of(&YES, value)
}

/// Whether a value turns it off.
pub fn is_no(value: &str) -> bool {
    is_one_of(&NO, value)
}

fn is_one_of(words: &[&str], value: &str) -> bool {
    words.iter().any(|word| value.trim().eq_ignore_ascii_case(word))
}
