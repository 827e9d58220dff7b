//! Whether the processor that a thread runs on is wanted by others.

use std::time::{Duration, Instant};

/// Who was made to wait so lately will be again: a client that was let in by a pause asks anew a moment later.
const LATELY: Duration = Duration::from_millis(10);

/// The processor of the thread that made it.
#[derive(Debug)]
pub(super) struct Processor {
    /// How often the thread had been taken off it so far.
    taken_off: u64,
    /// When it was seen last that others wanted it.
    wanted_at: Option<Instant>,
}

impl Processor {
    pub(super) fn new() -> Self {
        Self { taken_off: taken_off().unwrap_or_default(), wanted_at: None }
    }

    /// Whether others want the processor, or did a moment before `now`: the system took it from this thread to give it to
    /// them. Where that cannot be known, they do.
    pub(super) fn is_wanted(&mut self, now: Instant) -> bool {
        let Some(taken_off) = taken_off() else { return true };
        if std::mem::replace(&mut self.taken_off, taken_off) != taken_off {
            self.wanted_at = Some(now);
        }
        self.wanted_at.is_some_and(|at| now.saturating_duration_since(at) < LATELY)
    }
}

/// How often the system took the processor from this thread while it had more to do (`ru_nivcsw`, getrusage(2)).
#[cfg(target_os = "linux")]
fn taken_off() -> Option<u64> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
    u64::try_from(usage.involuntary_context_switches()).ok()
}

/// Other systems count for the whole process only.
#[cfg(not(target_os = "linux"))]
fn taken_off() -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_wanted_once_others_were_given_it_and_for_a_moment_after() {
        let mut processor = Processor::new();
        let now = Instant::now();
        processor.wanted_at = None;
        processor.taken_off = taken_off().expect("Linux counts") + 1;
        assert!(processor.is_wanted(now), "the count is another than before");
        processor.taken_off = taken_off().expect("Linux counts");
        processor.wanted_at = Some(now);
        assert!(processor.is_wanted(now + LATELY / 2));
    }
}
