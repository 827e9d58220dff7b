//! The brief summary that a downstream provider sends to the Commission before it blocks (47 CFR 64.1200(k)(4)).
//!
//! It leaves the house: it says what the database and the notice say, and the basis that was written for it. What operators
//! note for each other (a record's `why`, the notes of responses) is no part of it. Its times are Eastern throughout.

use std::fmt::Write;

use jiff::Timestamp;

use crate::domain::visible::one_line;
use crate::domain::{Frn, Identity, Noted, Notice, Record, has_come, in_eastern_time, is_day_alone, rule};

/// What the database and the operators' records say of the provider.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name as filed; empty where none is known.
    pub business_name: String,
    /// Its FRN, if it is known.
    pub frn: Option<Frn>,
    /// Whether a peer on record is bound to it: then calls come from it directly.
    pub hands_calls_to_us: bool,
    /// Where it stands in the database.
    pub status: FilingStatus,
    /// When the copy of the database was last confirmed.
    pub as_of: Option<Timestamp>,
}

/// Where a provider stands in the database.
#[derive(Debug, Clone)]
pub enum FilingStatus {
    /// These filings of it stand.
    Filed(Vec<String>),
    /// None stands; this one did.
    Removed {
        /// Its number.
        number: String,
        /// When it was first missing.
        first_missing: Timestamp,
    },
    /// None is known.
    Unknown,
}

/// A time, Eastern.
fn time(at: Timestamp) -> String {
    in_eastern_time(at).strftime("%B %-d, %Y, %H:%M %Z").to_string()
}

/// When something happened. What is on record of a day alone is its last moment, which nobody claims it was.
fn happened(at: Timestamp) -> String {
    if is_day_alone(at) { in_eastern_time(at).strftime("%B %-d, %Y").to_string() } else { time(at) }
}

/// What became of one of the two duties by now.
fn duty(duty: &str, by: Timestamp, done: Option<&Noted>, now: Timestamp) -> String {
    let deadline = time(by);
    match done.filter(|done| has_come(done.at, now)) {
        Some(done) if done.at <= by => format!("{duty} by {deadline}: done {}.", happened(done.at)),
        Some(done) => format!("{duty} by {deadline}: done late, {}.", happened(done.at)),
        None if now <= by => format!("{duty} by {deadline}: the time for it has not run out yet."),
        None => format!("{duty} by {deadline}: NOT DONE, to our knowledge."),
    }
}

/// What the lines at the top begin with.
const HEADINGS: [&str; 3] = ["From:    ", "Date:    ", "Subject: "];

/// A mail and a terminal show so many columns whole.
const COLUMNS: usize = 78;

/// Running text on lines that a mail shows whole.
fn wrapped(line: &str) -> String {
    let indent = match line {
        item if item.starts_with("  ") => "     ",
        heading if HEADINGS.iter().any(|name| heading.starts_with(name)) => "         ",
        _ => "",
    };
    textwrap::fill(line, textwrap::Options::new(COLUMNS).subsequent_indent(indent).break_words(false))
}

/// The provider's numbers: its FRN, and that of the filing that the notice is on record under.
fn numbers(record: &Record, provider: &Provider) -> String {
    match (record.provider, provider.frn) {
        (Identity::RmdNumber(number), Some(frn)) => format!("FRN {frn}, {number}"),
        (identity, _) => identity.to_string(),
    }
}

/// Who the provider is, and whether calls come from it.
fn introduction(name: &str, provider: &Provider) -> String {
    let as_of = provider.as_of.map_or_else(String::new, |at| format!(", by our copy of {}", time(at)));
    let stands = match &provider.status {
        FilingStatus::Filed(filings) => {
            format!("{name} stands in the Robocall Mitigation Database under {}{as_of}.", filings.join(", "))
        }
        FilingStatus::Removed { number, first_missing } => format!(
            "The filing {number} of {name} is no longer in the Robocall Mitigation Database{as_of}; we first found it \
             missing on {}.",
            time(*first_missing)
        ),
        FilingStatus::Unknown => {
            format!("No filing of {name} is known to us in the Robocall Mitigation Database{as_of}.")
        }
    };
    if provider.hands_calls_to_us { format!("{stands} It hands calls to us directly.") } else { stands }
}

