//! What an alarm says, and what to do about it, apart.

use crate::api::grpc::v1::{Alarm, Severity};
use crate::cli::text;

/// What happened. An older daemon says it in one text with what to do.
pub fn finding(alarm: &Alarm) -> String {
    text::one_line(if alarm.finding.is_empty() { &alarm.message } else { &alarm.finding })
}

/// What to do about it, where somebody need do something.
pub fn what_to_do(alarm: &Alarm) -> Option<String> {
    (alarm.severity() != Severity::Note && !alarm.what_to_do.is_empty()).then(|| text::one_line(&alarm.what_to_do))
}
