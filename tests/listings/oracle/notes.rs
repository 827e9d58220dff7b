//! What operators noted, and what it means for a provider.

use std::collections::{BTreeSet, HashMap};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::matrix::{Choice, Facts, Policy, Question, Ruling, refuse};
use super::model::{Filing, Who};
use super::recertified::{begin, day};

/// One note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub who: Who,
    pub says: Says,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    Override { allow: bool, expires: Option<Timestamp> },
    Removal { released: Date },
    FinalDetermination { released: Date, notified: bool },
    ShowCause { released: Date },
    Notice { issued: Timestamp, mitigated: Option<Timestamp>, informed: Option<Timestamp>, notified: bool },
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Book {
    pub notes: Vec<Note>,
    by_name: HashMap<Who, Vec<usize>>,
}

/// How a removal order bears on what stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Bars,
    Spent,
    Unclear(&'static str),
}

/// What the notes come to for one provider.
#[derive(Debug, Clone)]
pub struct Noted {
    /// Each unexpired override: whether it allows.
    pub overrides: Vec<bool>,
    pub final_determination_binds: bool,
    pub removal_order: Standing,
    /// A notice that is not answered in time, of which the Commission was told.
    pub refusable_notice: bool,
    /// A Final Determination Order that does not bind yet, of which the Commission was told.
    pub refusable_determination: bool,
    /// Whether all that stands came, or came back, after what a removal order found was gone.
    again_after_order: bool,
    must: Vec<&'static str>,
    must_not: Vec<&'static str>,
}

impl Noted {
    /// The refusal that policy draws from them, where all else accepts.
    pub fn refusal(&self, policy: Policy) -> Option<Ruling> {
        if self.refusable_notice && policy.notice_unanswered == Choice::Refuse {
            Some(refuse("NOTICE_UNANSWERED", "64.1200(k)(4)"))
        } else if self.refusable_determination && policy.final_determination_early == Choice::Refuse {
            Some(refuse("FINAL_DETERMINATION", "64.1200(n)(3)"))
        } else {
            None
        }
    }

    /// The advisories that the notes give rise to. They stand beside a refusal for a notice, too.
    pub fn advise(&self, ruling: &mut Ruling) {
        ruling.must_not.extend(&self.must_not);
        if ruling.accept {
            if self.again_after_order && ruling.reason == "LISTED" {
                ruling.must.push("LISTED_AGAIN|SUCCESSOR");
            }
            ruling.must.extend(&self.must);
        } else if ruling.reason == "NOTICE_UNANSWERED" {
            ruling
                .must
                .extend(self.must.iter().filter(|code| matches!(**code, "NOTICE_PENDING" | "NOTICE_ANSWERED_LATE")));
        }
    }
}

impl Book {
    pub fn of(notes: Vec<Note>) -> Self {
        let mut by_name: HashMap<Who, Vec<usize>> = HashMap::new();
        for (place, note) in notes.iter().enumerate() {
            by_name.entry(note.who.clone()).or_default().push(place);
        }
        Self { notes, by_name }
    }

    /// The notes about a provider, whichever of its numbers they name.
    pub fn concerning(&self, question: &Question, provider: &[&Filing]) -> Vec<&Note> {
        if self.notes.is_empty() {
            return Vec::new();
        }
        let numbers = provider.iter().map(|filing| Who::Number(filing.number.clone()));
        let frns = provider.iter().filter_map(|filing| filing.frn.clone()).map(Who::Frn);
        let names: BTreeSet<Who> = numbers.chain(frns).chain([question.who.clone()]).collect();
        let places: BTreeSet<usize> = names.iter().filter_map(|who| self.by_name.get(who)).flatten().copied().collect();
        places.into_iter().map(|place| &self.notes[place]).collect()
    }

