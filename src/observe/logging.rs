//! Logs: readable on a terminal, structured in the journal.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use serde::{Deserialize, Serialize};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::domain::visible;

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LogConfig {
    /// The least severity: `error`, `warn`, `info`, `debug` or `trace`; or a list of directives such as
    /// `info,rmdd=debug`.
    pub level: String,
    /// How lines are written.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Auto }
    }
}

impl LogConfig {
    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self) -> Result<(), String> {
        self.filter().map(|_| ())
    }

    fn filter(&self) -> Result<EnvFilter, String> {
        // A bare word is about rmdd; the libraries below it only speak up when something is wrong. What rustls finds odd
        // about a client's greeting is the client's affair, and would be a line for each of its connections.
        let bare = !self.level.contains(['=', ',']);
        let directives = if bare { format!("warn,rustls=error,rmdd={}", self.level) } else { self.level.clone() };
        EnvFilter::builder()
            .parse(directives)
            .map_err(|error| format!("log.level is {:?}: {error}; give error, warn, info, debug or trace", self.level))
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogFormat {
    /// To the journal if systemd started us, else as text.
    Auto,
    /// Lines for people, on standard error.
    Text,
    /// One JSON object a line, on standard error.
    Json,
    /// Fields of the systemd journal.
    Journal,
}

/// Starts logging. Called once, by the daemon.
///
/// # Errors
///
/// If the level is no filter, the journal cannot be reached though it was asked for, or logging was started before.
pub fn init(config: &LogConfig) -> Result<(), String> {
    let journal = match config.format {
        LogFormat::Journal => {
            Some(tracing_journald::layer().map_err(|error| format!("log.format is journal: {error}"))?)
        }
        LogFormat::Auto if stderr_is_the_journal() => tracing_journald::layer().ok(),
        _ => None,
    };
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match (journal, config.format) {
        // Fields by their own names, so that `journalctl OUTCOME=refused` finds them.
        (Some(journal), _) => journal.with_field_prefix(None).boxed(),
        (None, LogFormat::Json) => {
            tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(|| Shown(visible::in_json)).boxed()
        }
        (None, _) => tracing_subscriber::fmt::layer()
            .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()))
            .with_target(false)
            // For people: each message says all. The fields are for machines, in JSON and in the journal.
            .fmt_fields(tracing_subscriber::fmt::format::debug_fn(|writer, field, value| match field.name() {
                "message" => write!(writer, "{value:?}"),
                _ => Ok(()),
            }))
            .with_writer(|| Shown(one_entry))
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(config.filter()?))
        .try_init()
        .map_err(|error| format!("logging could not be started: {error}"))
}

/// Standard error, to which nothing hidden is written: what a third party says may stand in a log line.
struct Shown(fn(&str) -> Cow<'_, str>);

impl Write for Shown {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(self.0(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A log entry for people. Its further lines are set in, so that none can be taken for an entry of its own.
fn one_entry(entry: &str) -> Cow<'_, str> {
    let (lines, end) = entry.strip_suffix('\n').map_or((entry, ""), |lines| (lines, "\n"));
    match lines.contains('\n') {
        true => Cow::Owned(format!("{}{end}", visible::for_terminal(&lines.replace('\n', "\n    ")))),
        false => visible::for_terminal(entry),
    }
}

/// Whether systemd connected our standard error to the journal: it then names the stream in `JOURNAL_STREAM`.
fn stderr_is_the_journal() -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    let Some(stream) = std::env::var("JOURNAL_STREAM").ok() else { return false };
    let Ok(stderr) = std::io::stderr().as_fd().try_clone_to_owned() else { return false };
    let Ok(metadata) = std::fs::File::from(stderr).metadata() else { return false };
    stream == format!("{}:{}", metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_logged_commands_a_terminal_or_looks_like_another_entry() {
        let hostile = "fetch failed: \u{202e}x\u{1b}]0;owned\u{7}\n2026-11-26 INFO all is well\n";
        assert_eq!(
            one_entry(hostile),
            "fetch failed: \\u{202e}x\\u{1b}]0;owned\\u{7}\n    2026-11-26 INFO all is well\n"
        );
        let json = "{\"message\":\"\u{202e}x\u{9b}\"}\n";
        assert_eq!(visible::in_json(json), "{\"message\":\"\\u202ex\\u009b\"}\n");
    }

    #[test]
    fn a_level_is_a_word_or_directives() {
        for level in ["info", "debug", "warn,rmdd=debug"] {
            assert_eq!(LogConfig { level: level.to_owned(), ..LogConfig::default() }.validate(), Ok(()));
        }
        let refused = LogConfig { level: "rmdd=loud".to_owned(), ..LogConfig::default() }.validate();
        assert!(refused.expect_err("refused").contains("log.level"));
    }
}
