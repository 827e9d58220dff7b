//! The words that turn something on or off in a query string, over HTTP and on the page.

/// Those that turn it on.
pub const YES: [&str; 4] = ["true", "yes", "1", "on"];

/// Those that turn it off.
pub const NO: [&str; 4] = ["false", "no", "0", "off"];

/// All of them, as they are listed to whoever wrote none.
pub const EITHER: [&str; 8] = ["true", "false", "yes", "no", "1", "0", "on", "off"];

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
