//! The command under another clock than that of this machine.

use std::path::Path;
use std::process::Command;

/// The command under another clock; nothing, and said aloud, where faketime is not installed.
pub fn at_another_time(clock: &str) -> Option<Command> {
    let mut command = under_a_clock(clock)?;
    command.env("FAKETIME", clock);
    Some(command)
}

/// The command under a clock that is as far off as stands in a file, such as `+2d`, whenever that is written; nothing, and
/// said aloud, where faketime is not installed.
pub fn by_a_clock_in(file: &Path) -> Option<Command> {
    let mut command = under_a_clock("+0")?;
    command.env("FAKETIME_TIMESTAMP_FILE", file).env("FAKETIME_NO_CACHE", "1");
    Some(command)
}

fn under_a_clock(clock: &str) -> Option<Command> {
    // Asked for what it sets, and left out of it: it would stand between a signal and the daemon. It shares memory under a name
    // with its process ID in it, and one that was killed has left such a name: the next process has another.
    let ask = || Command::new("faketime").args(["-m", "-f", clock, "env"]).output();
    if ask().is_err() {
        println!("left out: faketime is not here (Debian: faketime)");
        return None;
    }
    let asked = (0..20).find_map(|_| {
        let asked = ask().ok()?;
        let set = String::from_utf8_lossy(&asked.stdout).into_owned();
        set.lines().find_map(|line| line.strip_prefix("LD_PRELOAD=").map(str::to_owned))
    });
    let preload = asked.expect("a library");
    let mut command = super::rmdd();
    command.env("LD_PRELOAD", preload).env("TZ", "UTC");
    // Only the wall clock is another: sleeps are what they are.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Some(command)
}
