//! [`Snapshot`] -> an immutable look-up structure, published by one atomic swap.
//!
//! An index is built off to the side and swapped in whole, so a look-up takes no lock, never waits for a sync and never
//! touches the disk.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use foldhash::fast::FixedState;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::domain::{
    ChangeSerial, Column, Filing, ForeignProvider, Frn, ProviderRoles, Removal, RemovalHistory, RmdNumber,
    Sha256Digest, Snapshot, eastern_day, listed_day, read_other_frns,
};
use crate::listing::canonical;
use crate::listing::search::SearchIndex;
use crate::listing::vet::ListingDates;

/// What stands and what once stood, by number.
#[derive(Debug, Clone)]
pub struct Index {
    snapshot: Arc<Snapshot>,
    /// When the source last published this very snapshot. Newer than the snapshot's own time after an unchanged sync.
    confirmed_at: Timestamp,
    listing_sha256: Sha256Digest,
    removals: Arc<RemovalHistory>,
    last_change: ChangeSerial,
    /// What decisions ask of the snapshot's filings, each at its filing's place.
    rows: Arc<[Row]>,
    /// The places of the standing filings under each FRN, as a part of `places`.
    by_frn: Arc<HashMap<Frn, Range, FixedState>>,
    /// All places, by FRN and number.
    places: Arc<[u32]>,
    /// The number of every filing that is removed now, by FRN.
    removed_by_frn: Arc<[(Frn, RmdNumber)]>,
    /// Where each FRN is named among the other FRNs of a standing filing.
    by_other_frn: Arc<[(Frn, u32)]>,
    /// Standing filings that look like a removed one under a newer number, by number.
    successors: Arc<[(RmdNumber, Succession)]>,
    has_recertifications: bool,
    content_as_of: Option<Box<str>>,
    listed_day: Option<Date>,
    /// Made when the first search comes: most indexes of the past are never searched.
    names: Arc<OnceLock<SearchIndex>>,
}

/// The newest date of an update that can have come by the time at which the listing was fetched. Dates as the listing
/// writes them are in order as texts.
fn content_as_of(snapshot: &Snapshot) -> Option<Box<str>> {
    let dates = ListingDates::of(&snapshot.filings, snapshot.fetched_at);
    let latest = dates.latest.map(|latest| latest.to_string());
    let written = snapshot.filings.iter().filter_map(|filing| filing.text(Column::LastUpdated).get(..10));
    written.filter(|date| latest.as_deref().is_none_or(|latest| *date <= latest)).max().map(Into::into)
}

impl Index {
    /// Indexes a snapshot and the removals up to it.
    pub fn build(snapshot: Snapshot, removals: RemovalHistory, last_change: ChangeSerial) -> Self {
        let listing_sha256 = canonical::digest(&snapshot.filings);
        Self::build_known(snapshot, listing_sha256, removals, last_change)
    }

    /// The same, where the digest of the snapshot's [canonical export](canonical::Export) is known already: it takes as long
    /// as all the rest.
    pub(crate) fn build_known(
        snapshot: Snapshot,
        listing_sha256: Sha256Digest,
        removals: RemovalHistory,
        last_change: ChangeSerial,
    ) -> Self {
        let (by_frn, places) = by_frn(&snapshot);
        let successors = successors(&snapshot, &removals);
        let is_remarkable = |number| {
            snapshot.carried.contains_key(&number)
                || removals.newest(number).is_some()
                || successors.binary_search_by_key(&number, |(successor, _)| *successor).is_ok()
        };
        let known_since = known_since(&snapshot, &removals);
        let rows = snapshot.filings.iter().zip(known_since).map(|(filing, known_since)| Row {
            frn: filing.frn(),
            number: filing.number(),
            roles: filing.roles(),
            foreign: filing.foreign(),
            is_remarkable: is_remarkable(filing.number()),
            recertified: Recertified::read(filing),
            known_since,
        });
        Self {
            rows: rows.collect(),
            places,
            by_other_frn: by_other_frn(&snapshot).into(),
            successors: successors.into(),
            has_recertifications: snapshot.filings.iter().any(|f| !f.text(Column::LastRecertified).is_empty()),
            content_as_of: content_as_of(&snapshot),
            listed_day: listed_day(snapshot.filings.iter().map(Arc::as_ref)),
            confirmed_at: snapshot.confirmed_at,
            listing_sha256,
            snapshot: Arc::new(snapshot),
            removed_by_frn: removed_by_frn(&removals).into(),
            removals: Arc::new(removals),
            last_change,
            by_frn: Arc::new(by_frn),
            names: Arc::default(),
        }
    }

