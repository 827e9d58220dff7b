//! (index, the operator's own FRNs, now) -> how the operator's own filings stand. Pure.
//!
//! What the FCC asks of every provider about its own filing: that it stands, that it is recertified every year by March 1
//! (64.6305(h)), and that it is updated within 10 business days of any change of what it says (64.6305(d)(5), (e)(5) and
//! (f)(5); business days by 47 CFR 1.4).

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::recertification;
use crate::domain::{
    Column, Filing, Frn, ProviderRole, ProviderRoles, Removal, begins_in_eastern_time as begins, business_days_after,
    eastern_day,
};
use crate::listing::index::Index;

/// Who the operator is (`[me]`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MeConfig {
    /// The operator's own FRNs.
    #[serde(with = "frns")]
    pub frn: Vec<Frn>,
    /// The day on which something changed that the filing says: it is to be updated within 10 business days.
    pub changed: Option<Date>,
}

impl MeConfig {
    /// Whether the settings make sense on this day, Eastern time.
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self, today: Date) -> Result<(), String> {
        match self.changed {
            Some(_) if self.frn.is_empty() => {
                Err("me.changed is set and me.frn is not: nobody knows which filing the change concerns".to_owned())
            }
            Some(changed) if changed > today => Err(format!(
                "me.changed is {changed}, which is still to come: give the day on which something changed that your filing \
                 says"
            )),
            _ => Ok(()),
        }
    }
}

/// FRNs as they are written: texts of ten digits.
mod frns {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::domain::Frn;

    pub fn serialize<S: Serializer>(frns: &[Frn], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(frns.iter().map(ToString::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Frn>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(|error| D::Error::custom(format!("{text:?}: {error}")))).collect()
    }
}

/// Whether a filing of the operator's own stands under an FRN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwnState {
    /// One does.
    Listed,
    /// None does, and one did: nobody may accept the operator's calls.
    Removed,
    /// None does, and none is known that did.
    NotListed,
}

impl OwnState {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Removed => "removed",
            Self::NotListed => "not_listed",
        }
    }
}

/// How far the yearly recertification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecertificationState {
    /// Nothing is to be done before the next window opens.
    NotYetOpen,
    /// The window is open, and the listing shows no recertification in it.
    Open,
    /// The listing shows that it was done in the window that is open.
    Done,
    /// The deadline has passed, and the listing shows no recertification for it.
    Overdue,
}

impl RecertificationState {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotYetOpen => "not_yet_open",
            Self::Open => "open",
            Self::Done => "done",
            Self::Overdue => "overdue",
        }
    }
}

/// The yearly recertification of a filing that stands. Of several filings, of the one that is furthest behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recertification {
    /// How far it is.
    pub state: RecertificationState,
    /// The day on which the window opens, or opened.
    pub opens: Date,
    /// The last day in time: March 1, or the Monday after it where that is no weekday.
    pub by: Date,
}

/// The update that a change makes due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update {
    /// The day of the change (`me.changed`).
    pub changed: Date,
    /// The tenth business day after it, the last one in time.
    pub by: Date,
    /// Whether the listing shows an update since the change.
    pub is_done: bool,
    /// Whether the last day has passed.
    pub is_past: bool,
}

impl Update {
    /// Whether it is still to be done, and late.
    pub fn is_overdue(&self) -> bool {
        self.is_past && !self.is_done
    }
}

/// How the operator's own filings under one FRN stand.
#[derive(Debug, Clone)]
pub struct OwnFiling {
    pub frn: Frn,
    /// Whether one stands.
    pub state: OwnState,
    /// Those that stand, by ascending number.
    pub filings: Vec<Arc<Filing>>,
    /// The newest removal, where none stands.
    pub removal: Option<Arc<Removal>>,
    /// All roles that the filings certify.
    pub roles: ProviderRoles,
    /// The yearly recertification; nothing where none stands.
    pub recertification: Option<Recertification>,
    /// The update that is due; nothing where no change is set, or none stands.
    pub update: Option<Update>,
}

/// What comes for the operator's own filing, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OwnDeadlineKind {
    /// The window for recertifying opens.
    RecertificationOpens,
    /// The last day for recertifying is over.
    RecertificationDue,
    /// The last day for updating the filing is over.
    UpdateDue,
}

impl OwnDeadlineKind {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RecertificationOpens => "OWN_RECERTIFICATION_OPENS",
            Self::RecertificationDue => "OWN_RECERTIFICATION_DUE",
            Self::UpdateDue => "OWN_UPDATE_DUE",
        }
    }
}

