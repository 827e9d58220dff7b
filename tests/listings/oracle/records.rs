//! Notes as the daemon's records.

use jiff::Timestamp;
use rmdd::api::grpc::v1::record::{Body, Provider};
use rmdd::api::grpc::v1::{Noted, Notice, Order, OrderKind, Override, OverrideAction, Record};

use super::model::Who;
use super::notes::{Note, Says};

fn wire(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

fn noted(at: Timestamp) -> Noted {
    Noted { at: Some(wire(at)), note: "a mail".to_owned() }
}

fn order(kind: OrderKind, place: usize, released: jiff::civil::Date, notified: bool) -> Body {
    Body::Order(Order {
        kind: kind.into(),
        document: format!("DA 99-{place}"),
        released: released.to_string(),
        notified: notified.then(|| noted(crate::common::now())),
    })
}

/// A note as a record; its place makes its name.
pub fn record(place: usize, note: &Note) -> Record {
    let (body, expires) = match &note.says {
        Says::Override { allow, expires } => {
            let action = if *allow { OverrideAction::Allow } else { OverrideAction::Deny };
            (Body::Override(Override { action: action.into() }), *expires)
        }
        Says::Removal { released } => (order(OrderKind::Removal, place, *released, false), None),
        Says::FinalDetermination { released, notified } => {
            (order(OrderKind::FinalDetermination, place, *released, *notified), None)
        }
        Says::ShowCause { released } => (order(OrderKind::ShowCause, place, *released, false), None),
        Says::Notice { issued, mitigated, informed, notified } => {
            let notice = Notice {
                basis: String::new(),
                id: format!("notice-{place}"),
                document: format!("letter {place}"),
                issued_at: Some(wire(*issued)),
                mitigated: mitigated.map(noted),
                informed: informed.map(noted),
                notified: notified.then(|| noted(crate::common::now())),
                calls: Vec::new(),
            };
            (Body::Notice(notice), None)
        }
    };
    Record {
        provider: Some(match &note.who {
            Who::Frn(frn) => Provider::Frn(frn.clone()),
            Who::Number(number) => Provider::RmdNumber(number.clone()),
        }),
        why: "the oracle".to_owned(),
        expires_at: expires.map(wire),
        body: Some(body),
        ..Record::default()
    }
}
