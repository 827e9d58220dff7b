//! What operators put on record themselves: who an upstream is, overrides, the FCC's orders and notices.
//!
//! rmdd never makes such a record. Each says who put it there, when and why, and may expire; a record that has expired
//! is kept and has no effect.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::{self, TimeZone};
use jiff::{Timestamp, ToSpan, ZonedDateTime};
use thiserror::Error;

use super::{Identity, Ocn, PeerName, ProviderRole, Verdict};

/// The FCC's days and clocks are those of Washington.
static WASHINGTON: TimeZone = tz::get!("America/New_York");

/// A calendar day begins in Washington.
fn begins(day: Date) -> Timestamp {
    // Midnight exists on every day there: the clocks change at two.
    WASHINGTON.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
}

/// A time as the clocks of Washington show it.
pub fn in_washington(at: Timestamp) -> ZonedDateTime {
    at.to_zoned_datetime(WASHINGTON.clone())
}

/// The day in Washington.
pub fn day_in_washington(at: Timestamp) -> Date {
    WASHINGTON.to_datetime(at).date()
}

/// The last millisecond of a day in Washington: what a time stamp of which only the day is known is taken for, so that
/// no deadline comes too early.
pub fn end_of_day_in_washington(day: Date) -> Option<Timestamp> {
    begins(day.tomorrow().ok()?).checked_sub(1.millisecond()).ok()
}

/// The kinds of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// Who an upstream is.
    Peer,
    /// Allow or deny, whatever the listing says.
    Override,
    /// An order of the FCC.
    Order,
    /// A notice of suspected illegal traffic.
    Notice,
}

impl RecordKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Peer, Self::Override, Self::Order, Self::Notice];

    /// The word for one.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Override => "override",
            Self::Order => "order",
            Self::Notice => "notice",
        }
    }

    /// So many of them, in words.
    pub fn count(self, count: usize) -> String {
        format!("{count} {}", if count == 1 { self.as_str() } else { self.plural() })
    }

    /// The word for several, which is also the command.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Peer => "peers",
            Self::Override => "overrides",
            Self::Order => "orders",
            Self::Notice => "notices",
        }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One record of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The provider that it is about.
    pub provider: Identity,
    /// Who put it on record.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why. Never empty for an override.
    pub why: String,
    /// From then on it has no effect.
    pub expires_at: Option<Timestamp>,
    /// What it says.
    pub body: RecordBody,
    /// The serial of the event that last changed it; 0 before it is stored.
    pub revision: u64,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordBody {
    /// Who an upstream is.
    Peer(Peer),
    /// Allow or deny.
    Override(Override),
    /// An order of the FCC.
    Order(Order),
    /// A notice of the FCC.
    Notice(Notice),
}

impl Record {
    /// Its kind.
    pub fn kind(&self) -> RecordKind {
        match self.body {
            RecordBody::Peer(_) => RecordKind::Peer,
            RecordBody::Override(_) => RecordKind::Override,
            RecordBody::Order(_) => RecordKind::Order,
            RecordBody::Notice(_) => RecordKind::Notice,
        }
    }

    /// What it is known by among its kind. There is one peer of a name, one override for a provider, one record of an
    /// order for each provider that it names, and one notice of an ID.
    pub fn id(&self) -> String {
        match &self.body {
            RecordBody::Peer(peer) => peer.id(),
            RecordBody::Override(_) => self.provider.number_text(),
            RecordBody::Order(order) => format!("{}/{}", order.document, self.provider.number_text()),
            RecordBody::Notice(notice) => notice.id.clone(),
        }
    }

    /// Whether it has effect at a time.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it says the same as another, whoever put it there and when.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.provider == other.provider
            && self.why == other.why
            && self.expires_at == other.expires_at
            && self.body == other.body
    }
}

/// Words of an enumeration, as they stand in CSV, JSON and commands.
macro_rules! words {
    ($type:ty, $what:literal, $($variant:ident = $word:literal $(| $also:literal)*),+ $(,)?) => {
        impl $type {
            /// The word in commands, CSV and JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text.trim().to_ascii_lowercase().replace(['-', ' '], "_").as_str() {
                    $($word $(| $also)* => Ok(Self::$variant),)+
                    _ => Err(format!("{text:?} is no {}: give one of {}", $what, [$($word),+].join(", "))),
                }
            }
        }
    };
}

