//! What a site does next: a pure function of where it stands, what it has read, and the time.
//!
//! Nothing is done here, so that everything a site may meet can be tried out: whoever acts on it is in [`super::follow`] and
//! [`super::lead`].

use std::fmt;
use std::time::Duration;

use super::client::ReadFrom;
use super::head::{BaseName, Head};
use super::said::{Fetcher, Founding, Token};
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::Sha256Digest;
    use crate::fleet::FORMAT;
    use crate::fleet::blob::BlobName;

    const FLEET: FleetId = FleetId([1; 16]);

    fn position(log: Log, index: u64) -> Position {
        match index {
            0 => Position::origin(FLEET, log),
            _ => Position { index, sha256: digest(log, index), at: Timestamp::UNIX_EPOCH },
        }
    }

    fn digest(log: Log, index: u64) -> Sha256Digest {
        Sha256Digest::of(format!("{} {index}", log.as_str()).as_bytes())
    }

    fn base(index: u64) -> BaseName {
        let sha256 = Sha256Digest::of(b"a manifest");
        BaseName { index, manifest: BlobName { sha256, packed_bytes: 1, bytes: 1 } }
    }

    fn head(log: Log, index: u64) -> Head {
        let Position { index, sha256, .. } = position(log, index);
        Head { log, index, sha256, base: Some(base(0)) }
    }

    fn stand(listing: u64, records: u64) -> Stand {
        let place = |log, index| Place { position: position(log, index), bare: false, stuck: false };
        Stand {
            fleet: Some(FLEET),
            places: [place(Log::Listing, listing), place(Log::Records, records)],
            seen: None,
            token: None,
            may_stand: true,
            doubt: None,
            members: 3,
        }
    }

    fn read(listing: u64, records: u64) -> Reading {
        Reading {
            from: ReadFrom { cluster: 7, revision: 100, member: 0 },
            fleet: Some(Founding { id: FLEET, format: FORMAT, schedule_minute: 5 }),
            heads: [Some(head(Log::Listing, listing)), Some(head(Log::Records, records))],
            fetcher: Some(fetcher(9)),
            unreadable: None,
        }
    }

    fn fetcher(token: u8) -> Fetcher {
        Fetcher { token: Token([token; 16]), site: "ams".to_owned(), since: Timestamp::UNIX_EPOCH }
    }

    const NOW: Duration = Duration::from_secs(1000);

    fn idle() -> Step {
        Step::Go { work: Vec::new(), lead: Lead::Stay }
    }

    #[test]
    fn a_site_at_both_heads_is_current_and_one_behind_follows_what_it_lacks() {
        assert_eq!(step(&stand(4, 2), &read(4, 2), NOW), idle());
        let behind = Step::Go { work: vec![Work::Follow(head(Log::Listing, 6))], lead: Lead::Stay };
        assert_eq!(step(&stand(4, 2), &read(6, 2), NOW), behind);
        let work = vec![Work::Follow(head(Log::Listing, 6)), Work::Follow(head(Log::Records, 3))];
        assert_eq!(step(&stand(4, 2), &read(6, 3), NOW), Step::Go { work, lead: Lead::Stay });
    }

    #[test]
    fn a_read_of_the_same_cluster_that_is_older_than_one_seen_counts_as_none() {
        let mut stand = stand(4, 2);
        stand.seen = Some((7, 101));
        let Step::Stale(doubted) = step(&stand, &read(3, 2), NOW) else { panic!("taken for a fork") };
        stand.doubt = Some(Doubted { at: vec![0, 1], ..doubted });
        assert!(matches!(step(&stand, &read(3, 2), NOW + Duration::from_secs(9)), Step::Stale(_)));
        let restored = step(&stand, &read(3, 2), NOW + DOUBT_LASTS);
        assert_eq!(restored, Step::Stop(Trouble::Forked(Log::Listing)), "it stays so at two members");
        stand.doubt = None;
        stand.seen = Some((7, 100));
        assert_eq!(step(&stand, &read(4, 2), NOW), idle());
        stand.seen = Some((8, 101));
        assert_eq!(step(&stand, &read(4, 2), NOW), idle(), "another cluster counts from one again");
    }

    #[test]
    fn a_site_that_holds_nothing_takes_the_bases_and_one_that_cannot_go_on_waits_for_a_newer_one() {
        let mut empty = stand(0, 0);
        empty.fleet = None;
        empty.places.iter_mut().for_each(|place| place.bare = true);
        let work = vec![Work::Take(Log::Listing, base(0)), Work::Take(Log::Records, base(0))];
        assert_eq!(step(&empty, &read(5, 5), NOW), Step::Go { work, lead: Lead::Stay });

        let mut stuck = stand(4, 2);
        stuck.places[0].stuck = true;
        assert_eq!(step(&stuck, &read(6, 2), NOW), idle(), "the base is older than where it stands");
        let mut newer = read(6, 2);
        newer.heads[0] = Some(Head { base: Some(base(5)), ..head(Log::Listing, 6) });
        let work = vec![Work::Take(Log::Listing, base(5))];
        assert_eq!(step(&stuck, &newer, NOW), Step::Go { work, lead: Lead::Stay });
    }

    #[test]
    fn a_restored_or_foreign_engine_is_believed_after_ten_seconds_at_two_members_and_not_before() {
        let foreign = |mut read: Reading| {
            read.fleet = Some(Founding { id: FleetId([2; 16]), format: FORMAT, schedule_minute: 5 });
            read
        };
        let mut fork = read(4, 2);
        fork.heads[0] = Some(Head { sha256: digest(Log::Listing, 99), ..head(Log::Listing, 4) });
        let cases = [
            (read(3, 2), Trouble::Forked(Log::Listing)),
            (read(4, 1), Trouble::Forked(Log::Records)),
            (fork, Trouble::Forked(Log::Listing)),
            (foreign(read(9, 9)), Trouble::Foreign(FleetId([2; 16]))),
        ];
        for (mut read, trouble) in cases {
            let mut stand = stand(4, 2);
            let Step::Wait(said, doubted) = step(&stand, &read, NOW) else { panic!("{trouble:?}") };
            assert_eq!((said, &doubted.at[..]), (trouble.clone(), &[0][..]));
            stand.doubt = Some(doubted);
            let later = NOW + DOUBT_LASTS;
            assert!(matches!(step(&stand, &read, later), Step::Wait(..)), "one member alone: {trouble:?}");
            read.from.member = 2;
            assert!(matches!(step(&stand, &read, later - Duration::from_secs(1)), Step::Wait(..)), "{trouble:?}");
            assert_eq!(step(&stand, &read, later), Step::Stop(trouble));
        }
    }

    #[test]
    fn what_is_of_a_newer_format_or_was_not_founded_stops_a_site_at_once() {
        let mut newer = read(5, 2);
        newer.unreadable = Some(Unreadable::Newer("the head".to_owned()));
        assert_eq!(step(&stand(4, 2), &newer, NOW), Step::Stop(Trouble::Newer("the head".to_owned())));
        let none = Reading { fleet: None, heads: [None, None], ..read(0, 0) };
        assert_eq!(step(&stand(4, 2), &none, NOW), Step::Stop(Trouble::NotFounded));
    }

    #[test]
    fn a_site_stands_for_fetching_when_nobody_does_and_it_is_at_both_heads() {
        let nobody = |listing, records| Reading { fetcher: None, ..read(listing, records) };
        let lead = |stand: &Stand, read: &Reading| match step(stand, read, NOW) {
            Step::Go { lead, .. } => lead,
            other => panic!("{other:?}"),
        };
        assert_eq!(lead(&stand(4, 2), &nobody(4, 2)), Lead::Stand);
        assert_eq!(lead(&stand(4, 2), &nobody(5, 2)), Lead::Stay, "it is behind");
        assert_eq!(lead(&stand(4, 2), &nobody(4, 3)), Lead::Stay, "it is behind");
        assert_eq!(lead(&stand(4, 2), &read(4, 2)), Lead::Stay, "another does");
        let mut barred = stand(4, 2);
        barred.may_stand = false;
        assert_eq!(lead(&barred, &nobody(4, 2)), Lead::Stay);
        let mut mine = stand(4, 2);
        mine.token = Some(Token([9; 16]));
        assert_eq!(lead(&mine, &read(4, 2)), Lead::Stay);
        assert_eq!(lead(&mine, &nobody(4, 2)), Lead::Lost);
        mine.token = Some(Token([8; 16]));
        assert_eq!(lead(&mine, &read(4, 2)), Lead::Lost, "another fetches");
    }

    #[test]
    fn a_clock_is_held_against_the_median_of_what_sites_report() {
        assert!(clock_is_right(None, &[1, 2]) && clock_is_right(Some(1), &[]));
        assert!(clock_is_right(Some(20_000), &[-5_000, 0, 20_000]));
        assert!(!clock_is_right(Some(3_600_000), &[0, 100, 3_600_000]));
        assert!(clock_is_right(Some(100), &[0, 100, 3_600_000]));
    }
}
