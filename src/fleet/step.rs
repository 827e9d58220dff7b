//! What a site does next: a pure function of where it stands, what it has read, and the time.
//!
//! Nothing is done here, so that everything a site may meet can be tried out: whoever acts on it is in [`super::follow`] and
//! [`super::lead`].

use std::fmt;
use std::time::Duration;

use super::client::ReadFrom;
use super::head::{BaseName, Head};
use super::said::{Fetcher, Founding, Token, UNNAMED};
use crate::store::{FleetId, Log, Position};

/// So long a doubt about the engine itself must last before it is believed: a member that was just restored, or answers
/// stale, is none.
pub const DOUBT_LASTS: Duration = Duration::from_secs(10);

/// Where a site stands in one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Behind which entry.
    pub position: Position,
    /// Whether it holds nothing at all of that log, and has not looked at the base that it begins with.
    pub bare: bool,
    /// Whether the entry that comes next could not be had or applied, so that only a base leads on.
    pub stuck: bool,
}

/// What a site knows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// Which fleet its store is in; nothing where it holds nothing yet.
    pub fleet: Option<FleetId>,
    /// Where it stands, by [`Log::ALL`].
    pub places: [Place; 2],
    /// The newest read of which cluster it has seen.
    pub seen: Option<(u64, i64)>,
    /// Under which token it fetches; nothing where it does not.
    pub token: Option<Token>,
    /// Whether it may stand for fetching now: it is configured to, its clock is right, and it has not just given it up.
    pub may_stand: bool,
    /// Since when, and at which members, the engine is in doubt.
    pub doubt: Option<Doubted>,
    /// How many members there are.
    pub members: usize,
}

/// A doubt about the engine that has not gone away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubted {
    /// Since when, on a clock that only goes on.
    pub since: Duration,
    /// The places of the members that gave cause for it.
    pub at: Vec<usize>,
}

/// What a site has read, of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Where.
    pub from: ReadFrom,
    /// Which fleet it is; nothing where none was founded, or what says so cannot be read.
    pub fleet: Option<Founding>,
    /// The heads, by [`Log::ALL`]; nothing where one is not there or cannot be read.
    pub heads: [Option<Head>; 2],
    /// Who fetches.
    pub fetcher: Option<Fetcher>,
    /// What cannot be read of it because it is of a newer format, or damaged: a sentence.
    pub unreadable: Option<Unreadable>,
}

/// Why something that was read says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is of a format that this version does not know.
    Newer(String),
    /// It is not what was written.
    Damaged(String),
}

/// Why a site does not follow what it has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No fleet was founded there.
    NotFounded,
    /// Another fleet is there.
    Foreign(FleetId),
    /// The log ends before where the site stands, or has another entry there.
    Forked(Log),
    /// The same, and what stands there is no earlier state of what the site has followed.
    Branched(Log),
    /// The log of records ends, and the journal of this site has more: from this event to that one.
    Beyond(u64, u64),
    /// It has a format that this version does not know.
    Newer(String),
    /// It is not what was written.
    Damaged(String),
    /// Another site of this name lives.
    Twin(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFounded => f.write_str(
                "no fleet of this name is founded in its etcd: `rmdd fleet init` founds it, at the site that has come furthest",
            ),
            Self::Foreign(id) => write!(f, "the fleet in its etcd is another one, {id}"),
            Self::Forked(log) => write!(
                f,
                "the fleet's log `{}` is not the one that this site has followed: its etcd was restored from a backup",
                log.as_str()
            ),
            Self::Branched(log) => write!(
                f,
                "the fleet's log `{}` has gone another way than this site: etcd was restored from a backup, and written to or put \
                 back by another site since",
                log.as_str()
            ),
            Self::Beyond(first, last) => write!(
                f,
                "events {first} to {last} of operators' records came from this site's journal, and the fleet's log `records` ends \
                 before them: etcd was restored from a backup, and so was this site's store"
            ),
            Self::Twin(name) => write!(
                f,
                "another site of the name {name} lives in this fleet: give this one a name of its own (fleet.site)"
            ),
            Self::Newer(what) | Self::Damaged(what) => f.write_str(what),
        }
    }
}

/// What leads on in one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// The base is taken.
    Take(Log, BaseName),
    /// The entries up to the head are followed.
    Follow(Head),
}

/// What becomes of fetching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lead {
    /// It stays as it is.
    Stay,
    /// The site fetches no longer: another does, or nobody.
    Lost,
    /// The site stands for it.
    Stand,
}

/// What a site does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing: the read is older than one that was seen. Where that stays so, the engine was restored.
    Stale(Doubted),
    /// It waits: this may go away by itself.
    Wait(Trouble, Doubted),
    /// It stops following, says why, and looks again the next time.
    Stop(Trouble),
    /// It does this work; where there is none, it is current as of the beginning of the read.
    Go {
        /// What leads on.
        work: Vec<Work>,
        /// What becomes of fetching.
        lead: Lead,
    },
}