/// By what a switch knows an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerKind {
    /// A trunk group's name or number.
    TrunkGroup,
    /// An Operating Company Number.
    Ocn,
    /// A Service Provider Code.
    Spc,
    /// A signalling address.
    Ip,
    /// A customer account.
    Account,
}
words!(
    PeerKind,
    "kind of peer",
    TrunkGroup = "trunk_group" | "trunk",
    Ocn = "ocn",
    Spc = "spc",
    Ip = "ip",
    Account = "account"
);

/// A switch's own name for an upstream, bound to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// What the name is.
    pub kind: PeerKind,
    /// The name as the operator wrote it.
    pub name: String,
    /// The role in which it hands calls over where a question names none.
    pub role: Option<ProviderRole>,
}

/// By what a peer is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PeerKey {
    /// By its OCN. OCNs are apart from other names, for a trunk group may well be called 7321.
    Ocn(Ocn),
    /// By its name.
    Name(PeerName),
}

impl Peer {
    /// By what it is found.
    ///
    /// # Errors
    ///
    /// If the name is none of its kind.
    pub fn key(&self) -> Result<PeerKey, String> {
        match self.kind {
            PeerKind::Ocn => self.name.parse().map(PeerKey::Ocn).map_err(|error: super::OcnError| error.to_string()),
            PeerKind::Ip if self.name.trim().parse::<IpAddr>().is_err() => {
                Err(format!("{:?} is no IP address: give one, without port or prefix length", self.name))
            }
            PeerKind::TrunkGroup | PeerKind::Spc | PeerKind::Ip | PeerKind::Account => {
                self.name.parse().map(PeerKey::Name).map_err(|error: super::PeerNameError| error.to_string())
            }
        }
    }

    fn id(&self) -> String {
        match self.key() {
            Ok(PeerKey::Ocn(ocn)) => format!("ocn:{ocn}"),
            Ok(PeerKey::Name(name)) => name.as_str().to_owned(),
            Err(_) => self.name.clone(),
        }
    }
}

/// An operator's verdict, whatever the listing says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Override {
    /// The verdict.
    pub action: OverrideAction,
}

/// Allow or deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OverrideAction {
    /// Accept.
    Allow,
    /// Refuse.
    Deny,
}
words!(OverrideAction, "action of an override", Allow = "allow" | "accept", Deny = "deny" | "refuse");

impl OverrideAction {
    /// As a verdict.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Allow => Verdict::Accept,
            Self::Deny => Verdict::Refuse,
        }
    }
}

/// What an order of the FCC does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderKind {
    /// It removes the provider's filing from the database, effective on release.
    Removal,
    /// A Final Determination Order (64.1200(n)(3)): downstream providers must block from day 30.
    FinalDetermination,
    /// It tells the provider to cure its filing or show cause. No removal: the provider is on the watch list.
    ShowCause,
}
words!(
    OrderKind,
    "kind of order",
    Removal = "removal",
    FinalDetermination = "final_determination" | "fdo",
    ShowCause = "show_cause" | "watch"
);

impl OrderKind {
    /// The order's name in a sentence.
    pub fn label(self) -> &'static str {
        match self {
            Self::Removal => "removal order",
            Self::FinalDetermination => "Final Determination Order",
            Self::ShowCause => "order to cure or show cause",
        }
    }
}

/// Something that happened, as an operator recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// When it happened.
    pub at: Timestamp,
    /// What, or where it is written down.
    pub note: String,
}

/// An order of the FCC, for one of the providers that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What it does.
    pub kind: OrderKind,
    /// Its number, such as `DA 26-237`.
    pub document: String,
    /// The day of its release.
    pub released: Date,
    /// When the operator told the Commission that it blocks before day 30, and how.
    pub notified: Option<Noted>,
}

impl Order {
    /// A removal order takes effect on release: no text was found that grants a delay.
    pub fn effective_at(&self) -> Timestamp {
        begins(self.released)
    }

    /// A Final Determination Order binds from 30 calendar days after its release: DA 26-237, released March 12, 2026,
    /// from April 11, 2026.
    pub fn must_block_from(&self) -> Timestamp {
        self.released.checked_add(30.days()).map_or(Timestamp::MAX, begins)
    }
}

