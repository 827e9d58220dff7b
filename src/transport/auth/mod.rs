//! Who may ask what.
//!
//! There are three rights, each with all of those before it: query, operator, admin. What each RPC needs stands in one
//! table here. Who has which right is told by where somebody comes in, by the certificate that they show, by the token
//! that they send, or by who they are on this machine ([`Rules`]); a [`Session`] is one connection of somebody. A call is
//! judged when it begins; one that lasts has a [`StreamAuthorization`], which ends with the right to it.

mod rules;
mod session;
mod stream_authorization;
mod tokens;
mod tries;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use rules::{Access, AccessConfig, AccessError, ListenerKind, Rules, group, user};
pub use session::{Asker, Denied, Session};
pub use stream_authorization::StreamAuthorization;
pub(crate) use tokens::CREDENTIAL;
pub use tries::{Sum, Tries};

/// What somebody may do. The order is that of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Ask about providers and the listing.
    Query,
    /// See how the daemon is and what operators have on record, have it sync, look into what would be.
    Operator,
    /// Change what is decided: records, held listings, the configuration; and take copies of everything.
    Admin,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Query => "query",
            Self::Operator => "operator",
            Self::Admin => "admin",
        })
    }
}

/// What each RPC needs. A test finds those that are missing.
pub(crate) const RPCS: &[(&str, Right)] = &[
    ("/rmdd.v1.AcceptanceService/CheckProvider", Right::Query),
    ("/rmdd.v1.AcceptanceService/CheckProviders", Right::Query),
    ("/rmdd.v1.AcceptanceService/CheckStream", Right::Query),
    ("/rmdd.v1.ListingService/GetProvider", Right::Query),
    ("/rmdd.v1.ListingService/SearchProviders", Right::Query),
    ("/rmdd.v1.ListingService/ListRemovals", Right::Query),
    ("/rmdd.v1.ListingService/ListChanges", Right::Query),
    ("/rmdd.v1.ListingService/ListSnapshots", Right::Query),
    ("/rmdd.v1.ListingService/WatchChanges", Right::Query),
    ("/rmdd.v1.ListingService/ExportListing", Right::Query),
    ("/rmdd.v1.AdminService/GetStatus", Right::Operator),
    ("/rmdd.v1.AdminService/TriggerSync", Right::Operator),
    ("/rmdd.v1.AdminService/ListRecords", Right::Operator),
    ("/rmdd.v1.AdminService/ListRecordEvents", Right::Operator),
    ("/rmdd.v1.AdminService/AssessImpact", Right::Operator),
    ("/rmdd.v1.AdminService/ListStandings", Right::Operator),
    ("/rmdd.v1.AdminService/WatchDecisions", Right::Operator),
    ("/rmdd.v1.AdminService/Verify", Right::Operator),
    ("/rmdd.v1.AdminService/ApproveListing", Right::Admin),
    ("/rmdd.v1.AdminService/ReloadConfig", Right::Admin),
    ("/rmdd.v1.AdminService/PutRecords", Right::Admin),
    ("/rmdd.v1.AdminService/RemoveRecords", Right::Admin),
    ("/rmdd.v1.AdminService/AcknowledgeRecords", Right::Admin),
    ("/rmdd.v1.AdminService/Backup", Right::Admin),
    ("/rmdd.v1.AdminService/Compact", Right::Admin),
    ("/rmdd.v1.AlertsService/GetAlerts", Right::Operator),
    ("/rmdd.v1.AlertsService/ListDeliveries", Right::Operator),
    ("/rmdd.v1.AlertsService/PreviewChannel", Right::Operator),
    ("/rmdd.v1.AlertsService/TestChannel", Right::Admin),
    ("/rmdd.v1.AlertsService/RetryDelivery", Right::Admin),
    ("/rmdd.v1.AlertsService/DropDelivery", Right::Admin),
];

/// What begins the paths of the administration.
pub(crate) const ADMINISTRATION: [&str; 2] = ["/rmdd.v1.AdminService/", "/rmdd.v1.AlertsService/"];

/// The right that an RPC needs. Health and reflection need what questions need, and so does what does not exist; of the
/// administration, what is not in the table needs the most.
pub fn needed(path: &str) -> Right {
    match RPCS.iter().find(|(rpc, _)| *rpc == path) {
        Some((_, right)) => *right,
        None if ADMINISTRATION.iter().any(|service| path.starts_with(service)) => Right::Admin,
        None => Right::Query,
    }
}

/// The right that a path needs over HTTP. Whether the daemon lives and is ready, everybody may know, and how its page looks.
pub(crate) fn needed_over_http(path: &str) -> Option<Right> {
    match path {
        "/healthz" | "/readyz" | "/page.css" | "/page.js" | "/icon.svg" => None,
        _ => Some(Right::Query),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;

    use super::*;

    #[test]
    fn every_rpc_has_its_right_and_the_document_says_the_same() {
        let set = prost_types::FileDescriptorSet::decode(crate::api::grpc::v1::DESCRIPTORS).expect("descriptors");
        let mut described = BTreeSet::new();
        for file in set.file.iter().filter(|file| file.package() == "rmdd.v1") {
            for service in &file.service {
                let rpcs = service.method.iter().map(|rpc| format!("/rmdd.v1.{}/{}", service.name(), rpc.name()));
                described.extend(rpcs);
            }
        }
        assert!(described.len() > 15, "{described:?}");
        for path in &described {
            assert!(RPCS.iter().any(|(rpc, _)| rpc == path), "{path} is not in the table of rights");
        }
        let document = include_str!("../../../docs/security.md");
        for (path, right) in RPCS.iter().filter(|(path, _)| described.contains(*path)) {
            let name = path.rsplit('/').next().expect("a name");
            let row = document.lines().find(|line| line.starts_with(&format!("| {right} |")));
            assert!(
                row.is_some_and(|row| row.contains(&format!("`{name}`"))),
                "docs/security.md: {name} needs {right}"
            );
        }
    }

    #[test]
    fn what_is_not_in_the_table_needs_the_most_where_it_could_do_harm() {
        assert_eq!(needed("/rmdd.v1.AdminService/Unheard"), Right::Admin);
        assert_eq!(needed("/grpc.health.v1.Health/Check"), Right::Query);
        assert!(Right::Query < Right::Operator && Right::Operator < Right::Admin);
        assert_eq!((needed_over_http("/readyz"), needed_over_http("/metrics")), (None, Some(Right::Query)));
        assert_eq!(needed_over_http("/healthz/../v1/check"), Some(Right::Query));
    }
}
