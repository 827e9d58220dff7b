//! The decision matrix, row by row. The first row that applies rules.

use std::sync::Arc;

use super::Undecided;
use super::facts::{Facts, RoleAnswer};
use super::on_record::{NoticeState, explains};
use super::policy::{AcceptOrRefuse, OldListing, PolicyConfig};
use crate::domain::{OrderKind, ProviderRole, Reason, Record, Verdict, rule};

/// What a row came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling<'a> {
    /// Whether calls may be taken.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The rule's paragraph.
    pub rule: &'static str,
    /// Whether it rests on the operator's policy where the rule leaves it open.
    pub by_policy: bool,
    /// The operator's record that it rests on, or that explains it.
    pub record: Option<&'a Arc<Record>>,
}

impl Ruling<'_> {
    /// Whether it rests on this record, or is explained by it.
    pub fn rests_on(&self, record: &Arc<Record>) -> bool {
        self.record.is_some_and(|rests_on| Arc::ptr_eq(rests_on, record))
    }
}

/// What a row says: nothing where it does not apply.
type Judged<'a> = Option<Result<Ruling<'a>, Undecided>>;

/// One row.
pub struct Row {
    /// Which upstream it is about.
    pub upstream: &'static str,
    /// In which state.
    pub state: &'static str,
    /// What it says under a policy, for people.
    pub says: fn(&PolicyConfig) -> &'static str,
    /// What it rests on.
    pub basis: &'static str,
    /// The setting that decides it, if it is one of policy.
    pub setting: Option<&'static str>,
    /// Whether it rests on operators' records: where nothing is on record it is passed over, as on nearly every call.
    of_records: bool,
    /// Whether it applies, and what it says then.
    judge: for<'a> fn(&Facts<'a>) -> Judged<'a>,
}

fn accept(_: &PolicyConfig) -> &'static str {
    "ACCEPT"
}

fn refuse(_: &PolicyConfig) -> &'static str {
    "REFUSE"
}

fn in_words(choice: AcceptOrRefuse) -> &'static str {
    match choice {
        AcceptOrRefuse::Accept => "ACCEPT with advisory",
        AcceptOrRefuse::Refuse => "REFUSE",
    }
}

/// The paragraph of (g) that the upstream's role falls under.
fn paragraph(facts: &Facts<'_>) -> &'static str {
    match facts.query.role {
        _ if facts.is_foreign() && facts.query.role != Some(ProviderRole::Gateway) => rule::FOREIGN,
        Some(ProviderRole::VoiceService) => rule::VOICE_SERVICE,
        Some(ProviderRole::Gateway) => rule::GATEWAY,
        Some(ProviderRole::NonGatewayIntermediate) => rule::INTERMEDIATE,
        None => rule::ACCEPT_ONLY_LISTED,
    }
}

/// A row that does not refuse leaves the verdict to those below it.
const READ_ON: &str = "read on, with advisory";

fn once_notified(choice: AcceptOrRefuse) -> &'static str {
    match choice {
        AcceptOrRefuse::Accept => READ_ON,
        AcceptOrRefuse::Refuse => "REFUSE once notified",
    }
}

fn by_rule<'a>(applies: bool, verdict: Verdict, reason: Reason, rule: &'static str) -> Judged<'a> {
    applies.then_some(Ok(Ruling { verdict, reason, rule, by_policy: false, record: None }))
}

/// What rests on an operator's record.
fn on_record<'a>(
    record: &'a Arc<Record>,
    verdict: Verdict,
    reason: Reason,
    rule: &'static str,
    by_policy: bool,
) -> Judged<'a> {
    Some(Ok(Ruling { verdict, reason, rule, by_policy, record: Some(record) }))
}

/// What the operator chose for a filing that stands, yet not quite as asked. Accepted it is simply listed, and an
/// advisory says what is amiss; refused, that is the reason.
fn listed_by_policy<'a>(applies: bool, facts: &Facts<'a>, choice: AcceptOrRefuse, amiss: Reason) -> Judged<'a> {
    let reason = match choice {
        AcceptOrRefuse::Accept => Reason::Listed,
        AcceptOrRefuse::Refuse => amiss,
    };
    by_policy(applies, facts, choice, reason)
}

fn by_policy<'a>(applies: bool, facts: &Facts<'a>, choice: AcceptOrRefuse, reason: Reason) -> Judged<'a> {
    applies.then(|| {
        let (verdict, rule) = (choice.verdict(), paragraph(facts));
        Ok(Ruling { verdict, reason, rule, by_policy: true, record: None })
    })
}