/// A notice of suspected illegal traffic under 64.1200(k)(4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The operator's name for it.
    pub id: String,
    /// The FCC's name for it, if it has one.
    pub document: String,
    /// The notice's time stamp, from which both clocks run.
    pub issued_at: Timestamp,
    /// That the provider effectively mitigated the traffic.
    pub mitigated: Option<Noted>,
    /// That the provider informed the Commission of measures against illegal calls of new and renewing customers.
    pub informed: Option<Noted>,
    /// That the operator sent the Commission the brief summary that must come before blocking.
    pub notified: Option<Noted>,
    /// The calls of the notice's Attachment A.
    pub calls: Vec<TracedCall>,
}

impl Notice {
    /// The end of the 48 hours for mitigation.
    pub fn mitigate_by(&self) -> Timestamp {
        self.issued_at.checked_add(48.hours()).unwrap_or(Timestamp::MAX)
    }

    /// The end of the 14 days for informing the Commission: the same time of day in Washington.
    pub fn inform_by(&self) -> Timestamp {
        let end = WASHINGTON.to_datetime(self.issued_at).checked_add(14.days());
        end.and_then(|end| WASHINGTON.to_timestamp(end)).unwrap_or(Timestamp::MAX)
    }
}

/// One call of an Attachment A, as the Industry Traceback Group traced it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TracedCall {
    /// When the provider was told of it.
    pub notified_at: Option<Timestamp>,
    /// When the call was made.
    pub called_at: Option<Timestamp>,
    /// The calling number.
    pub caller: String,
    /// The called number.
    pub called: String,
    /// The campaign that the call belonged to.
    pub campaign: String,
    /// What it violated.
    pub violation: String,
}

impl TracedCall {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// Names the first field that makes no sense.
    pub fn check(&self) -> Result<(), BadField> {
        let bad = |field: &str, problem: String| Err(BadField::new(field, problem));
        for (field, number) in [("caller", &self.caller), ("called", &self.called)] {
            let digits = number.chars().filter(char::is_ascii_digit).count();
            let written = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '(' | ')' | ' ');
            if !number.is_empty() && (!number.chars().all(written) || !(3..=15).contains(&digits)) {
                return bad(field, format!("{number:?} is no telephone number"));
            }
        }
        for (field, text) in [("campaign", &self.campaign), ("violation", &self.violation)] {
            if text.chars().count() > LONGEST_TEXT {
                return bad(field, format!("it is longer than {LONGEST_TEXT} characters"));
            }
        }
        match (self.notified_at, self.called_at) {
            (_, None) => bad("called_at", "it is empty: say when the call was made".to_owned()),
            (Some(notified), Some(called)) if notified < called => {
                bad("notified_at", format!("{notified} is before the call itself, {called}"))
            }
            _ => Ok(()),
        }
    }
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordAction {
    /// It was put on record.
    Added,
    /// It was changed.
    Changed,
    /// It was taken off.
    Removed,
}
words!(RecordAction, "action", Added = "added", Changed = "changed", Removed = "removed");

/// One change of one record, in the audit history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordEvent {
    /// Its number: from 1, without gap or repeat.
    pub serial: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why; for an addition or a change, what the record itself says.
    pub why: String,
    /// What became of it.
    pub action: RecordAction,
    /// The record before; nothing if it was added.
    pub before: Option<Record>,
    /// The record after; nothing if it was removed.
    pub after: Option<Record>,
}