    /// What is noted about a provider, whichever of its numbers the note names.
    pub fn about(&self, question: &Question, provider: &[&Filing], facts: &Facts<'_>) -> Noted {
        let now = facts.now;
        let mut noted = Noted {
            overrides: Vec::new(),
            final_determination_binds: false,
            removal_order: Standing::Spent,
            refusable_notice: false,
            refusable_determination: false,
            again_after_order: false,
            must: Vec::new(),
            must_not: Vec::new(),
        };
        let mut notices = Vec::new();
        for note in self.concerning(question, provider) {
            match &note.says {
                Says::Override { allow, expires } => {
                    noted.overrides.extend((expires.is_none_or(|end| now < end)).then_some(*allow));
                }
                Says::FinalDetermination { released, notified } => {
                    let binds = day(now) >= *released + 30.days();
                    noted.final_determination_binds |= binds;
                    noted.refusable_determination |= !binds && *notified;
                    noted.must.push("FINAL_DETERMINATION");
                }
                Says::ShowCause { .. } => noted.must.push("WATCH_LISTED"),
                Says::Removal { released } => {
                    let (current, again) = bars(&note.who, *released, provider, facts.model.seen[0]);
                    noted.removal_order = worse(noted.removal_order, current);
                    noted.again_after_order |= again;
                }
                Says::Notice { issued, mitigated, informed, notified } => {
                    let state = notice(*issued, *mitigated, *informed, now);
                    noted.refusable_notice |= state == "NOTICE_UNANSWERED" && *notified;
                    notices.push(state);
                }
            }
        }
        for code in ["NOTICE_PENDING", "NOTICE_UNANSWERED", "NOTICE_ANSWERED_LATE"] {
            if notices.contains(&code) { &mut noted.must } else { &mut noted.must_not }.push(code);
        }
        for code in ["WATCH_LISTED", "FINAL_DETERMINATION"] {
            if !noted.must.contains(&code) {
                noted.must_not.push(code);
            }
        }
        noted
    }
}

/// 48 hours and 14 days from its time stamp.
fn notice(
    issued: Timestamp,
    mitigated: Option<Timestamp>,
    informed: Option<Timestamp>,
    now: Timestamp,
) -> &'static str {
    let steps = [(mitigated, issued + 48.hours()), (informed, issued + (14 * 24).hours())];
    if steps.iter().any(|(done, due)| done.is_none() && now > *due) {
        "NOTICE_UNANSWERED"
    } else if steps.iter().any(|(done, _)| done.is_none()) {
        "NOTICE_PENDING"
    } else if steps.iter().any(|(done, due)| done.is_some_and(|done| done > *due)) {
        "NOTICE_ANSWERED_LATE"
    } else {
        "answered"
    }
}

/// An order bars the filings that stood at its release, until they have been missing at any moment since. Where the
/// history begins later, what stood in its first listing is taken to have stood. Also says whether all that stands came,
/// or came back, after what it found was gone.
fn bars(who: &Who, released: Date, provider: &[&Filing], history_begins: Timestamp) -> (Standing, bool) {
    let release = begin(released).max(history_begins);
    let ordered = |filing: &Filing| match who {
        Who::Frn(_) => true,
        Who::Number(number) => filing.number == *number,
    };
    let found: Vec<&Filing> =
        provider.iter().copied().filter(|filing| ordered(filing) && filing.stood_at(release)).collect();
    let current: Vec<&Filing> = provider.iter().copied().filter(|filing| filing.stands()).collect();
    let barred = |filing: &Filing| found.iter().any(|f| f.number == filing.number) && !filing.missing_since(release);
    match (current.iter().any(|filing| barred(filing)), current.iter().all(|filing| barred(filing))) {
        (true, true) => return (Standing::Bars, false),
        (true, false) => {
            return (Standing::Unclear("an order bars some of a provider's filings and not the others"), false);
        }
        _ => {}
    }
    let gone = |filing: &&Filing| filing.spells.iter().filter_map(|spell| spell.until).find(|until| *until >= release);
    let Some(all_gone) = found.iter().filter_map(gone).max() else { return (Standing::Spent, false) };
    let later = |filing: &&Filing| ordered(filing) && filing.known_since() > release;
    for filing in current.iter().copied().filter(|filing| later(filing)) {
        if filing.known_since() < all_gone {
            let why = "a filing came after an order and before all that it found were gone";
            return (Standing::Unclear(why), false);
        }
        if filing.known_since() == all_gone {
            let why = "a filing came with the listing in which the last that an order found was gone";
            return (Standing::Unclear(why), false);
        }
    }
    let again = current.iter().all(|filing| filing.spells.len() > 1 || filing.known_since() > all_gone);
    (Standing::Spent, again)
}

/// The worse of two.
fn worse(one: Standing, other: Standing) -> Standing {
    match (one, other) {
        (Standing::Bars, _) | (_, Standing::Bars) => Standing::Bars,
        (Standing::Unclear(why), _) | (_, Standing::Unclear(why)) => Standing::Unclear(why),
        _ => Standing::Spent,
    }
}