/// All rows, the strongest first.
pub const MATRIX: [Row; 15] = [
    Row {
        upstream: "any",
        state: "call to 911; public safety answering point",
        says: accept,
        basis: rule::EMERGENCY,
        setting: None,
        of_records: false,
        judge: |facts| by_rule(facts.query.emergency, Verdict::Accept, Reason::EmergencyCall, rule::EMERGENCY),
    },
    Row {
        upstream: "any",
        state: "operator's override, unexpired; of an allow and a deny, the deny",
        says: |_| "as it says",
        basis: rule::OPERATOR,
        setting: None,
        of_records: true,
        judge: |facts| {
            let (record, action) = facts.on_record.override_()?;
            on_record(record, action.verdict(), Reason::Override, rule::OPERATOR, false)
        },
    },
    Row {
        upstream: "any",
        state: "Final Determination Order on record, day 30 and later",
        says: refuse,
        basis: rule::FINAL_DETERMINATION,
        setting: None,
        of_records: true,
        judge: |facts| {
            let (order, _) = facts.on_record.final_determinations().find(|(_, binds)| *binds)?;
            on_record(&order.record, Verdict::Refuse, Reason::FinalDetermination, rule::FINAL_DETERMINATION, false)
        },
    },
    Row {
        upstream: "any, but for calls that the rule does not reach",
        state: "removal order on record and not spent, row still in the listing",
        says: refuse,
        basis: rule::ACCEPT_ONLY_LISTED,
        setting: None,
        of_records: true,
        judge: |facts| {
            let (_, order) = facts.barred.filter(|_| facts.filing.is_none() && !facts.call_is_not_covered())?;
            on_record(&order.record, Verdict::Refuse, Reason::RemovalOrder, paragraph(facts), false)
        },
    },
    Row {
        upstream: "any",
        state: "notice on record, 48 h or 14 days passed, not answered, the Commission notified",
        says: |policy| once_notified(policy.notice_unanswered),
        basis: rule::NOTICE,
        setting: Some("policy.notice_unanswered"),
        of_records: true,
        judge: |facts| {
            if facts.policy.cells.notice_unanswered == AcceptOrRefuse::Accept {
                return None;
            }
            let (notice, _) = facts.on_record.notices().find(|(on, state)| {
                *state == NoticeState::Unanswered && facts.on_record.happened(on.body.notice.notified.as_ref())
            })?;
            on_record(&notice.record, Verdict::Refuse, Reason::NoticeUnanswered, rule::NOTICE, true)
        },
    },
    Row {
        upstream: "any",
        state: "Final Determination Order on record, day 0 to 29, the Commission notified",
        says: |policy| once_notified(policy.final_determination_early),
        basis: rule::FINAL_DETERMINATION,
        setting: Some("policy.final_determination_early"),
        of_records: true,
        judge: |facts| {
            if facts.policy.cells.final_determination_early == AcceptOrRefuse::Accept {
                return None;
            }
            let mut orders = facts.on_record.final_determinations();
            let (order, _) = orders.find(|(on, _)| facts.on_record.happened(on.body.order.notified.as_ref()))?;
            on_record(&order.record, Verdict::Refuse, Reason::FinalDetermination, rule::FINAL_DETERMINATION, true)
        },
    },
    Row {
        upstream: "any",
        state: "listing older than freshness.warn_after",
        says: |policy| match policy.listing_old {
            OldListing::Answer => READ_ON,
            OldListing::Accept => "ACCEPT with advisory",
            OldListing::Refuse => "REFUSE",
            OldListing::Error => "no verdict, an error",
        },
        basis: "operator",
        setting: Some("policy.listing_old"),
        of_records: false,
        judge: |facts| {
            if !facts.listing_is_old() {
                return None;
            }
            match facts.policy.cells.listing_old {
                OldListing::Answer => None,
                OldListing::Accept => by_policy(true, facts, AcceptOrRefuse::Accept, Reason::ListingOld),
                OldListing::Refuse => by_policy(true, facts, AcceptOrRefuse::Refuse, Reason::ListingOld),
                OldListing::Error => Some(Err(Undecided::ListingOld { unconfirmed: facts.when.unconfirmed })),
            }
        },
    },
    Row {
        upstream: "domestic voice service provider, gateway or non-gateway intermediate provider",
        state: "listed, that role certified; no role named: listed with any role",
        says: accept,
        basis: "47 CFR 64.6305(g)(1), (3), (4)",
        setting: None,
        of_records: false,
        judge: |facts| {
            by_rule(facts.role == Some(RoleAnswer::Certified), Verdict::Accept, Reason::Listed, paragraph(facts))
        },
    },
    Row {
        upstream: "foreign",
        state: "caller ID is not a US number",
        says: accept,
        basis: rule::FOREIGN,
        setting: None,
        of_records: false,
        judge: |facts| by_rule(facts.call_is_not_covered(), Verdict::Accept, Reason::CallNotCovered, rule::FOREIGN),
    },
    Row {
        upstream: "role named in the query",
        state: "listed, filing answers No for that role, whatever else it says; of several filings one No and no Yes",
        says: |policy| in_words(policy.role_not_certified),
        basis: rule::ACCEPT_ONLY_LISTED,
        setting: Some("policy.role_not_certified"),
        of_records: false,
        judge: |facts| {
            let choice = facts.policy.cells.role_not_certified;
            listed_by_policy(facts.role == Some(RoleAnswer::No), facts, choice, Reason::RoleNotCertified)
        },
    },
    Row {
        upstream: "role named in the query",
        state: "listed, filing leaves the role blank, or writes what is neither Yes nor No and certifies another role",
        says: |policy| in_words(policy.role_blank),
        basis: rule::ACCEPT_ONLY_LISTED,
        setting: Some("policy.role_blank"),
        of_records: false,
        judge: |facts| {
            let choice = facts.policy.cells.role_blank;
            listed_by_policy(facts.role == Some(RoleAnswer::Blank), facts, choice, Reason::RoleBlank)
        },
    },
    Row {
        upstream: "any",
        state: "listed, but certifies no role at all; none named, or that role's answer is neither Yes, No nor blank",
        says: |policy| in_words(policy.no_role_certified),
        basis: rule::ACCEPT_ONLY_LISTED,
        setting: Some("policy.no_role_certified"),
        of_records: false,
        judge: |facts| {
            let choice = facts.policy.cells.no_role_certified;
            listed_by_policy(facts.role == Some(RoleAnswer::NoneAtAll), facts, choice, Reason::NoRoleCertified)
        },
    },
    Row {
        upstream: "any",
        state: "number found only in another filing's other FRNs, never listed itself",
        says: |policy| in_words(policy.other_frn),
        basis: rule::ACCEPT_ONLY_LISTED,
        setting: Some("policy.other_frn"),
        of_records: false,
        judge: |facts| {
            let applies = facts.removal.is_none() && facts.has_candidates();
            by_policy(applies, facts, facts.policy.cells.other_frn, Reason::OtherFrnOnly)
        },
    },
    Row {
        upstream: "any",
        state: "not listed now, but it once was",
        says: |_| "REFUSE, with removal times",
        basis: rule::ACCEPT_ONLY_LISTED,
        setting: None,
        of_records: false,
        judge: |facts| {
            let removal = facts.removal.filter(|_| facts.filing.is_none())?;
            // Why it went is not in the listing; an order on record says so.
            let mut orders = facts.on_record.orders(OrderKind::Removal);
            let order = orders.find(|on| explains(facts.index, on, removal));
            let (verdict, reason, rule) = (Verdict::Refuse, Reason::Removed, paragraph(facts));
            Some(Ok(Ruling { verdict, reason, rule, by_policy: false, record: order.map(|on| &on.record) }))
        },
    },
    Row {
        upstream: "any",
        state: "not listed",
        says: refuse,
        basis: rule::ACCEPT_ONLY_LISTED,
        setting: None,
        of_records: false,
        judge: |facts| by_rule(facts.filing.is_none(), Verdict::Refuse, Reason::NotListed, paragraph(facts)),
    },
];

/// Rules by the first row that applies. One always does; if none ever did, the rule's own default would hold.
pub(super) fn rule<'a>(facts: &Facts<'a>) -> Result<Ruling<'a>, Undecided> {
    let has_records = !facts.on_record.is_empty();
    let mut rows = MATRIX.iter().filter(|row| has_records || !row.of_records);
    rows.find_map(|row| (row.judge)(facts)).unwrap_or(Ok(Ruling {
        verdict: Verdict::Refuse,
        reason: Reason::NotListed,
        rule: rule::ACCEPT_ONLY_LISTED,
        by_policy: false,
        record: None,
    }))
}
