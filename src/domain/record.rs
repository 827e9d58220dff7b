//! What operators put on record themselves: who an upstream is, overrides, the FCC's orders and notices.
//!
//! rmdd never makes such a record. Each says who put it there, when and why, and may expire; a record that has expired
//! is kept and has no effect.

mod check;
mod event;
mod fcc;
mod peer;

use std::fmt;

use jiff::Timestamp;

use super::role::is_unseen;
use super::{Identity, Verdict};

pub use check::BadField;
pub use event::{RecordAction, RecordEvent};
pub use fcc::{Noted, Notice, Order, OrderKind, TracedCall};
pub use peer::{Peer, PeerKey, PeerKind};

/// Words of an enumeration, as they stand in CSV, JSON and commands.
macro_rules! words {
    ($type:ty, $what:literal, $($variant:ident = $word:literal $(| $also:literal)*),+ $(,)?) => {
        impl $type {
            /// The word in commands, CSV and JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match $crate::domain::folded(text).replace(' ', "_").as_str() {
                    $($word $(| $also)* => Ok(Self::$variant),)+
                    _ => Err(format!("{text:?} is no {}: give one of {}", $what, [$($word),+].join(", "))),
                }
            }
        }
    };
}
use words;

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

    /// An ID as IDs of this kind are compared. Of orders and notices, neither case counts nor how many blanks or which hyphen
    /// people write: `DA 26-237` is `da  26-237`. Those of others have one writing.
    pub fn folded(self, id: &str) -> String {
        match self {
            Self::Peer | Self::Override => id.to_owned(),
            Self::Order | Self::Notice => {
                let seen = id.chars().filter(|c| !is_unseen(*c));
                let plain = seen.map(|c| if matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}') { '-' } else { c });
                let text: String = plain.flat_map(char::to_lowercase).collect();
                // A blank before the provider's number, or behind the slash, is none of the ID.
                let parts = text.split('/').map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
                parts.collect::<Vec<_>>().join("/")
            }
        }
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
    /// The peer that it binds, if it is such a record.
    pub fn peer(&self) -> Option<&Peer> {
        match &self.body {
            RecordBody::Peer(peer) => Some(peer),
            _ => None,
        }
    }

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

    /// Takes over how a record of the same ID writes it: it is shown as it was first written.
    pub fn write_as(&mut self, before: &Self) {
        match (&mut self.body, &before.body) {
            (RecordBody::Order(order), RecordBody::Order(before)) => order.document.clone_from(&before.document),
            (RecordBody::Notice(notice), RecordBody::Notice(before)) => notice.id.clone_from(&before.id),
            _ => {}
        }
    }

    /// Spells a peer's name as it stands in the same list before: whether its letters are large or small, it is one peer.
    pub fn spell_as(&mut self, before: &Self) {
        if let (RecordBody::Peer(peer), RecordBody::Peer(before)) = (&mut self.body, &before.body) {
            peer.name.clone_from(&before.name);
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

#[cfg(test)]
mod tests;
