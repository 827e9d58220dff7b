//! How things look on a terminal.

use std::io::{ErrorKind, Write};

use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};
use jiff::{SignedDuration, Timestamp};

use super::screen;
use crate::api::grpc::{duration_from_wire, time_from_wire, v1};
use crate::domain::times::in_eastern;
use crate::domain::visible::for_terminal;
use crate::observe::clock::now;

/// Prints a line. A reader that has seen enough, as `head` has, is no failure.
macro_rules! say {
    () => { $crate::cli::text::line(format_args!("")) };
    ($($arg:tt)*) => { $crate::cli::text::line(format_args!($($arg)*)) };
}
pub(super) use say;

/// Prints a line; on a terminal as lines that are no wider than it is.
pub fn line(line: std::fmt::Arguments<'_>) {
    let line = line.to_string();
    print(&line, screen::hanging(&line));
}

/// Prints what is to be copied or read by a machine: not a line of it is folded, however narrow the terminal is.
macro_rules! whole {
    () => { $crate::cli::text::whole_line(format_args!("")) };
    ($($arg:tt)*) => { $crate::cli::text::whole_line(format_args!($($arg)*)) };
}
pub(super) use whole;

/// Prints a line as it is, whatever the terminal's width: folded, it would be another one.
pub fn whole_line(line: std::fmt::Arguments<'_>) {
    if FATE.get().is_none() {
        note(writeln!(anstream::stdout().lock(), "{}", for_terminal(&line.to_string())));
    }
}

/// Prints a line of which what goes on below is indented by so much.
fn print(line: &str, indent: usize) {
    if FATE.get().is_some() {
        return;
    }
    let line = for_terminal(line);
    let mut out = anstream::stdout().lock();
    match screen::columns() {
        None => note(writeln!(out, "{line}")),
        Some(columns) => {
            for line in screen::fitted(&line, columns, indent) {
                note(writeln!(out, "{line}"));
            }
        }
    }
}

/// Why nothing more is written to standard output, once that is so.
static FATE: OnceLock<std::io::Error> = OnceLock::new();

fn note(written: std::io::Result<()>) {
    if let Err(error) = written {
        // The first says what happened.
        let _ = FATE.set(error);
    }
}

/// Whether all that was printed is where it should go, now that nothing more comes. A reader that has seen enough is no
/// failure; a disk that is full is one, and whatever the command found out did not reach anybody.
///
/// # Errors
///
/// Says why not.
pub fn finish() -> Result<(), &'static std::io::Error> {
    if FATE.get().is_none() {
        note(std::io::stdout().flush());
    }
    match FATE.get() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Whether nobody reads what is printed any more, or it cannot be written.
pub fn has_no_reader() -> bool {
    FATE.get().is_some()
}

/// Nobody reads what is printed any more: the command may end.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads what is printed any more")]
pub struct NoReader;

/// Says something beside what was asked for, or what went wrong, on standard error.
pub fn aside(line: std::fmt::Arguments<'_>) {
    let line = line.to_string();
    let line = for_terminal(&line);
    let mut out = anstream::stderr().lock();
    let lines = screen::columns_beside().map(|columns| screen::fitted(&line, columns, 4));
    for line in lines.unwrap_or_else(|| vec![line.into_owned()]) {
        let _ = writeln!(out, "{line}");
    }
}

/// The same for a line that is to be copied: it is not folded.
pub fn aside_whole(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(anstream::stderr().lock(), "{}", for_terminal(&line.to_string()));
}

/// Writes to standard output.
///
/// # Errors
///
/// If nobody reads it any more ([`NoReader`]), as `head` does once it has seen enough. What else fails is told by
/// [`finish`], and the rest is not written.
pub fn write(bytes: &[u8]) -> Result<(), NoReader> {
    if FATE.get().is_none() {
        note(std::io::stdout().write_all(bytes));
    }
    match FATE.get() {
        None => Ok(()),
        Some(_) => Err(NoReader),
    }
}