impl OwnFiling {
    /// The name as filed; empty if none is known.
    pub fn name(&self) -> &str {
        let filing = self.filings.last().or(self.removal.as_ref().map(|removal| &removal.filing));
        filing.map_or("", |filing| filing.business_name())
    }

    /// Whether something is to be done now: it is gone, recertification is due or overdue, or an update is.
    pub fn needs_attention(&self) -> bool {
        let recertify = self.recertification.is_some_and(|recertification| {
            matches!(recertification.state, RecertificationState::Open | RecertificationState::Overdue)
        });
        self.state != OwnState::Listed || recertify || self.update.is_some_and(|update| !update.is_done)
    }

    /// What comes, in the order of time.
    pub fn deadlines(&self, now: Timestamp) -> Vec<(Timestamp, OwnDeadlineKind)> {
        let over = |last: Date| begins(last.tomorrow().unwrap_or(last));
        let mut next = Vec::new();
        let due = self.recertification.filter(|of| of.state != RecertificationState::Done);
        if let Some(Recertification { opens, by, .. }) = due {
            next.push((begins(opens), OwnDeadlineKind::RecertificationOpens));
            next.push((over(by), OwnDeadlineKind::RecertificationDue));
        }
        if let Some(update) = self.update.filter(|update| !update.is_done) {
            next.push((over(update.by), OwnDeadlineKind::UpdateDue));
        }
        next.retain(|(at, _)| *at > now);
        next.sort_unstable();
        next
    }
}

/// The business days within which a change must be in the filing.
const UPDATE_WITHIN: u32 = 10;

/// How the operator's own filings stand, one for each FRN in the order of the setting.
pub fn own_filings(index: &Index, me: &MeConfig, now: Timestamp) -> Vec<OwnFiling> {
    me.frn.iter().map(|frn| own_filing(index, *frn, me.changed, now)).collect()
}

fn own_filing(index: &Index, frn: Frn, changed: Option<Date>, now: Timestamp) -> OwnFiling {
    let filings: Vec<Arc<Filing>> = index.by_frn(frn).map(|filing| Arc::clone(filing.filing())).collect();
    let removal = index.removed_by_frn(frn).max_by_key(|removal| (removal.first_missing_at, removal.filing.number()));
    let removal = removal.filter(|_| filings.is_empty());
    let mut roles = ProviderRoles::default();
    for role in ProviderRole::ALL.into_iter().filter(|role| filings.iter().any(|filing| filing.roles().contains(*role)))
    {
        roles.insert(role);
    }
    let stands = !filings.is_empty();
    OwnFiling {
        frn,
        state: match (stands, removal) {
            (true, _) => OwnState::Listed,
            (false, Some(_)) => OwnState::Removed,
            (false, None) => OwnState::NotListed,
        },
        removal: removal.map(Arc::clone),
        roles,
        recertification: recertification(index, frn, now),
        update: changed.filter(|_| stands).map(|changed| update(&filings, changed, now)),
        filings,
    }
}

fn recertification(index: &Index, frn: Frn, now: Timestamp) -> Option<Recertification> {
    let today = eastern_day(now);
    let next = recertification::next(today);
    let of = |deadline| (recertification::opens(deadline), recertification::last_day_in_time(deadline));
    let states = index.by_frn(frn).map(|filing| match recertification::overdue(index, &filing, now) {
        _ if today >= of(next).0 && recertification::owes(&filing, next) => (RecertificationState::Open, next),
        _ if today >= of(next).0 => (RecertificationState::Done, next),
        Some(deadline) => (RecertificationState::Overdue, deadline),
        None => (RecertificationState::NotYetOpen, next),
    });
    let rank = |state: &RecertificationState| match state {
        RecertificationState::Done => 0,
        RecertificationState::NotYetOpen => 1,
        RecertificationState::Open => 2,
        RecertificationState::Overdue => 3,
    };
    let (state, deadline) = states.max_by_key(|(state, _)| rank(state))?;
    let (opens, by) = of(deadline);
    Some(Recertification { state, opens, by })
}

fn update(filings: &[Arc<Filing>], changed: Date, now: Timestamp) -> Update {
    let by = business_days_after(changed, UPDATE_WITHIN);
    let updated = filings.iter().filter_map(|filing| filing.text(Column::LastUpdated).get(..10)?.parse::<Date>().ok());
    Update { changed, by, is_done: updated.max().is_some_and(|day| day >= changed), is_past: eastern_day(now) > by }
}