    /// The same content, confirmed by its source at a later time.
    pub fn confirmed(&self, at: Timestamp) -> Self {
        Self { confirmed_at: self.confirmed_at.max(at), ..self.clone() }
    }

    /// The same content at an earlier time, when it was last known to be confirmed at this one.
    pub(crate) fn as_confirmed_at(&self, at: Timestamp) -> Self {
        Self { confirmed_at: at, ..self.clone() }
    }

    /// The same content, with no time later than `at`: those that are lie ahead of now, and were told by a clock that was
    /// wrong. Only with a listing that came just now is it right to say so: then is when the latest of them may have been.
    pub(crate) fn no_later_than(&self, at: Timestamp) -> Self {
        let snapshot = &self.snapshot;
        let carried = snapshot.carried.iter().map(|(number, since)| (*number, (*since).min(at))).collect();
        Self {
            snapshot: Arc::new(Snapshot {
                fetched_at: snapshot.fetched_at.min(at),
                confirmed_at: snapshot.confirmed_at.min(at),
                carried,
                ..(**snapshot).clone()
            }),
            removals: Arc::new(self.removals.no_later_than(at)),
            confirmed_at: self.confirmed_at.min(at),
            ..self.clone()
        }
    }

    /// Digest of the snapshot's [canonical export](canonical::Export).
    pub fn listing_sha256(&self) -> Sha256Digest {
        self.listing_sha256
    }

    /// The snapshot that is indexed. Its confirmation time may be behind [`Self::confirmed_at`].
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The same, to be kept when the index is not any more.
    pub(crate) fn shared_snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// When the source last published this very snapshot.
    pub fn confirmed_at(&self) -> Timestamp {
        self.confirmed_at
    }

    /// Every removal observed so far.
    pub fn removals(&self) -> &RemovalHistory {
        &self.removals
    }

    /// The serial of the newest change in the index.
    pub fn last_change(&self) -> ChangeSerial {
        self.last_change
    }

    /// All names, ready to be searched. The first who asks waits some tens of milliseconds for them to be made, and all
    /// who search an unchanged snapshot later share them.
    pub fn names(&self) -> &SearchIndex {
        self.names.get_or_init(|| SearchIndex::build(&self.snapshot, &self.removals))
    }