/// Has what was written go out now.
///
/// # Errors
///
/// If nobody reads it any more.
pub fn flush() -> Result<(), NoReader> {
    if FATE.get().is_none() {
        note(std::io::stdout().flush());
    }
    if has_no_reader() { Err(NoReader) } else { Ok(()) }
}

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();
const STRONG: Style = Style::new().bold();

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

pub fn good(text: &str) -> String {
    styled(GOOD, text)
}

pub fn bad(text: &str) -> String {
    styled(BAD, text)
}

pub fn doubtful(text: &str) -> String {
    styled(DOUBTFUL, text)
}

pub fn strong(text: &str) -> String {
    styled(STRONG, text)
}

/// Where the values of facts stand.
pub const FACTS: usize = 19;

/// One aligned line of facts. A value that is one long word stands below its name where there is no room beside it.
pub fn fact(name: &str, value: impl std::fmt::Display) {
    let (room, value) = (screen::columns().unwrap_or(usize::MAX), value.to_string());
    let wide = screen::width(&value);
    if value.contains(' ') || FACTS + wide <= room {
        return print(format!("  {name:<16} {value}").trim_end(), if room < 3 * FACTS { 4 } else { FACTS });
    }
    print(&format!("  {name}"), 0);
    match value.starts_with("https://") && 4 + wide > room {
        true => filled(&value),
        false => print(&format!("    {value}"), 4),
    }
}

/// Prints an address that the terminal is not wide enough for on lines that are full and not indented: copied from there, it
/// has line breaks alone between its parts, which browsers leave out.
fn filled(address: &str) {
    print(address, 0);
}

/// Text from the listing on one line, with nothing in it that could command a terminal.
pub(crate) use crate::domain::visible::one_line;
pub(crate) use crate::domain::wording::{count, count_of, moment, span};

/// Prints a record: on a terminal what else is to be known of it on lines below, for a pipe all on one line.
pub fn record(head: &str, below: &[String]) {
    if screen::columns().is_none() {
        let all: Vec<&str> = std::iter::once(head).chain(below.iter().map(String::as_str)).collect();
        print(all.join("  ").trim_end(), 0);
        return;
    }
    print(head, screen::hanging(head));
    below.iter().for_each(|line| print(&format!("    {line}"), 6));
}

/// The narrowest room for a sentence beside something else.
const NARROWEST: usize = 12;

/// A sentence on lines that leave so many columns of the terminal for what stands before them; on one line for a pipe.
pub fn wrapped(text: &str, beside: usize) -> Vec<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match screen::columns() {
        _ if text.is_empty() => Vec::new(),
        None => vec![text],
        Some(columns) => screen::fitted(&text, columns.saturating_sub(beside).max(NARROWEST.min(columns)), 0),
    }
}

/// A time to the second.
pub fn time(at: Option<&prost_types::Timestamp>) -> String {
    at.and_then(time_from_wire).map_or_else(|| "unknown".to_owned(), moment)
}

/// A time to the second, and how long ago or ahead it is.
pub fn time_and_distance(at: Option<&prost_types::Timestamp>) -> String {
    let Some(at) = at.and_then(time_from_wire) else { return "unknown".to_owned() };
    let distance = now().duration_since(at);
    let said = if distance >= SignedDuration::ZERO {
        format!("{} ago", span(distance))
    } else {
        format!("in {}", span(-distance))
    };
    format!("{} ({said})", moment(at))
}

/// Says so where a time since when something is asked for is still to come: there can be nothing then.
pub fn warn_if_ahead(since: Option<Timestamp>) {
    if let Some(at) = since.filter(|at| *at > now()) {
        aside(format_args!(
            "{} --since {} is still to come: nothing can have happened since.",
            doubtful("NOTE:"),
            time_and_distance(Some(&crate::api::grpc::time_to_wire(at)))
        ));
    }
}

