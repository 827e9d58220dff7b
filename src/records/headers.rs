//! The columns of operators' own lists, as they call them: `FCC FRN`, `Trunk Group`, `release date`.

use super::fields::columns;
use crate::domain::{PeerKind, RecordKind};

/// What a column of a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// A field of the record.
    Field(&'static str),
    /// A peer's name, of this kind. A row may have several: each is bound.
    Name(PeerKind),
}

/// What the column of this name holds; nothing if lists of this kind have no such column. The name is compared as
/// [`comparable`](crate::parse::table::comparable) makes it.
pub fn header(kind: RecordKind, name: &str) -> Option<Header> {
    if let Some(field) = columns(kind).iter().find(|field| **field == name) {
        return Some(Header::Field(field));
    }
    let field = match name {
        "frn" | "fcc_frn" | "fcc_registration_number" | "rmd_number" | "rmd" => "provider",
        "reason" | "comment" | "note" => "why",
        "expires" | "until" | "expiry" => "expires_at",
        "who" | "author" => "by",
        "when" => "at",
        _ => match (kind, name) {
            (RecordKind::Peer, "trunk_group" | "trunk" | "tg") => return Some(Header::Name(PeerKind::TrunkGroup)),
            (RecordKind::Peer, "ocn") => return Some(Header::Name(PeerKind::Ocn)),
            (RecordKind::Peer, "spc") => return Some(Header::Name(PeerKind::Spc)),
            (RecordKind::Peer, "ip" | "ip_address") => return Some(Header::Name(PeerKind::Ip)),
            (RecordKind::Peer, "account") => return Some(Header::Name(PeerKind::Account)),
            (RecordKind::Peer, "peer" | "peer_name") => "name",
            (RecordKind::Peer, "upstream_role" | "provider_role") => "role",
            (RecordKind::Override, "verdict" | "override") => "action",
            (RecordKind::Order, "order" | "document_number" | "da_number") => "document",
            (RecordKind::Order, "release_date" | "released_at" | "date") => "released",
            (RecordKind::Order, "order_kind" | "type") => "kind",
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
            (RecordKind::Peer, "fcc_frn", Header::Field("provider")),
            (RecordKind::Override, "reason", Header::Field("why")),
            (RecordKind::Order, "release_date", Header::Field("released")),
            (RecordKind::Notice, "issued_at", Header::Field("issued_at")),
        ] {
            assert_eq!(header(kind, name), Some(holds), "{name}");
        }
        assert_eq!(header(RecordKind::Override, "trunk_group"), None);
        assert_eq!(header(RecordKind::Override, "expire_at"), None);
        assert_eq!(call_header("time_of_call"), Some("called_at"));
    }
}
