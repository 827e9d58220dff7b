//! Calls come before everything else that the processors do here.

use rustix::process::setpriority_process;
use rustix::thread::gettid;

/// What syncs and administration need: a third of the time that an answering thread gets where both want all of it.
pub(crate) const SYNCS: i32 = 5;

/// What is asked beside calls: a tenth of it.
pub(crate) const BESIDE_CALLS: i32 = 10;

/// Lets this thread wait for those that answer, where there is not time for all: it gets this nice value (setpriority(2), where
/// on Linux each thread has its own). Nobody needs a right for that; a filter of system calls that forbids it costs calls some
/// time, and nothing else.
pub fn wait_for_answers(nice: i32) {
    if let Err(error) = setpriority_process(Some(gettid()), nice) {
        tracing::debug!(%error, "a thread keeps the priority of those that answer: {error}");
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn a_thread_that_waits_for_answers_takes_no_other_with_it() {
        let before = getpriority_process(None).expect("read");
        let there = std::thread::spawn(|| {
            wait_for_answers(BESIDE_CALLS);
            getpriority_process(Some(gettid())).expect("read")
        });
        assert_eq!(there.join().expect("it ends"), BESIDE_CALLS);
        assert_eq!(getpriority_process(None).expect("read"), before);
    }
}
