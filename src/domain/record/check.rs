//! Whether a record makes sense.

use jiff::Timestamp;
use thiserror::Error;

use super::super::wording::moment;
use super::super::{PeerName, earliest_of, eastern_day, has_come};
use super::{Noted, Notice, Order, OrderKind, Record, RecordBody, TracedCall};

/// What is wrong with a record, by field.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("field {field}: {problem}")]
pub struct BadField {
    /// The field's name in CSV and JSON.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl BadField {
    /// A problem of a field.
    pub fn new(field: &str, problem: impl Into<String>) -> Self {
        Self { field: field.to_owned(), problem: problem.into() }
    }
}

/// Refuses text that does something instead of being read: controls, and signs that turn the direction of writing around.
/// What is merely not seen stays, and is shown as an escape. Line breaks and tabs are text.
fn visible(field: &str, text: &str) -> Result<(), BadField> {
    let acts = |c: &char| {
        (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
            || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    match text.chars().find(acts) {
        Some(c) => Err(BadField::new(
            field,
            format!("it holds a sign that is not seen and changes what is shown, {}: take it out", c.escape_unicode()),
        )),
        None => Ok(()),
    }
}

/// No order is older: the database was opened on April 20, 2021, and a year in the past is a slip of the pen.
const FIRST_YEAR_OF_ORDERS: i16 = 2021;

/// The longest free text that is kept, in characters.
const LONGEST_TEXT: usize = 2000;

impl Record {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// Names the first field that makes no sense.
    pub fn check(&self, now: Timestamp) -> Result<(), BadField> {
        if self.by.trim().is_empty() {
            return bad("by", "it is empty: say who puts this on record".to_owned());
        }
        text("by", &self.by)?;
        text("why", &self.why)?;
        if self.at > now {
            return bad("at", format!("{} has not come yet", moment(self.at)));
        }
        // One that ended after it was put on record is history: an export holds such, and is taken in again.
        if let Some(end) = self.expires_at.filter(|end| *end <= self.at) {
            return bad("expires_at", format!("{} is past: the record would have no effect", moment(end)));
        }
        match &self.body {
            RecordBody::Peer(peer) => peer.check().or_else(|problem| bad("name", problem)),
            RecordBody::Override(_) if self.why.trim().is_empty() => {
                bad("why", "it is empty: an override needs a reason".to_owned())
            }
            RecordBody::Override(_) => Ok(()),
            RecordBody::Order(order) => order.check(now),
            RecordBody::Notice(notice) => notice.check(now),
        }
    }
}

fn bad(field: &str, problem: String) -> Result<(), BadField> {
    Err(BadField::new(field, problem))
}

fn text(field: &str, text: &str) -> Result<(), BadField> {
    if text.chars().count() > LONGEST_TEXT {
        return bad(field, format!("it is longer than {LONGEST_TEXT} characters"));
    }
    visible(field, text)
}

/// What names a document or a notice.
fn name(field: &str, name: &str) -> Result<(), BadField> {
    if name.trim().is_empty() || name.chars().count() > PeerName::LONGEST || name.chars().any(char::is_control) {
        return bad(field, format!("give 1 to {} characters, none of them a control character", PeerName::LONGEST));
    }
    visible(field, name)
}

impl Noted {
    /// Whether it may have happened when it is said to have: not before what it follows, and not in the future.
    fn check(&self, field: &str, (earliest, what): (Timestamp, &str), now: Timestamp) -> Result<(), BadField> {
        if self.at < earliest {
            return bad(&format!("{field}_at"), format!("{} is before {what}, {}", moment(self.at), moment(earliest)));
        }
        if !has_come(self.at, now) {
            return bad(&format!("{field}_at"), format!("{} has not come yet", moment(self.at)));
        }
        text(&format!("{field}_note"), &self.note)
    }
}

impl Order {
    fn check(&self, now: Timestamp) -> Result<(), BadField> {
        name("document", &self.document)?;
        if self.released > eastern_day(now) {
            return bad("released", format!("{} has not come yet", self.released));
        }
        if self.released.year() < FIRST_YEAR_OF_ORDERS {
            return bad(
                "released",
                format!(
                    "{} is before {FIRST_YEAR_OF_ORDERS}, when the FCC's database began: there was no such order",
                    self.released
                ),
            );
        }
        if self.kind != OrderKind::FinalDetermination && self.notified.is_some() {
            return bad("notified_at", format!("a {} asks for no notice to the Commission", self.kind.label()));
        }
        let release = (self.effective_at(), "the order's release");
        self.notified.as_ref().map_or(Ok(()), |notified| notified.check("notified", release, now))
    }
}

impl Notice {
    fn check(&self, now: Timestamp) -> Result<(), BadField> {
        name("id", &self.id)?;
        text("document", &self.document)?;
        text("basis", &self.basis)?;
        if !has_come(self.issued_at, now) {
            return bad("issued_at", format!("{} has not come yet", moment(self.issued_at)));
        }
        let issue = (earliest_of(self.issued_at), "the notice itself");
        for (field, noted) in
            [("mitigated", &self.mitigated), ("informed", &self.informed), ("notified", &self.notified)]
        {
            noted.as_ref().map_or(Ok(()), |noted| noted.check(field, issue, now))?;
        }
        for (call, place) in self.calls.iter().zip(1..) {
            call.check().map_err(|bad| BadField { field: format!("calls[{place}].{}", bad.field), ..bad })?;
        }
        Ok(())
    }
}

impl TracedCall {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// Names the first field that makes no sense.
    pub fn check(&self) -> Result<(), BadField> {
        for (field, number) in [("caller", &self.caller), ("called", &self.called)] {
            let digits = number.chars().filter(char::is_ascii_digit).count();
            let written = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '(' | ')' | ' ');
            if !number.is_empty() && (!number.chars().all(written) || !(3..=15).contains(&digits)) {
                return bad(field, format!("{number:?} is no telephone number"));
            }
        }
        for (field, text) in [("campaign", &self.campaign), ("violation", &self.violation)] {
            if text.chars().count() > LONGEST_TEXT {
                return bad(field, format!("it is longer than {LONGEST_TEXT} characters"));
            }
            visible(field, text)?;
        }
        match (self.notified_at, self.called_at) {
            (_, None) => bad("called_at", "it is empty: say when the call was made".to_owned()),
            (Some(notified), Some(called)) if notified < called => {
                bad("notified_at", format!("{notified} is before the call itself, {called}"))
            }
            _ => Ok(()),
        }
    }
}
