//! Deadlines as a calendar: iCalendar (RFC 5545), which every calendar program takes in.
//!
//! Lines end with CR and LF and have 75 octets at most, folded between characters. Text from elsewhere is escaped, so that
//! no name of an upstream can end its line and begin a property of its own.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::deadlines::Entry;
use super::from_wire::word;
use super::standing;
use crate::domain::visible::one_line;

/// The longest line, in octets, without its end.
const OCTETS: usize = 75;

/// So many peers are named in an event's description.
const NAMED: usize = 200;

/// The calendar of these.
pub fn calendar<'a>(entries: impl Iterator<Item = &'a Entry>) -> String {
    let mut out = String::new();
    for property in [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//rmdd//deadlines//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "X-WR-CALNAME:Robocall Mitigation Database: deadlines",
    ] {
        line(&mut out, property);
    }
    let stamp = crate::observe::clock::now();
    entries.for_each(|entry| event(&mut out, entry, stamp));
    line(&mut out, "END:VCALENDAR");
    out
}

fn event(out: &mut String, entry: &Entry, stamp: Timestamp) {
    let what = standing::event(&entry.deadline);
    let mut description = format!("{what}.");
    if !entry.own {
        let _ = write!(description, "\nThen: {}.", entry.outcome);
    }
    let _ = write!(description, "\n{}", entry.whom_in_full(NAMED));
    // The moment is over when it comes: an event of no length is shown by no calendar.
    let end = entry.at.checked_add(SignedDuration::from_mins(15)).unwrap_or(entry.at);
    line(out, "BEGIN:VEVENT");
    line(out, &format!("UID:{}@rmdd", uid(entry)));
    line(out, &format!("DTSTAMP:{}", utc(stamp)));
    line(out, &format!("DTSTART:{}", utc(entry.at)));
    line(out, &format!("DTEND:{}", utc(end)));
    line(out, &format!("SUMMARY:{}", text(&format!("{}: {what}", entry.whom_in_full(3)))));
    line(out, &format!("DESCRIPTION:{}", text(&description)));
    line(out, &format!("CATEGORIES:{}", text(word(entry.deadline.kind().as_str_name(), "DEADLINE_KIND_"))));
    line(out, "TRANSP:TRANSPARENT");
    line(out, "BEGIN:VALARM");
    line(out, "ACTION:DISPLAY");
    line(out, &format!("DESCRIPTION:{}", text(&what)));
    line(out, "TRIGGER:-P1D");
    line(out, "END:VALARM");
    line(out, "END:VEVENT");
}

/// What stays the same of an event from one calendar to the next: what happens, by which record and to what end; where no
/// record names the moment, to whom. Of what comes every year, also when.
fn uid(entry: &Entry) -> String {
    let deadline = &entry.deadline;
    let rest = match deadline.record.as_str() {
        "" if entry.own || standing::is_common(deadline) => format!("{} {}", entry.at, entry.outcome),
        "" => entry.of.join("\n"),
        _ => entry.outcome.clone(),
    };
    let own = if entry.own { entry.of.join("\n") } else { String::new() };
    let digest = Sha256::digest(format!("{}\n{}\n{own}\n{rest}", deadline.kind, deadline.record));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Text as a value: escaped, each of its lines free of what could command anything.
fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (line, place) in text.lines().zip(0..) {
        if place > 0 {
            escaped.push_str("\\n");
        }
        for c in one_line(line).chars() {
            if matches!(c, '\\' | ';' | ',') {
                escaped.push('\\');
            }
            escaped.push(c);
        }
    }
    escaped
}

/// One content line, folded.
fn line(out: &mut String, content: &str) {
    let mut octets = 0;
    for c in content.chars() {
        if octets + c.len_utf8() > OCTETS {
            out.push_str("\r\n ");
            octets = 1;
        }
        out.push(c);
        octets += c.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::grpc::time_to_wire;
    use crate::api::grpc::v1::{Deadline, DeadlineKind};

    fn entry(name: &str) -> Entry {
        let at = "2026-11-08T06:30:00Z".parse().expect("a time");
        let deadline = Deadline {
            at: Some(time_to_wire(at)),
            kind: DeadlineKind::NoticeMitigate.into(),
            record: "notice n-1".to_owned(),
            ..Deadline::default()
        };
        Entry {
            at,
            deadline,
            outcome: "REFUSE".to_owned(),
            of: vec![name.to_owned()],
            filed: vec![String::new()],
            own: false,
        }
    }

    #[test]
    fn no_name_can_begin_a_property_and_no_line_is_too_long() {
        let hostile = "Ex\r\nATTACH:file:///etc/passwd\r\nEND:VEVENT, ünïcødé; \\n \u{202e}gpj".repeat(5);
        let calendar = calendar([entry(&hostile)].iter());
        assert!(calendar.ends_with("END:VCALENDAR\r\n"));
        let lines: Vec<&str> = calendar.split_terminator("\r\n").collect();
        assert!(lines.iter().all(|line| line.len() <= OCTETS && !line.contains(['\r', '\n'])), "{lines:?}");
        let begins = |name: &str| lines.iter().filter(|line| line.starts_with(name)).count();
        assert_eq!((begins("ATTACH"), begins("END:VEVENT"), begins("BEGIN:VEVENT")), (0, 1, 1));
        assert!(calendar.contains("DTSTART:20261108T063000Z\r\n"));
    }

    #[test]
    fn an_event_keeps_its_id_when_its_moment_moves_and_has_its_own() {
        let (one, mut moved, mut other) = (entry("a"), entry("a"), entry("a"));
        moved.at = "2026-11-09T06:30:00Z".parse().expect("a time");
        moved.of.push("a second peer of its provider".to_owned());
        assert_eq!(uid(&one), uid(&moved));
        other.deadline.record = "notice n-2".to_owned();
        assert_ne!(uid(&one), uid(&other));
    }
}
