//! How far something has come that lasts: on a terminal, from its second second on.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What lasts no longer shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// The spinner turns so often.
const TURN_EVERY: Duration = Duration::from_millis(120);

/// A line on standard error that says what is being done. Nothing where that is no terminal, or can do nothing. It goes away
/// with the value.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Says this, once it has lasted a second.
    pub fn of(what: impl Into<String>) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_style(style("{spinner} {wide_msg}"));
        bar.set_message(what.into());
        Self::show_later(&bar);
        Self(bar)
    }

    fn show_later(bar: &ProgressBar) {
        if !can_be_shown() {
            return;
        }
        let shown = bar.clone();
        // It is not in the runtime: what lasts may keep that busy.
        let _ = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
            // Nobody wakes it: it is done once the time is over.
            std::thread::park_timeout(PATIENCE);
            if !shown.is_finished() {
                show(&shown);
            }
        });
    }

    /// Says something else.
    pub fn say(&self, what: impl Into<String>) {
        self.0.set_style(style("{spinner} {wide_msg}"));
        self.0.set_message(what.into());
    }

    /// So many bytes of so many are there.
    pub fn bytes(&self, what: &'static str, done: u64, of: Option<u64>) {
        match of.filter(|of| *of > 0) {
            Some(all) => {
                self.0.set_length(all);
                self.0.set_style(style("{spinner} {msg} [{bar:20}] {bytes} of {total_bytes}, {eta} left"));
            }
            None => self.0.set_style(style("{spinner} {msg} {bytes} ({bytes_per_sec})")),
        }
        self.0.set_message(what);
        self.0.set_position(done);
    }

    /// So many of so many are done.
    pub fn count(&self, what: &'static str, done: u64, all: u64) {
        self.0.set_length(all);
        self.0.set_style(style("{spinner} {msg} [{bar:20}] {human_pos} of {human_len}"));
        self.0.set_message(what);
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn show(bar: &ProgressBar) {
    if can_be_shown() {
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.enable_steady_tick(TURN_EVERY);
    }
}

/// Whether standard error is a terminal on which a line can be drawn anew.
fn can_be_shown() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    std::io::stderr().is_terminal() && !is_dumb
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
