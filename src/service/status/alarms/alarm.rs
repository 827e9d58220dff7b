//! What an alarm is.

use crate::domain::AlarmCode;

/// How bad it is. The order is that of badness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The listing was confirmed recently and nothing is wrong.
    Fresh,
    /// Answers are good, but somebody should look.
    Warning,
    /// Answers rest on an old listing, or there are none.
    Critical,
}

/// How bad an alarm is. The order is that of badness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is wrong: it says why the listing was applied.
    Note,
    /// Answers are good, but somebody should look.
    Warning,
    /// Answers rest on an old listing, or there are none.
    Critical,
}

impl Severity {
    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Something that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// A stable code.
    pub code: AlarmCode,
    /// How bad it is.
    pub severity: Severity,
    /// What happened, to what: a sentence that has no full stop. It names no remedy.
    pub message: String,
    /// What to do about it: a clause that begins small and has no full stop; empty where nobody need do anything.
    pub remedy: String,
}

impl Alarm {
    /// An alarm with the remedy that its code has.
    pub fn new(code: AlarmCode, severity: Severity, message: impl Into<String>) -> Self {
        Self { code, severity, message: message.into(), remedy: code.remedy().to_owned() }
    }

    /// With a remedy that is more exact than its code's.
    pub fn remedied_by(self, remedy: impl Into<String>) -> Self {
        Self { remedy: remedy.into(), ..self }
    }

    /// What happened and what to do, as one text.
    pub fn whole(&self) -> String {
        match self.remedy.is_empty() {
            true => self.message.clone(),
            false => format!("{}. What to do: {}", self.message.trim_end_matches('.'), self.remedy),
        }
    }
}

/// The worst of the alarms.
pub fn state(alarms: &[Alarm]) -> State {
    match alarms.iter().map(|alarm| alarm.severity).max() {
        None | Some(Severity::Note) => State::Fresh,
        Some(Severity::Warning) => State::Warning,
        Some(Severity::Critical) => State::Critical,
    }
}
