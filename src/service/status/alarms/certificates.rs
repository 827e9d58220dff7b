//! Whether listeners' certificates are good, and for how long.

use jiff::{SignedDuration, Timestamp};

use super::{Alarm, Severity};
use crate::domain::AlarmCode;
use crate::transport::CertificateState;

/// How long before its end a certificate is an alarm.
const CERTIFICATE_ENDS_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What is wrong with a listener's certificate; nothing if all is well.
pub fn certificate(certificate: &CertificateState, now: Timestamp) -> Vec<Alarm> {
    let CertificateState { name, valid_from, expires_at, unusable } = certificate;
    let mut alarms = Vec::new();
    let until = expires_at.strftime("%Y-%m-%d %H:%M UTC");
    if *expires_at <= now {
        alarms.push(Alarm {
            code: AlarmCode::CertificateExpired,
            message: format!(
                "the certificate of {name} was good until {until}: clients do not believe it any more. Put a new one in its \
                 place; no restart is needed"
            ),
            severity: Severity::Critical,
        });
    } else if expires_at.duration_since(now) <= CERTIFICATE_ENDS_SOON {
        alarms.push(Alarm {
            code: AlarmCode::CertificateExpires,
            message: format!(
                "the certificate of {name} is good until {until} only: put a new one in its place; no restart is needed"
            ),
            severity: Severity::Warning,
        });
    }
    if *valid_from > now {
        alarms.push(Alarm {
            code: AlarmCode::CertificateNotYetValid,
            message: format!(
                "the certificate of {name} is good from {} only: clients do not believe it before. Is this machine's clock \
                 right?",
                valid_from.strftime("%Y-%m-%d %H:%M UTC")
            ),
            severity: Severity::Critical,
        });
    }
    if let Some(why) = unusable {
        alarms.push(Alarm {
            code: AlarmCode::CertificateUnusable,
            message: format!(
                "the files of {name} cannot be used as they are now, and those of before stay in force: {why}"
            ),
            severity: Severity::Warning,
        });
    }
    alarms
}
