//! The columns of operators' own lists, as they call them: `FCC FRN`, `Trunk Group`, `release date`.

use super::fields::columns;
use crate::domain::{PeerKind, ProviderRole, RecordKind};
use crate::records::lists::columns::{self as names, Names, Roles};

/// What a column of a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// A field of the record.
    Field(&'static str),
    /// The provider, by its FRN.
    Frn,
    /// The provider, by the number of one of its filings.
    RmdNumber,
    /// A peer's name, of this kind. A row may have several: each is bound.
    Name(PeerKind),
    /// Whether a peer hands calls over in this role, to be marked.
    Marked(ProviderRole),
}

/// What the column of this name holds; nothing if lists of this kind have no such column. The name is compared as
/// [`comparable`](crate::records::lists::table::comparable) makes it.
pub fn header(kind: RecordKind, name: &str) -> Option<Header> {
    if let Some(field) = columns(kind).iter().find(|field| **field == name) {
        return Some(Header::Field(field));
    }
    match names::who(name) {
        Some(Names::Frn) => return Some(Header::Frn),
        Some(Names::RmdNumber) => return Some(Header::RmdNumber),
        Some(Names::Ocn) if kind == RecordKind::Peer => return Some(Header::Name(PeerKind::Ocn)),
        Some(Names::Provider) if names::either_number(name) => return Some(Header::Field("provider")),
        _ => {}
    }
    if let (RecordKind::Peer, Some(role)) = (kind, names::one_role(name)) {
        return Some(Header::Marked(role));
    }
    let field = match name {
        "reason" | "comment" | "note" => "why",
        "expires" | "until" | "expiry" => "expires_at",
        "who" | "author" => "by",
        "when" => "at",
        _ => match (kind, name) {
            (
                RecordKind::Peer,
                "trunk_group" | "trunk" | "tg" | "trunkgroup" | "trunk_name" | "trunk_id" | "trunk_number"
                | "trunk_group_name" | "trunk_group_number" | "trunk_group_id" | "tg_name" | "tg_number" | "tg_id"
                | "tgid",
            ) => return Some(Header::Name(PeerKind::TrunkGroup)),
            (RecordKind::Peer, "spc" | "service_provider_code") => return Some(Header::Name(PeerKind::Spc)),
            (RecordKind::Peer, "ip" | "ip_address") => return Some(Header::Name(PeerKind::Ip)),
            (RecordKind::Peer, "account" | "account_number" | "account_no" | "account_id") => {
                return Some(Header::Name(PeerKind::Account));
            }
            (RecordKind::Peer, "peer" | "peer_name" | "peer_id") => "name",
            (RecordKind::Peer, name) if names::roles(name) == Some(Roles::Surely) => "role",
            (RecordKind::Override, "verdict" | "override") => "action",
            (
                RecordKind::Order,
                "order" | "order_number" | "order_no" | "document_number" | "document_no" | "da_number" | "da_no"
                | "da",
            ) => "document",
            (
                RecordKind::Order,
                "release_date" | "released_at" | "released_on" | "date_released" | "date_of_release" | "date",
            ) => "released",
            (RecordKind::Order, "order_kind" | "kind_of_order" | "order_type" | "type_of_order" | "type") => "kind",
            (RecordKind::Notice, "notice" | "notice_id") => "id",
            (RecordKind::Notice, "issued" | "time_stamp" | "timestamp") => "issued_at",
            _ => return None,
        },
    };
    Some(Header::Field(field))
}

/// What the column of this name holds in the list of an Attachment A.
pub fn call_header(name: &str) -> Option<&'static str> {
    Some(match name {
        "notified_at" | "time_of_notification" | "notification" | "date_of_itg_notification" | "itg_notification" => {
            "notified_at"
        }
        "called_at" | "time_of_call" | "date_of_call" | "call_time" | "date_time_of_call" => "called_at",
        "caller" | "caller_id" | "calling_number" | "calling_no" => "caller",
        "called" | "called_number" | "called_no" => "called",
        "campaign" | "description" | "campaign_name" => "campaign",
        "violation" | "violations" => "violation",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_own_words_for_columns_are_known_and_others_are_not() {
        for (kind, name, holds) in [
            (RecordKind::Peer, "trunk_group", Header::Name(PeerKind::TrunkGroup)),
            (RecordKind::Peer, "fcc_frn", Header::Frn),
            (RecordKind::Order, "rmd_no", Header::RmdNumber),
            (RecordKind::Peer, "provider_type", Header::Field("role")),
            (RecordKind::Peer, "gateway_provider", Header::Marked(ProviderRole::Gateway)),
            (RecordKind::Override, "reason", Header::Field("why")),
            (RecordKind::Order, "release_date", Header::Field("released")),
            (RecordKind::Order, "order_type", Header::Field("kind")),
            (RecordKind::Order, "order_no", Header::Field("document")),
            (RecordKind::Override, "rmdb", Header::RmdNumber),
            (RecordKind::Override, "frn_rmd", Header::Field("provider")),
            (RecordKind::Peer, "fcc_id", Header::Field("provider")),
            (RecordKind::Notice, "issued_at", Header::Field("issued_at")),
        ] {
            assert_eq!(header(kind, name), Some(holds), "{name}");
        }
        assert_eq!(header(RecordKind::Override, "trunk_group"), None);
        assert_eq!(header(RecordKind::Override, "expire_at"), None);
        assert_eq!(header(RecordKind::Override, "gateway"), None);
        assert_eq!(call_header("time_of_call"), Some("called_at"));
    }
}
