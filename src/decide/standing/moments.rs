//! The moments at which an answer may turn into another by time alone. Only candidates: whether it does is for `decide` to
//! say.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::advisories::stale_from;
use super::super::facts::Facts;
use super::super::impact::Basis;
use super::super::recertification;
use super::carried_since;
use crate::domain::{Noted, OrderKind, Record, earliest_of};

/// What happens at a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DeadlineKind {
    /// The 48 hours for mitigating after a notice of suspected illegal traffic are over.
    NoticeMitigate,
    /// The 14 days for informing the Commission after such a notice are over.
    NoticeInform,
    /// Day 30 of a Final Determination Order: its traffic must be blocked from then on.
    FinalDetermination,
    /// An override ends.
    OverrideEnds,
    /// Another record ends: an order or a notice.
    RecordEnds,
    /// What is on record for a day to come takes effect.
    TakesEffect,
    /// The peer's binding ends: its name leads to no provider any more.
    BindingEnds,
    /// The yearly deadline for recertification has passed.
    Recertification,
    /// The filing was last updated longer ago than `policy.last_updated_days` allows.
    LastUpdated,
    /// The listing is older than `freshness.warn_after` allows, if no sync confirms it before.
    ListingOld,
}

impl DeadlineKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::NoticeMitigate,
        Self::NoticeInform,
        Self::FinalDetermination,
        Self::OverrideEnds,
        Self::RecordEnds,
        Self::TakesEffect,
        Self::BindingEnds,
        Self::Recertification,
        Self::LastUpdated,
        Self::ListingOld,
    ];

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoticeMitigate => "NOTICE_MITIGATE",
            Self::NoticeInform => "NOTICE_INFORM",
            Self::FinalDetermination => "FINAL_DETERMINATION",
            Self::OverrideEnds => "OVERRIDE_ENDS",
            Self::RecordEnds => "RECORD_ENDS",
            Self::TakesEffect => "TAKES_EFFECT",
            Self::BindingEnds => "BINDING_ENDS",
            Self::Recertification => "RECERTIFICATION",
            Self::LastUpdated => "LAST_UPDATED",
            Self::ListingOld => "LISTING_OLD",
        }
    }

    /// Whether every sync that finds the listing in order puts the moment off. Then it is always near and hardly ever
    /// comes; the daemon's alarms tell of it.
    pub fn is_put_off_by_syncs(self) -> bool {
        self == Self::ListingOld
    }
}

/// A moment at which an answer may change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub at: Timestamp,
    /// What happens. Nothing where that can only have happened already.
    pub kind: Option<DeadlineKind>,
    /// The record that names it.
    pub record: Option<&'a Arc<Record>>,
}

/// The moments that are the same for all peers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common {
    listing_old: Option<Timestamp>,
    /// Nothing where the listing does not say when filings were recertified.
    recertification: Option<[Timestamp; 2]>,
}

impl Common {
    pub fn of(basis: Basis<'_>, now: Timestamp) -> Self {
        Self {
            listing_old: basis.policy.old_from(basis.index.confirmed_at()),
            recertification: basis.index.has_recertifications().then(|| recertification::passed_and_next(now)),
        }
    }
}

/// All moments of a question, in the order of time.
pub(super) fn moments<'a>(facts: &Facts<'a>, common: Common) -> Vec<Moment<'a>> {
    let mut all = Vec::with_capacity(4);
    let mut plain = |at: Timestamp, kind| all.push(Moment { at, kind: Some(kind), record: None });
    if let Some(at) = common.listing_old {
        plain(at, DeadlineKind::ListingOld);
    }
    if facts.current_filing().is_some() {
        common.recertification.into_iter().flatten().for_each(|at| plain(at, DeadlineKind::Recertification));
        for at in facts.counting().filter_map(|filing| stale_from(facts, filing.filing())) {
            plain(at, DeadlineKind::LastUpdated);
        }
    }
    let carried = carried_since(facts);
    all.extend(carried.map(|at| Moment { at, kind: None, record: None }));
    on_record(facts, &mut all);
    all.sort_by_key(|moment| (moment.at, moment.kind));
    all
}

fn on_record<'a>(facts: &Facts<'a>, all: &mut Vec<Moment<'a>>) {
    let mut of = |record: &'a Arc<Record>, named: &[(Option<Timestamp>, DeadlineKind)]| {
        let recorded = Moment { at: record.at, kind: None, record: Some(record) };
        all.push(recorded);
        all.extend(named.iter().filter_map(|(at, kind)| Some(Moment { at: (*at)?, kind: Some(*kind), ..recorded })));
    };
    let noted = |noted: &Option<Noted>| (noted.as_ref().map(|noted| earliest_of(noted.at)), DeadlineKind::TakesEffect);
    for about in facts.on_record.all() {
        for on in &about.overrides {
            of(&on.record, &[(on.record.expires_at, DeadlineKind::OverrideEnds)]);
        }
        for on in &about.orders {
            let binds = (on.body.order.kind == OrderKind::FinalDetermination).then_some(on.body.must_block_from);
            of(
                &on.record,
                &[
                    (on.record.expires_at, DeadlineKind::RecordEnds),
                    (Some(on.body.effective_at), DeadlineKind::TakesEffect),
                    (binds, DeadlineKind::FinalDetermination),
                    noted(&on.body.order.notified),
                ],
            );
        }
        for on in &about.notices {
            let notice = &on.body.notice;
            of(
                &on.record,
                &[
                    (on.record.expires_at, DeadlineKind::RecordEnds),
                    (Some(earliest_of(notice.issued_at)), DeadlineKind::TakesEffect),
                    (Some(on.body.mitigate_by), DeadlineKind::NoticeMitigate),
                    (Some(on.body.inform_by), DeadlineKind::NoticeInform),
                    noted(&notice.mitigated),
                    noted(&notice.informed),
                    noted(&notice.notified),
                ],
            );
        }
    }
}