/// Lets a stretch of time pass that does not end before it begins.
///
/// # Errors
///
/// Says that it does: nothing lies in it, and none is no answer to what was meant.
pub fn in_order(since: Option<Timestamp>, until: Option<Timestamp>) -> anyhow::Result<()> {
    match (since, until) {
        (Some(since), Some(until)) if since > until => Err(anyhow::anyhow!(
            "--since {} is after --until {}: nothing lies between them",
            moment(since),
            moment(until)
        )),
        _ => Ok(()),
    }
}

/// Reads a whole number, and says what is wanted where it is none.
pub fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| "give a whole number, such as 1".to_owned())
}

/// A size in the unit that fits it.
pub fn bytes(value: u64) -> String {
    indicatif::HumanBytes(value).to_string()
}

/// Which listing an answer rests on.
pub fn snapshot(snapshot: Option<&v1::SnapshotRef>) -> String {
    match snapshot {
        None => "none".to_owned(),
        Some(snapshot) => {
            format!("{}, confirmed {}", snapshot.serial, time_and_distance(snapshot.confirmed_at.as_ref()))
        }
    }
}

/// Which listing an answer about a moment rests on; how old it was is told as of then.
pub fn snapshot_at(snapshot: Option<&v1::SnapshotRef>, at: Option<&prost_types::Timestamp>) -> String {
    match (snapshot, at) {
        (Some(reported), Some(_)) => {
            let age = reported.age.as_ref().map(duration_from_wire).unwrap_or_default();
            format!(
                "{}, confirmed {} ({} before that)",
                reported.serial,
                time(reported.confirmed_at.as_ref()),
                span(age)
            )
        }
        _ => self::snapshot(snapshot),
    }
}

/// The moment of which an answer tells, by the clocks of the world and by the FCC's; nothing where it tells of now.
pub fn as_of(at: Option<&prost_types::Timestamp>) -> Option<String> {
    let at = at.and_then(time_from_wire)?;
    Some(format!("as of {} ({})", moment(at), in_eastern(at)))
}

/// A filing's roles in words: those that it certifies.
pub fn roles(filing: &v1::Filing) -> String {
    let roles: Vec<&str> = filing
        .roles()
        .map(|role| match role {
            v1::ProviderRole::VoiceService => "voice service",
            v1::ProviderRole::Gateway => "gateway",
            v1::ProviderRole::NonGatewayIntermediate => "non-gateway intermediate",
            v1::ProviderRole::Unspecified => "unknown",
        })
        .collect();
    if roles.is_empty() { "none certified".to_owned() } else { roles.join(", ") }
}

/// What a filing certifies about STIR/SHAKEN, in words.
pub fn implementation(filing: &v1::Filing) -> &'static str {
    match filing.implementation() {
        v1::Implementation::Complete => "complete STIR/SHAKEN",
        v1::Implementation::Partial => "partial STIR/SHAKEN, mitigating robocalls",
        v1::Implementation::NoneMitigating => "no STIR/SHAKEN, mitigating robocalls",
        v1::Implementation::NotApplicable => "not stated",
        v1::Implementation::Unrecognized | v1::Implementation::Unspecified => "a text that is not known",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_spans_read_as_a_person_writes_them() {
        assert_eq!((count(7), count(1203), count(1_000_000)), ("7".into(), "1,203".into(), "1,000,000".into()));
        assert_eq!(span(SignedDuration::from_secs(59)), "59 s");
        assert_eq!(span(SignedDuration::from_mins(75)), "1 h 15 min");
        assert_eq!(span(SignedDuration::from_hours(49)), "2 d 1 h");
    }

    #[test]
    fn for_a_pipe_a_sentence_is_one_line() {
        assert_eq!(wrapped(&format!("one  two {}", "x".repeat(90)), 70), [format!("one two {}", "x".repeat(90))]);
        assert_eq!(wrapped("", 10), Vec::<String>::new());
    }

    #[test]
    fn text_from_outside_cannot_command_the_terminal() {
        assert_eq!(one_line("Ex\u{1b}[31mample\n LLC\u{7}"), "Ex\\u{1b}[31mample LLC\\u{7}");
    }
}