impl RecordEvent {
    /// The record, after if there is one.
    pub fn record(&self) -> Option<&Record> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

/// What is wrong with a record, by field.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("field {field}: {problem}")]
pub struct BadField {
    /// The field's name in CSV and JSON.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl BadField {
    /// A problem of a field.
    pub fn new(field: &str, problem: impl Into<String>) -> Self {
        Self { field: field.to_owned(), problem: problem.into() }
    }
}

/// The longest free text that is kept, in characters.
const LONGEST_TEXT: usize = 2000;

impl Record {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// Names the first field that makes no sense.
    pub fn check(&self, now: Timestamp) -> Result<(), BadField> {
        let bad = |field: &str, problem: String| Err(BadField::new(field, problem));
        let text = |field: &str, text: &str| {
            if text.chars().count() > LONGEST_TEXT {
                return bad(field, format!("it is longer than {LONGEST_TEXT} characters"));
            }
            Ok(())
        };
        if self.by.trim().is_empty() {
            return bad("by", "it is empty: say who puts this on record".to_owned());
        }
        text("by", &self.by)?;
        text("why", &self.why)?;
        if self.at > now {
            return bad("at", format!("{} has not come yet", self.at));
        }
        if let Some(end) = self.expires_at.filter(|end| *end <= now) {
            return bad("expires_at", format!("{end} is past: the record would have no effect"));
        }
        let happened = |field: &str, noted: &Option<Noted>, earliest: Timestamp, what: &str| match noted {
            Some(noted) if noted.at < earliest => {
                bad(&format!("{field}_at"), format!("{} is before {what}, {earliest}", noted.at))
            }
            Some(noted) if noted.at > now => bad(&format!("{field}_at"), format!("{} has not come yet", noted.at)),
            Some(noted) => text(&format!("{field}_note"), &noted.note),
            None => Ok(()),
        };
        let name = |field: &str, name: &str| {
            if name.trim().is_empty() || name.chars().count() > PeerName::LONGEST || name.chars().any(char::is_control)
            {
                return bad(
                    field,
                    format!("give 1 to {} characters, none of them a control character", PeerName::LONGEST),
                );
            }
            Ok(())
        };
        match &self.body {
            RecordBody::Peer(peer) => peer.key().map(|_| ()).or_else(|problem| bad("name", problem)),
            RecordBody::Override(_) if self.why.trim().is_empty() => {
                bad("why", "it is empty: an override needs a reason".to_owned())
            }
            RecordBody::Override(_) => Ok(()),
            RecordBody::Order(order) => {
                name("document", &order.document)?;
                if order.released > day_in_washington(now) {
                    return bad("released", format!("{} has not come yet", order.released));
                }
                if order.kind != OrderKind::FinalDetermination && order.notified.is_some() {
                    return bad(
                        "notified_at",
                        format!("a {} asks for no notice to the Commission", order.kind.label()),
                    );
                }
                happened("notified", &order.notified, order.effective_at(), "the order's release")
            }
            RecordBody::Notice(notice) => {
                name("id", &notice.id)?;
                text("document", &notice.document)?;
                if notice.issued_at > now {
                    return bad("issued_at", format!("{} has not come yet", notice.issued_at));
                }
                for (field, noted) in
                    [("mitigated", &notice.mitigated), ("informed", &notice.informed), ("notified", &notice.notified)]
                {
                    happened(field, noted, notice.issued_at, "the notice itself")?;
                }
                for (call, place) in notice.calls.iter().zip(1..) {
                    call.check().map_err(|bad| BadField { field: format!("calls[{place}].{}", bad.field), ..bad })?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn notice(issued_at: &str) -> Notice {
        Notice {
            id: "n".to_owned(),
            document: String::new(),
            issued_at: at(issued_at),
            mitigated: None,
            informed: None,
            notified: None,
            calls: Vec::new(),
        }
    }

    #[test]
    fn the_clocks_of_the_letter_to_twilio_end_on_its_own_days() {
        let letter = notice("2023-01-24T20:15:00Z");
        assert_eq!(letter.mitigate_by(), at("2023-01-26T20:15:00Z"));
        assert_eq!(letter.inform_by(), at("2023-02-07T20:15:00Z"));
        let day_alone = end_of_day_in_washington("2023-01-24".parse().expect("a day")).expect("in range");
        assert_eq!(day_alone, at("2023-01-25T04:59:59.999Z"));
        assert_eq!(day_in_washington(notice(&day_alone.to_string()).mitigate_by()).to_string(), "2023-01-26");
    }

    #[test]
    fn fourteen_days_are_days_of_the_calendar_though_the_clocks_change() {
        let over_spring = notice("2026-03-01T15:00:00Z");
        assert_eq!(over_spring.inform_by(), at("2026-03-15T14:00:00Z"), "ten in the morning in Washington, both");
    }

    #[test]
    fn a_final_determination_order_binds_from_the_day_that_the_order_itself_names() {
        let order = Order {
            kind: OrderKind::FinalDetermination,
            document: "DA 26-237".to_owned(),
            released: "2026-03-12".parse().expect("a day"),
            notified: None,
        };
        assert_eq!(order.must_block_from(), at("2026-04-11T04:00:00Z"), "midnight in Washington");
        assert_eq!(order.effective_at(), at("2026-03-12T04:00:00Z"));
    }

    #[test]
    fn an_address_is_found_in_any_of_its_writings() {
        let peer = |name: &str| Peer { kind: PeerKind::Ip, name: name.to_owned(), role: None };
        assert_eq!(peer("2001:DB8:0:0::1").key(), peer("2001:db8::1").key());
        assert_eq!(peer("::ffff:192.0.2.7").key(), peer("192.0.2.7").key());
        assert!(peer("192.0.2.0/24").key().is_err());
    }
}
