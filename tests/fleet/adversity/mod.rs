//! A fleet of five sites under adversity: machines that die, fall silent and are cut off, disks and databases that are full,
//! clocks that are wrong; while clients ask, operators write and the listing changes. What everybody was told is written down,
//! and [`check`] looks whether it breaks a promise.
//!
//! The harness starts itself again in a network, a list of mounts and a list of processes of its own, and so leaves nothing
//! behind. For that it must be root on Linux.

mod book;
mod check;
mod delay;
mod faults;
mod field;
mod gateway;
mod history;
mod load;
mod machines;
mod network;
mod run;
mod witness;

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rmdd_testkit::etcd;

use self::run::{Plan, Report};

/// Set for the harness inside.
const INSIDE: &str = "RMDD_FLEET_INSIDE";

/// By which everything that goes wrong is chosen.
const SEED: &str = "RMDD_FLEET_SEED";

/// So long things go wrong if nothing else is said.
const SHORT: Duration = Duration::from_secs(60);

/// A network, mounts and processes of its own, which end with it.
const ALONE: [&str; 6] = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// One at a time: each has the machine to itself.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn say(line: &str) {
    // Past the capture of the test harness: a test that was left out must not look like one that passed.
    let _ = writeln!(io::stderr(), "{line}");
}

/// What is missing here.
fn missing() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("this is not Linux".to_owned());
    }
    if !nix::unistd::geteuid().is_root() {
        return Some("the user is not root".to_owned());
    }
    if etcd::program().is_none() {
        return Some("no etcd in $ETCD, target/tools/etcd/usr/bin or $PATH".to_owned());
    }
    let tools = ["unshare", "ip", "nft", "tc", "mount"];
    if let Some(tool) = tools.into_iter().find(|tool| !network::has(tool)) {
        return Some(format!("no {tool} in $PATH"));
    }
    let bridge = ["ip", "link", "add", "name", "rmdd0", "type", "bridge"];
    let made = Command::new("unshare").args(ALONE).args(bridge).stderr(Stdio::null()).status();
    (!made.is_ok_and(|status| status.success())).then(|| "no namespaces and bridges may be made".to_owned())
}

/// Starts a test again inside of namespaces of its own, by a seed. Says whether it passed; nothing where that cannot be done here.
fn started_again(test: &str, ignored: bool, seed: u64) -> Option<bool> {
    if let Some(missing) = missing() {
        say(&format!("\nLEFT OUT, adversity: {missing}"));
        return None;
    }
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new("unshare");
    command.args(ALONE).arg(std::env::current_exe().expect("this program")).args(["--exact", test, "--nocapture"]);
    if ignored {
        command.arg("--ignored");
    }
    command.env(INSIDE, "1").env(SEED, seed.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
    let passed = command.status().expect("it runs").success();
    if passed {
        // What was mounted there has gone with the harness.
        let _ = std::fs::remove_dir_all(run::kept_in(seed));
    }
    Some(passed)
}

/// Whether this is the harness inside.
fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs a plan, inside.
fn run(plan: Plan) -> Report {
    if !network::has("strace") {
        say("LEFT OUT of adversity: slow disks, for want of strace");
    }
    if field::clocks().is_none() {
        say("LEFT OUT of adversity: wrong clocks, for want of libfaketime");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run::run(plan))
}

/// That a fleet keeps its promises while things go wrong for so long.
fn keeps_its_promises(test: &str, ignored: bool, faults: Duration) {
    if is_inside() {
        assert!(run(Plan::new(seed(), faults)).verdict.violations.is_empty(), "see above");
    } else {
        assert_ne!(started_again(test, ignored, seed()), Some(false), "see above");
    }
}

fn seconds_of_faults() -> Duration {
    let minutes = std::env::var("RMDD_FLEET_MINUTES").ok().and_then(|minutes| minutes.parse().ok());
    minutes.map_or(SHORT, |minutes: f64| Duration::from_secs_f64(minutes * 60.0))
}

fn seed() -> u64 {
    let given = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| rand::random_range(0..1_000_000))
}

/// As long as one likes.
#[test]
#[ignore = "takes minutes: RMDD_FLEET_MINUTES, and RMDD_FLEET_SEED to repeat one"]
fn adversity() {
    keeps_its_promises("adversity::adversity", true, seconds_of_faults());
}

#[test]
fn a_fleet_keeps_its_promises_while_machines_die_fall_silent_and_are_cut_off() {
    let test = "adversity::a_fleet_keeps_its_promises_while_machines_die_fall_silent_and_are_cut_off";
    keeps_its_promises(test, false, SHORT);
}

/// Builds that leave something out which promises rest on are found out. Whether it comes to the worst is chance: each has a few
/// runs.
#[cfg(debug_assertions)]
mod left_out {
    use super::check::{Promise, Violation};
    use super::faults::Kind;
    use super::network::Way;
    use super::*;

    /// That a fetcher is overtaken between its last look at its lease and its append is a matter of milliseconds.
    const TRIES: u64 = 8;

    fn is_found_out(test: &str, (part, promises): (&str, &[Promise]), mostly: &'static [Kind]) {
        let first = seed();
        if is_inside() {
            let report = run(Plan::new(first, SHORT).without(part, mostly));
            let found = |violation: &&Violation| promises.contains(&violation.promise);
            let found = report.verdict.violations.iter().find(found).expect("nothing is found out in this run");
            say(&format!("found out: {found}"));
            return;
        }
        for seed in first..first + TRIES {
            if started_again(test, true, seed) != Some(false) {
                return;
            }
        }
        panic!("in {TRIES} runs nobody has noticed that `{part}` is left out");
    }

    #[test]
    #[ignore = "takes minutes"]
    fn the_fence() {
        let test = "adversity::left_out::the_fence";
        is_found_out(test, ("fence", &[Promise::NoOldToken]), &[Kind::Overtaken]);
    }

    #[test]
    #[ignore = "takes minutes"]
    fn the_look_after_an_unknown_outcome() {
        let test = "adversity::left_out::the_look_after_an_unknown_outcome";
        is_found_out(test, ("look", &[Promise::NothingLostNothingTwice]), &[Kind::Cut(Way::In), Kind::Kill]);
    }

    #[test]
    #[ignore = "takes minutes"]
    fn the_position_together_with_its_effect() {
        let test = "adversity::left_out::the_position_together_with_its_effect";
        let promises = &[Promise::SamePlaceSameDigest, Promise::AllIsWellAgain];
        is_found_out(test, ("together", promises), &[Kind::Kill]);
    }
}
