//! What an SDK error means to the rest of the program: what was being done, AWS's own words, and whether asking
//! again may help. Bodies and headers stay here: they can hold secrets, and nobody reads them anyway.

use std::error::Error;
use std::fmt::Display;

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::ports::{Fault, PortError};

/// Codes that mean "too fast", also where the HTTP status is 400 (botocore's retry table).
const THROTTLES: [&str; 9] = [
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Codes that mean somebody else was quicker (botocore's ecs, application-autoscaling, elbv2 and rds models).
const CONFLICTS: [&str; 7] = [
    "ConcurrentUpdateException",
    "ConflictException",
    "InvalidDBInstanceState",
    "PriorityInUse",
    "ResourceInUseException",
    "UpdateInProgressException",
    "ServiceDeploymentConflictException",
];

/// What ECS says, as a mere ClientException, when two registrations of one family meet.
pub(super) const TOO_MANY_ATTEMPTS: &str = "Too many concurrent attempts";

/// Longest message that is passed on, in characters.
const MESSAGE_MAX: usize = 400;

/// Puts an SDK error into the port's words.
pub(super) fn failure<E>(doing: impl Display, error: &SdkError<E, HttpResponse>) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (fault, why) = match error {
        SdkError::TimeoutError(_) => (Fault::Unavailable, "no answer in time".to_owned()),
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let (code, message) = (answer.err().code(), answer.err().message().unwrap_or_default());
            (fault_of(status, code.unwrap_or_default(), message), sentence(status, code, message))
        }
        SdkError::ResponseError(answer) => {
            (Fault::Unavailable, format!("HTTP {} with an answer that cannot be read", answer.raw().status().as_u16()))
        }
        other => unsent(other),
    };
    let id = error.request_id().map(|id| format!(" (request {id})")).unwrap_or_default();
    PortError::new(fault, doing, format!("{}{id}", one_line(&why)))
}

fn fault_of(status: u16, code: &str, message: &str) -> Fault {
    if THROTTLES.contains(&code) || status == 429 || status >= 500 {
        Fault::Unavailable
    } else if CONFLICTS.contains(&code) || message.contains(TOO_MANY_ATTEMPTS) {
        Fault::Conflict
    } else {
        Fault::Refused
    }
}

fn sentence(status: u16, code: Option<&str>, message: &str) -> String {
    let code = code.map_or_else(|| format!("HTTP {status}"), str::to_owned);
    if message.is_empty() { code } else { format!("{code}: {message}") }
}

/// The request never left, or nothing came back. Credentials are found on the way out, so their failures end here
/// too, and one of those that is ours says itself whether asking again may help.
fn unsent(error: &(dyn Error + 'static)) -> (Fault, String) {
    use aws_credential_types::provider::error::CredentialsError;

    let (mut fault, mut words) = (Fault::Unavailable, Vec::new());
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(ours) = cause.downcast_ref::<PortError>() {
            return (ours.fault, ours.to_string());
        }
        let missing = |error: &CredentialsError| {
            matches!(error, CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_))
        };
        if cause.downcast_ref::<CredentialsError>().is_some_and(missing) {
            fault = Fault::Refused;
        }
        words.push(cause.to_string());
        next = cause.source();
    }
    // A chain often repeats the cause within the message of its effect.
    words.dedup_by(|cause, effect| effect.contains(cause.as_str()));
    (fault, if words.is_empty() { error.to_string() } else { words.join(": ") })
}

/// A text from outside on one line of bounded length: it goes into records, tables and terminals.
pub(super) fn one_line(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|c| !c.is_control());
    if line.chars().count() > MESSAGE_MAX {
        line = line.chars().take(MESSAGE_MAX - 1).chain(['…']).collect();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_faults() {
        for (status, code, message, fault) in [
            (400, "ThrottlingException", "Rate exceeded", Fault::Unavailable),
            (500, "ServerException", "", Fault::Unavailable),
            (429, "", "", Fault::Unavailable),
            (400, "UpdateInProgressException", "", Fault::Conflict),
            (400, "ClientException", "Too many concurrent attempts to create a new revision of x", Fault::Conflict),
            (400, "ClientException", "TaskDefinition is inactive", Fault::Refused),
            (400, "AccessDeniedException", "no", Fault::Refused),
        ] {
            assert_eq!(fault_of(status, code, message), fault, "{status} {code} {message}");
        }
    }

    #[test]
    fn words_from_outside_stay_on_one_line() {
        assert_eq!(one_line("a\r\n::error::b\u{1b}[31m"), "a ::error::b[31m");
        assert_eq!(one_line(&"x".repeat(1000)).chars().count(), MESSAGE_MAX);
    }
}
