//! The one place where rejections become statuses.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::v1;
use crate::domain::{ErrorKind, ErrorReason, Rejection};

/// `ErrorInfo.domain`.
pub const DOMAIN: &str = "rmdd";

/// The status code that goes with a reason.
pub fn code(reason: ErrorReason) -> Code {
    match reason.kind() {
        ErrorKind::InvalidArgument => Code::InvalidArgument,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::Aborted => Code::Aborted,
        ErrorKind::OutOfRange => Code::OutOfRange,
        ErrorKind::ResourceExhausted => Code::ResourceExhausted,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Internal => Code::Internal,
        ErrorKind::Unauthenticated => Code::Unauthenticated,
        ErrorKind::PermissionDenied => Code::PermissionDenied,
        ErrorKind::FailedPrecondition => Code::FailedPrecondition,
    }
}

/// The reason that a status of ours carries.
pub fn reason_of(status: &Status) -> Option<ErrorReason> {
    status.get_error_details().error_info().filter(|info| info.domain == DOMAIN)?.reason.parse().ok()
}

impl From<Rejection> for Status {
    fn from(Rejection { reason, message, violations }: Rejection) -> Self {
        let mut details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, HashMap::new());
        for violation in violations {
            details.add_bad_request_violation(violation.field, violation.problem);
        }
        Self::with_error_details(code(reason), message, details)
    }
}

/// A rejection as the answer to one query of many.
pub fn of_query(rejection: Rejection) -> v1::Error {
    v1::Error {
        reason: rejection.reason.as_str().to_owned(),
        code: code(rejection.reason).into(),
        message: rejection.message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_listed_in_the_proto_with_its_code() {
        let proto = include_str!("../../../proto/rmdd/v1/common.proto");
        for reason in ErrorReason::ALL {
            let code = match code(*reason) {
                Code::InvalidArgument => "INVALID_ARGUMENT",
                Code::Unavailable => "UNAVAILABLE",
                Code::Internal => "INTERNAL",
                Code::FailedPrecondition => "FAILED_PRECONDITION",
                Code::NotFound => "NOT_FOUND",
                Code::Aborted => "ABORTED",
                Code::OutOfRange => "OUT_OF_RANGE",
                Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
                Code::Unauthenticated => "UNAUTHENTICATED",
                Code::PermissionDenied => "PERMISSION_DENIED",
                other => panic!("{other:?} stands for no reason"),
            };
            let listed = proto.lines().any(|line| {
                let words: Vec<_> = line.split_whitespace().collect();
                words.get(1) == Some(&code) && words.get(2) == Some(&reason.as_str())
            });
            assert!(listed, "{reason:?}");
        }
    }

    #[test]
    fn a_rejection_becomes_a_status_with_its_reason_and_what_is_wrong_with_which_part() {
        let rejection = Rejection {
            violations: vec![crate::domain::Violation { field: "records[3].frn".into(), problem: "no FRN".into() }],
            ..ErrorReason::InvalidRecord.reject("one record makes no sense")
        };
        let status = Status::from(rejection);
        assert_eq!(reason_of(&status), Some(ErrorReason::InvalidRecord));
        let violations = status.get_details_bad_request().expect("details").field_violations;
        assert_eq!((&*violations[0].field, &*violations[0].description), ("records[3].frn", "no FRN"));
    }
}
