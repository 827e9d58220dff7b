//! What the decision log tells of an upstream's last calls, and what it cannot tell.

use std::collections::HashMap;

use jiff::Timestamp;

use super::Line;
use crate::cli::text::{self, say};
use crate::domain::{Interface, Reason};
use crate::observe::decision_log::Logged;

/// The last calls of an upstream, those to 911 left out: they are accepted whatever it is.
#[derive(Debug, Default, Clone, PartialEq)]
struct Refused {
    /// Since when each call that is in the log was refused; nothing if the last one was accepted.
    since: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// A time for which the log has every call that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whole {
    from: Timestamp,
    /// Nothing if it still has them.
    until: Option<Timestamp>,
}

/// The last calls of all upstreams, whatever time or verdict is asked for: what came later is no less true.
#[derive(Debug, Default)]
pub struct Calls {
    refused: HashMap<String, Refused>,
    /// Which decisions are logged from when on, as the log says.
    levels: Vec<(Timestamp, String)>,
    /// The first accept that rests on nothing notable. Only where all is logged there is any: that tells what an older
    /// version logged, which did not say so.
    first_plain_accept: Option<Timestamp>,
}

impl Calls {
    /// From a time on the log has these decisions.
    pub fn level(&mut self, at: Timestamp, level: &str) {
        self.levels.push((at, level.to_owned()));
    }

    /// Takes a line of the log in, whatever upstream it is about.
    pub fn see(&mut self, line: &Line) {
        if line.reason == Reason::EmergencyCall.as_str() {
            return;
        }
        let accepts = line.verdict == "ACCEPT";
        if accepts && !line.by_policy && line.reason != Reason::Override.as_str() {
            self.first_plain_accept = self.first_plain_accept.or(Some(line.at));
        }
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

    /// The last time that reaches beyond this moment and for which the log has every call that was accepted.
    fn whole(&self, since: Timestamp) -> Option<Whole> {
        let all = Logged::All.as_str();
        let mut found: Option<Whole> = None;
        let mut open: Option<Timestamp> = match self.levels.first() {
            // Before it first said what it logs, or where it never did, it shows by what it has.
            Some((first, _)) => self.first_plain_accept.filter(|at| at < first),
            None => self.first_plain_accept,
        }
        .map(|_| since);
        for (at, level) in &self.levels {
            match open {
                None if level == all => open = Some(*at),
                Some(from) if level != all => {
                    found = (*at > since).then_some(Whole { from, until: Some(*at) }).or(found);
                    open = None;
                }
                _ => {}
            }
        }
        open.map(|from| Whole { from, until: None }).or(found)
    }

    /// What the log supports of an upstream whose last call was refused.
    pub fn of(&self, who: &str) -> Option<String> {
        let Refused { since: Some(since), last: Some(last) } = self.refused.get(who)? else { return None };
        Some(match self.whole(*since) {
            Some(Whole { from, until: None }) => {
                let from = text::moment(from.max(*since));
                format!("no call of it was accepted since {from}, as far as this log tells")
            }
            Some(Whole { from, until: Some(until) }) => {
                let (from, until) = (text::moment(from.max(*since)), text::moment(until));
                format!(
                    "no call of it was accepted from {from} to {until}, as far as this log tells; accepted calls are not in \
                     it since then"
                )
            }
            None => format!("last refused {}", text::moment(*last)),
        })
    }

    /// Says what the log does not have, where one of these was refused last.
    pub fn say_what_is_not_logged<'a>(&self, mut shown: impl Iterator<Item = &'a String>) {
        let lacks = |who: &String| {
            let since = self.refused.get(who).and_then(|refused| refused.since);
            since.is_some_and(|since| self.whole(since).is_none_or(|whole| whole.until.is_some()))
        };
        if shown.any(lacks) {
            say!("Accepted calls are not in the log unless decision_log.log = \"all\".");
        }
    }
}
