//! What the decision log tells of an upstream's last calls, and what it cannot tell.

use std::collections::HashMap;

use jiff::Timestamp;

use super::Line;
use crate::cli::text::{self, say};
use crate::domain::{Interface, Reason};

/// The last calls of an upstream, those to 911 left out: they are accepted whatever it is.
#[derive(Debug, Default, Clone, PartialEq)]
struct Refused {
    /// Since when each call that is in the log was refused; nothing if the last one was accepted.
    since: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// The last calls of all upstreams, whatever time or verdict is asked for: what came later is no less true.
#[derive(Debug, Default)]
pub struct Calls {
    refused: HashMap<String, Refused>,
    /// Whether the log has an accept that rests on nothing notable. Only where all is logged it has any.
    has_plain_accepts: bool,
}

impl Calls {
    /// Takes a line of the log in, whatever upstream it is about.
    pub fn see(&mut self, line: &Line) {
        if line.reason == Reason::EmergencyCall.as_str() {
            return;
        }
        let accepts = line.verdict == "ACCEPT";
        self.has_plain_accepts |= accepts && !line.by_policy && line.reason != Reason::Override.as_str();
        // Who asks with `rmdd check` has no call.
        if line.interface == Interface::Cli.as_str() {
            return;
        }
        let refused = self.refused.entry(line.asked.named()).or_default();
        if accepts {
            *refused = Refused::default();
        } else {
            refused.since = refused.since.or(Some(line.at));
            refused.last = refused.last.max(Some(line.at));
        }
    }

    /// What the log supports of an upstream whose last call was refused.
    pub fn of(&self, who: &str) -> Option<String> {
        let refused = self.refused.get(who)?;
        match (refused.since, refused.last) {
            (Some(since), _) if self.has_plain_accepts => {
                Some(format!("no call of it was accepted since {}, as far as this log tells", text::moment(since)))
            }
            (_, Some(last)) => Some(format!("last refused {}", text::moment(last))),
            _ => None,
        }
    }

    /// Says what the log does not have, where one of these was refused last.
    pub fn say_what_is_not_logged<'a>(&self, mut shown: impl Iterator<Item = &'a String>) {
        let is_refused = |who: &String| self.refused.get(who).is_some_and(|refused| refused.last.is_some());
        if !self.has_plain_accepts && shown.any(is_refused) {
            say!("Accepted calls are not in the log unless decision_log.log = \"all\".");
        }
    }
}