fn the_notice(notice: &Notice) -> String {
    let document = one_line(&notice.document);
    let document = if document.is_empty() { String::new() } else { format!(" ({document})") };
    let unknown = if is_day_alone(notice.issued_at) {
        " The time of day of its time stamp is not on our record, and the end of that day is taken for it."
    } else {
        ""
    };
    format!(
        "The Commission notified it of suspected illegal traffic{document} on {}.{unknown} Under {} a downstream provider \
         may block the traffic of a provider that does not effectively mitigate such traffic within 48 hours of the \
         notice's time stamp, or does not inform the Commission within 14 days of measures that keep new and renewing \
         customers from originating illegal calls.",
        happened(notice.issued_at),
        rule::NOTICE,
    )
}

/// The traced calls, laid out in columns.
fn calls(notice: &Notice) -> String {
    if notice.calls.is_empty() {
        return "No traced calls are on our record of the notice.\n".to_owned();
    }
    let time = |at: Option<Timestamp>| {
        at.map_or_else(|| "not known".to_owned(), |at| in_eastern_time(at).strftime("%Y-%m-%d %H:%M %Z").to_string())
    };
    let mut text = format!(
        "Calls traced to it by the Industry Traceback Group ({}), as the notice has them:\n\n  \
         Time of notification   Time of call           Caller            Called            Campaign; violation\n",
        notice.calls.len()
    );
    for call in &notice.calls {
        let about = [one_line(&call.campaign), one_line(&call.violation)];
        let about: Vec<&str> = about.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        let _ = writeln!(
            text,
            "  {:<21}  {:<21}  {:<16}  {:<16}  {}",
            time(call.notified_at),
            time(call.called_at),
            one_line(&call.caller),
            one_line(&call.called),
            about.join("; ")
        );
    }
    text
}

/// The summary, as text to be sent. `from` is who sends it.
pub fn summary(record: &Record, notice: &Notice, provider: &Provider, from: Option<&str>, now: Timestamp) -> String {
    let numbers = numbers(record, provider);
    let name = match one_line(&provider.business_name) {
        name if name.is_empty() => "the provider (name not known)".to_owned(),
        name => name,
    };
    let (mitigated, informed) = (notice.mitigated.as_ref(), notice.informed.as_ref());
    let mut lines = Vec::new();
    if !notice.is_overdue(now) {
        lines.push(
            "DRAFT, not to be sent: no deadline of the notice has passed without an answer on record.\n".to_owned(),
        );
    }
    lines.extend([
        "To:      Federal Communications Commission, Enforcement Bureau".to_owned(),
        format!(
            "From:    {}",
            from.map_or_else(|| "____________________________ (provider, FRN, contact)".to_owned(), one_line)
        ),
        format!("Date:    {}", time(now)),
        format!("Subject: Notice before blocking under {}: {name}, {numbers}", rule::NOTICE),
        String::new(),
        introduction(&format!("{name} ({numbers})"), provider),
        String::new(),
        the_notice(notice),
        String::new(),
        "The basis for our determination:".to_owned(),
        format!("  1. {}", duty("Effective mitigation within 48 hours,", notice.mitigate_by(), mitigated, now)),
        format!("  2. {}", duty("Informing the Commission within 14 days,", notice.inform_by(), informed, now)),
    ]);
    if !notice.basis.is_empty() {
        lines.push(format!("  3. {}", one_line(&notice.basis)));
    }
    let mut text = lines.iter().fold(String::new(), |text, line| text + &wrapped(line) + "\n");
    let intent = if provider.hands_calls_to_us {
        "We intend to block the traffic that we receive from it directly, calls to 911 excepted."
    } else {
        "We intend to block any traffic that it hands to us directly, calls to 911 excepted."
    };
    let _ = writeln!(text, "\n{}\n{intent}\nAll times are Eastern: EST is UTC-5, EDT is UTC-4.", calls(notice));
    text
}