    /// The standing filing of this number.
    pub fn by_number(&self, number: RmdNumber) -> Option<IndexedFiling<'_>> {
        self.at(self.rows.binary_search_by_key(&number, |row| row.number).ok()?)
    }

    fn at(&self, place: usize) -> Option<IndexedFiling<'_>> {
        Some(IndexedFiling { row: self.rows.get(place)?, filing: self.snapshot.filings.get(place)? })
    }

    /// The newest date of an update in the listing (YYYY-MM-DD), if it holds any.
    pub fn content_as_of(&self) -> Option<&str> {
        self.content_as_of.as_deref()
    }

    /// The day by which the listing tells that a clock is behind: see [`listed_day`].
    pub(crate) fn listed_day(&self) -> Option<Date> {
        self.listed_day
    }

    /// The standing filings under this FRN, by ascending number.
    pub fn by_frn(&self, frn: Frn) -> impl Iterator<Item = IndexedFiling<'_>> {
        self.filings_at(self.places_of(frn))
    }

    /// Where the standing filings under this FRN are, for who looks at them more than once.
    pub(crate) fn places_of(&self, frn: Frn) -> Places<'_> {
        let Some(Range { start, count }) = self.by_frn.get(&frn) else { return Places::default() };
        let (start, count) = (*start as usize, *count as usize);
        Places(self.places.get(start..start + count).unwrap_or_default())
    }

    /// The filings at these places.
    pub(crate) fn filings_at<'a>(&'a self, places: Places<'a>) -> impl Iterator<Item = IndexedFiling<'a>> {
        places.0.iter().filter_map(|place| self.at(*place as usize))
    }

    /// Whether the listing says when filings were recertified: some filing has a date.
    pub(crate) fn has_recertifications(&self) -> bool {
        self.has_recertifications
    }

    /// The standing filings that name this FRN among their other FRNs.
    pub(crate) fn by_other_frn(&self, frn: Frn) -> impl Iterator<Item = &Arc<Filing>> {
        let start = self.by_other_frn.partition_point(|(key, _)| *key < frn);
        self.by_other_frn
            .iter()
            .skip(start)
            .take_while(move |(key, _)| *key == frn)
            .filter_map(|(_, place)| self.snapshot.filings.get(*place as usize))
    }

    /// Which removed filing a standing one looks like, if it does.
    pub(crate) fn succession(&self, number: RmdNumber) -> Option<&Succession> {
        let place = self.successors.binary_search_by_key(&number, |(successor, _)| *successor).ok()?;
        self.successors.get(place).map(|(_, succession)| succession)
    }

    /// The removals, not yet undone, of filings under this FRN.
    pub(crate) fn removed_by_frn(&self, frn: Frn) -> impl Iterator<Item = &Arc<Removal>> {
        let start = self.removed_by_frn.partition_point(|(key, _)| *key < frn);
        self.removed_by_frn
            .iter()
            .skip(start)
            .take_while(move |(key, _)| *key == frn)
            .filter_map(|(_, number)| self.removals.open(*number))
    }
}

/// Where the standing filings of a provider are in an index.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Places<'a>(&'a [u32]);

impl Places<'_> {
    /// Whether there is more than one.
    pub(crate) fn are_many(self) -> bool {
        self.0.len() > 1
    }
}

/// A part of a row of places.
#[derive(Debug, Clone, Copy)]
struct Range {
    start: u32,
    count: u32,
}

/// What decisions ask of a filing. All rows stand side by side: a filing is a jump or two through memory away.
#[derive(Debug, Clone, Copy)]
struct Row {
    frn: Option<Frn>,
    number: RmdNumber,
    roles: ProviderRoles,
    foreign: ForeignProvider,
    is_remarkable: bool,
    recertified: Recertified,
    known_since: Date,
}

/// What the listing says of a filing's recertification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recertified {
    /// Nothing.
    Never,
    /// When it last was.
    On(Date),
    /// Something that is no date.
    Unreadable,
}

impl Recertified {
    fn read(filing: &Filing) -> Self {
        match filing.text(Column::LastRecertified) {
            "" => Self::Never,
            text => text.parse().map_or(Self::Unreadable, Self::On),
        }
    }
}

/// The places of the filings under each FRN, as a part of all places, which are by FRN and number.
fn by_frn(snapshot: &Snapshot) -> (HashMap<Frn, Range, FixedState>, Arc<[u32]>) {
    let filings = snapshot.filings.iter().zip(0u32..);
    let mut under_frns: Vec<(Frn, u32)> =
        filings.filter_map(|(filing, place)| filing.frn().map(|frn| (frn, place))).collect();
    under_frns.sort_unstable();
    let mut by_frn = HashMap::with_capacity_and_hasher(under_frns.len(), FixedState::default());
    for ((frn, _), at) in under_frns.iter().zip(0u32..) {
        by_frn.entry(*frn).or_insert(Range { start: at, count: 0 }).count += 1;
    }
    by_frn.shrink_to_fit();
    (by_frn, under_frns.into_iter().map(|(_, place)| place).collect())
}