/// What a site does next.
pub fn step(stand: &Stand, read: &Reading, now: Duration) -> Step {
    if let Some((cluster, revision)) = stand.seen
        && cluster == read.from.cluster
        && read.from.revision < revision
    {
        let doubted = doubted(stand, read, now);
        if !is_believed(&doubted, stand, now) {
            return Step::Stale(doubted);
        }
    }
    match trouble(stand, read) {
        None => Step::Go { work: work(stand, read), lead: lead(stand, read) },
        // What is of a newer format is no matter of which member says so.
        Some(trouble @ (Trouble::Newer(_) | Trouble::NotFounded)) => Step::Stop(trouble),
        Some(trouble) => doubt(stand, read, trouble, now),
    }
}

/// A doubt is believed once it has lasted, at two members or at all that there are.
fn doubt(stand: &Stand, read: &Reading, trouble: Trouble, now: Duration) -> Step {
    let doubted = doubted(stand, read, now);
    match is_believed(&doubted, stand, now) {
        true => Step::Stop(trouble),
        false => Step::Wait(trouble, doubted),
    }
}

fn doubted(stand: &Stand, read: &Reading, now: Duration) -> Doubted {
    let mut doubted = stand.doubt.clone().unwrap_or(Doubted { since: now, at: Vec::new() });
    if !doubted.at.contains(&read.from.member) {
        doubted.at.push(read.from.member);
    }
    doubted
}

fn is_believed(doubted: &Doubted, stand: &Stand, now: Duration) -> bool {
    now.saturating_sub(doubted.since) >= DOUBT_LASTS && doubted.at.len() >= stand.members.min(2)
}

fn trouble(stand: &Stand, read: &Reading) -> Option<Trouble> {
    match &read.unreadable {
        Some(Unreadable::Newer(what)) => return Some(Trouble::Newer(what.clone())),
        Some(Unreadable::Damaged(what)) => return Some(Trouble::Damaged(what.clone())),
        None => {}
    }
    let Some(founding) = read.fleet else {
        if read.heads.iter().any(Option::is_some) {
            return Some(Trouble::Damaged(format!("{UNNAMED}, and its logs are: `rmdd fleet repair` puts it right")));
        }
        // Whoever is in a fleet that is not there any more looks at an engine that was lost, or at another one.
        return Some(Trouble::NotFounded);
    };
    if stand.fleet.is_some_and(|fleet| fleet != founding.id) {
        return Some(Trouble::Foreign(founding.id));
    }
    for (log, (place, head)) in Log::ALL.into_iter().zip(stand.places.iter().zip(&read.heads)) {
        let Some(head) = head else { return Some(Trouble::Damaged(format!("the log `{}` has no head", log.as_str()))) };
        let Place { position, bare, .. } = place;
        let another = head.index == position.index && head.sha256 != position.sha256;
        if !bare && (head.index < position.index || another) {
            return Some(Trouble::Forked(log));
        }
    }
    None
}

fn work(stand: &Stand, read: &Reading) -> Vec<Work> {
    let mut work = Vec::new();
    for (place, head) in stand.places.iter().zip(read.heads.iter().flatten()) {
        let base = head.base.filter(|base| place.bare || (place.stuck && base.index > place.position.index));
        match base {
            Some(base) => work.push(Work::Take(head.log, base)),
            None if head.index > place.position.index && !place.stuck => work.push(Work::Follow(*head)),
            None => {}
        }
    }
    work
}

fn lead(stand: &Stand, read: &Reading) -> Lead {
    let at_the_head = |(place, head): (&Place, &Head)| !place.bare && head.sha256 == place.position.sha256;
    match (&stand.token, &read.fetcher) {
        (Some(mine), Some(fetcher)) if fetcher.token == *mine => Lead::Stay,
        (Some(_), _) => Lead::Lost,
        (None, None) if stand.may_stand => {
            let all = stand.places.iter().zip(read.heads.iter().flatten()).all(at_the_head);
            if all && stand.fleet.is_some() { Lead::Stand } else { Lead::Stay }
        }
        (None, _) => Lead::Stay,
    }
}

/// Whether a site's clock is within 30 s of the median of what sites report, in milliseconds. Where nobody reports anything,
/// nothing speaks against it.
pub fn clock_is_right(own: Option<i64>, reported: &[i64]) -> bool {
    let mut sorted = reported.to_vec();
    sorted.sort_unstable();
    let (Some(own), Some(median)) = (own, sorted.get(sorted.len() / 2)) else { return true };
    own.abs_diff(*median) <= 30_000
}

/// How far clocks are apart that were read from what sites told of themselves, which is seen up to half a minute later.
const SURELY_APART: u64 = 90_000;

/// Whether most of all sites, of which these others are ahead of this one by so many milliseconds, have another time than this one.
/// Of two nobody knows which is wrong.
pub fn clock_stands_apart(ahead: &[i64]) -> bool {
    let apart = |ahead: &&i64| ahead.unsigned_abs() > SURELY_APART;
    let (later, earlier): (Vec<i64>, Vec<i64>) = ahead.iter().filter(apart).partition(|ahead| **ahead > 0);
    later.len().max(earlier.len()) * 2 > ahead.len() + 1
}

#[cfg(test)]
mod tests;
