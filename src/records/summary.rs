//! The brief summary that a downstream provider sends to the Commission before it blocks (47 CFR 64.1200(k)(4)).

use std::fmt::Write;

use jiff::Timestamp;

use crate::domain::{Noted, Notice, Record, in_washington, rule};

/// What the database says of the provider.
#[derive(Debug, Clone, Default)]
pub struct Provider {
    /// Its name as filed; empty where none is known.
    pub business_name: String,
    /// What stands of it in the database, in words.
    pub standing: String,
}

/// The Commission's clocks are those of Washington.
fn day(at: Timestamp) -> String {
    in_washington(at).strftime("%B %-d, %Y, %H:%M %Z").to_string()
}

/// What became of one of the two duties by now.
fn duty(duty: &str, by: Timestamp, done: Option<&Noted>, now: Timestamp) -> String {
    let deadline = day(by);
    match done.filter(|done| done.at <= now) {
        Some(done) if done.at <= by => format!("{duty} by {deadline}: done {}. {}", day(done.at), done.note),
        Some(done) => format!("{duty} by {deadline}: done late, {}. {}", day(done.at), done.note),
        None if now <= by => format!("{duty} by {deadline}: the time for it has not run out yet."),
        None => format!("{duty} by {deadline}: NOT DONE, as far as we know."),
    }
}

/// Running text on lines that a mail shows whole. What is laid out in columns stays as it is.
fn wrapped(line: &str) -> String {
    if line.trim_start().contains("   ") {
        return line.to_owned();
    }
    let indent = if line.starts_with("  ") { "     " } else { "" };
    textwrap::fill(line, textwrap::Options::new(100).subsequent_indent(indent).break_words(false))
}

/// The summary, as text to be sent. `from` is who sends it.
pub fn summary(record: &Record, notice: &Notice, provider: &Provider, from: Option<&str>, now: Timestamp) -> String {
    let mut text = String::new();
    let name = if provider.business_name.is_empty() { "(name not known)" } else { &provider.business_name };
    let mut line = |line: &str| {
        let _ = writeln!(text, "{}", wrapped(line));
    };
    line("To:      Federal Communications Commission, Enforcement Bureau");
    line(&format!("From:    {}", from.unwrap_or("____________________________ (provider, FRN, contact)")));
    line(&format!("Date:    {}", day(now)));
    line(&format!("Subject: Notice before blocking under {}: {name}, {}", rule::NOTICE, record.provider));
    line("");
    line(&format!(
        "We take calls directly from {name} ({}). {} The Commission notified it of suspected illegal traffic{} on {}. \
         Under {} a downstream provider may block the traffic of a provider that does not effectively mitigate such \
         traffic within 48 hours of the notice's time stamp, or does not inform the Commission within 14 days of \
         measures that keep new and renewing customers from originating illegal calls.",
        record.provider,
        provider.standing,
        if notice.document.is_empty() { String::new() } else { format!(" ({})", notice.document) },
        day(notice.issued_at),
        rule::NOTICE,
    ));
    line("");
    line("The basis for our belief:");
    let mitigated = notice.mitigated.as_ref();
    line(&format!(
        "  1. {}",
        duty("Effective mitigation within 48 hours,", notice.mitigate_by(), mitigated, now).trim()
    ));
    let informed = notice.informed.as_ref();
    let inform = duty("Informing the Commission within 14 days,", notice.inform_by(), informed, now);
    line(&format!("  2. {}", inform.trim()));
    if !record.why.is_empty() {
        line(&format!("  3. {}", record.why));
    }
    line("");
    if notice.calls.is_empty() {
        line("No traced calls are on our record of the notice.");
    } else {
        line(&format!("Calls traced to it by the Industry Traceback Group ({}):", notice.calls.len()));
        line("");
        line("  Time of notification   Time of call           Caller            Called            Campaign; violation");
        let time = |at: Option<Timestamp>| {
            at.map_or_else(|| "not known".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
        };
        for call in &notice.calls {
            let about: Vec<&str> =
                [call.campaign.as_str(), &call.violation].into_iter().filter(|text| !text.is_empty()).collect();
            line(&format!(
                "  {:<21}  {:<21}  {:<16}  {:<16}  {}",
                time(call.notified_at),
                time(call.called_at),
                call.caller,
                call.called,
                about.join("; ")
            ));
        }
    }
    line("");
    line("We intend to block the traffic of this provider that we receive from it directly, calls to 911 excepted.");
    text
}