/// Where each FRN is named among the other FRNs of a filing, by FRN.
fn by_other_frn(snapshot: &Snapshot) -> Vec<(Frn, u32)> {
    let mut by_other_frn: Vec<(Frn, u32)> = Vec::new();
    for (filing, place) in snapshot.filings.iter().zip(0u32..) {
        let named = read_other_frns(filing.text(Column::OtherFrns));
        by_other_frn.extend(named.into_iter().map(|frn| (frn, place)));
    }
    by_other_frn.sort_unstable();
    by_other_frn
}

/// The number of every filing that is removed now, by FRN.
fn removed_by_frn(removals: &RemovalHistory) -> Vec<(Frn, RmdNumber)> {
    let open = removals.newest_first().filter(|removal| removal.reinstated_at.is_none());
    let mut removed_by_frn: Vec<(Frn, RmdNumber)> =
        open.filter_map(|removal| removal.filing.frn().map(|frn| (frn, removal.filing.number()))).collect();
    removed_by_frn.sort_unstable();
    removed_by_frn
}

/// The day in Washington from which on each filing of a snapshot is known to have been there.
///
/// That is the day of its first sight. What stood in the oldest listing may be older, which matters where that listing is
/// younger than what is asked: numbers ascend with time, so such a filing was there on every day that the listing itself
/// gives for it or for a higher number of the oldest listing. Where it gives none, a filing counts as old if its number is
/// below those of the filings that were first seen later, and as no older than the oldest listing if not.
fn known_since(snapshot: &Snapshot, removals: &RemovalHistory) -> Vec<Date> {
    let sights = removals.first_sights();
    let begins = eastern_day(sights.begins().unwrap_or(snapshot.fetched_at));
    let first_later = sights.later().map(|(number, _)| number).next();
    let mut oldest_date: Option<Date> = None;
    let mut known: Vec<Date> = Vec::with_capacity(snapshot.filings.len());
    for filing in snapshot.filings.iter().rev() {
        if let Some(seen) = sights.of(filing.number()) {
            known.push(eastern_day(seen));
            continue;
        }
        let dates = [Column::LastUpdated, Column::LastRecertified].map(|column| filing.text(column).parse::<Date>());
        oldest_date = dates.into_iter().flatten().chain(oldest_date).min();
        let is_below = first_later.is_some_and(|later| filing.number() < later);
        known.push(oldest_date.unwrap_or(if is_below { Date::MIN } else { begins }).min(begins));
    }
    known.reverse();
    known
}

/// A filing that stands.
#[derive(Debug, Clone, Copy)]
pub struct IndexedFiling<'a> {
    row: &'a Row,
    filing: &'a Arc<Filing>,
}

impl<'a> IndexedFiling<'a> {
    /// The filing itself.
    pub fn filing(&self) -> &'a Arc<Filing> {
        self.filing
    }

    /// Its number.
    pub fn number(&self) -> RmdNumber {
        self.row.number
    }

    /// The provider's FRN.
    pub fn frn(&self) -> Option<Frn> {
        self.row.frn
    }

    /// The roles that it certifies.
    pub fn roles(&self) -> ProviderRoles {
        self.row.roles
    }

    /// Whether the provider files as a foreign one.
    pub fn foreign(&self) -> ForeignProvider {
        self.row.foreign
    }

    /// Whether there is more to find out about it than most: its row could not be read, it was removed once, or it looks
    /// like one that was.
    pub(crate) fn is_remarkable(&self) -> bool {
        self.row.is_remarkable
    }

    /// When it was recertified, if the listing says so.
    pub fn recertified(&self) -> Recertified {
        self.row.recertified
    }

    /// The day in Washington from which on it is known to have been there.
    pub fn known_since(&self) -> Date {
        self.row.known_since
    }
}

