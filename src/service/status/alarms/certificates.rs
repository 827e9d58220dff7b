//! Whether certificates are good, and for how long: those of listeners, and that which is shown to a fleet's etcd.

use jiff::{SignedDuration, Timestamp};

use super::{Alarm, Severity};
use crate::domain::AlarmCode;
use crate::domain::wording::moment;
use crate::transport::CertificateState;

/// How long before its end a certificate is an alarm.
const CERTIFICATE_ENDS_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The settings' table of the certificate by which a site's fleet knows it.
const TOWARDS_ETCD: &str = "fleet.tls";

/// What is wrong with a certificate; nothing if all is well.
pub fn certificate(certificate: &CertificateState, now: Timestamp) -> Vec<Alarm> {
    let CertificateState { name, valid_from, expires_at, unusable } = certificate;
    let who_believe = if *name == TOWARDS_ETCD { "etcd does" } else { "clients do" };
    let mut alarms = Vec::new();
    let until = moment(*expires_at);
    if *expires_at <= now {
        let message =
            format!("the certificate of {name} was good until {until}: {who_believe} not believe it any more");
        alarms.push(Alarm::new(AlarmCode::CertificateExpired, Severity::Critical, message));
    } else if expires_at.duration_since(now) <= CERTIFICATE_ENDS_SOON {
        let message = format!("the certificate of {name} is good until {until} only");
        alarms.push(Alarm::new(AlarmCode::CertificateExpires, Severity::Warning, message));
    }
    if *valid_from > now {
        let from = moment(*valid_from);
        let message =
            format!("the certificate of {name} is good from {from} only: {who_believe} not believe it before");
        alarms.push(Alarm::new(AlarmCode::CertificateNotYetValid, Severity::Critical, message));
    }
    if let Some(why) = unusable {
        let message =
            format!("the files of {name} cannot be used as they are now, and those of before stay in force: {why}");
        alarms.push(Alarm::new(AlarmCode::CertificateUnusable, Severity::Warning, message));
    }
    alarms
}