/// What a standing filing has in common with a removed one of a lower number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Succession {
    /// The removed filing.
    pub removed: RmdNumber,
    /// What both have: `FRN`, `name` or `address`.
    pub shared: &'static str,
}

/// An address that more standing filings share is a registered agent's, and says nothing.
const ADDRESS_SHARED_BY_AT_MOST: usize = 3;

/// Text by which names and addresses are compared: letters and digits alone, in lower case.
fn comparable(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn successors(snapshot: &Snapshot, removals: &RemovalHistory) -> Vec<(RmdNumber, Succession)> {
    let mut by_frn: HashMap<Frn, RmdNumber> = HashMap::new();
    let mut by_name: HashMap<String, RmdNumber> = HashMap::new();
    let mut by_address: HashMap<String, RmdNumber> = HashMap::new();
    for removal in removals.newest_first().filter(|removal| removal.reinstated_at.is_none()) {
        let (filing, number) = (&removal.filing, removal.filing.number());
        if let Some(frn) = filing.frn() {
            by_frn.entry(frn).or_insert(number);
        }
        for (texts, column) in [(&mut by_name, Column::BusinessName), (&mut by_address, Column::BusinessAddress)] {
            let text = comparable(filing.text(column));
            if !text.is_empty() {
                texts.entry(text).or_insert(number);
            }
        }
    }
    let mut found = Vec::new();
    if by_frn.is_empty() && by_name.is_empty() {
        return found;
    }
    let mut sharing: HashMap<RmdNumber, usize> = HashMap::new();
    let mut same_address = Vec::new();
    for filing in &snapshot.filings {
        let number = filing.number();
        let newer = |removed: Option<&RmdNumber>| removed.copied().filter(|removed| *removed < number);
        let frn = filing.frn().and_then(|frn| newer(by_frn.get(&frn)));
        let name = || newer(by_name.get(&comparable(filing.business_name())));
        if let Some(removed) = frn {
            found.push((number, Succession { removed, shared: "FRN" }));
        } else if let Some(removed) = name() {
            found.push((number, Succession { removed, shared: "name" }));
        } else if let Some(removed) = by_address.get(&comparable(filing.text(Column::BusinessAddress))) {
            *sharing.entry(*removed).or_default() += 1;
            if let Some(removed) = newer(Some(removed)) {
                same_address.push((number, Succession { removed, shared: "address" }));
            }
        }
    }
    found.extend(
        same_address
            .into_iter()
            .filter(|(_, same)| sharing.get(&same.removed).is_none_or(|n| *n <= ADDRESS_SHARED_BY_AT_MOST)),
    );
    found.sort_by_key(|(number, _)| *number);
    found
}

/// The place where the newest index stands for all to read. Nothing until a snapshot was loaded.
#[derive(Debug, Default)]
pub struct PublishedIndex(ArcSwapOption<Index>);

impl PublishedIndex {
    /// Starts with this index, or with none.
    pub fn new(index: Option<Index>) -> Self {
        Self(ArcSwapOption::from_pointee(index))
    }

    /// The newest index. Never waits.
    pub fn load(&self) -> arc_swap::Guard<Option<Arc<Index>>> {
        self.0.load()
    }

    /// The newest index, to keep for longer than a moment.
    pub fn load_full(&self) -> Option<Arc<Index>> {
        self.0.load_full()
    }

    /// Puts a new index in place of the one before. The caller has committed it.
    pub fn publish(&self, index: Index) {
        self.replace(Some(index));
    }

    /// Puts what a store holds in place of the one before: nothing, where it holds nothing.
    pub fn replace(&self, index: Option<Index>) {
        self.0.store(index.map(Arc::new));
    }
}
