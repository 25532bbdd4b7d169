//! Why a request is not passed on: a status, a stable code, and a sentence for whoever sent it.

use http::StatusCode;

/// Why a request is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It can be read in more than one way.
    Malformed(&'static str),
    /// It names two tenants.
    TwoTenants,
    /// Its token is of a known key and does not count, and nothing else names a tenant.
    BadToken,
    /// Nothing is known of what it names.
    Unknown,
    /// Its method is not passed on.
    Method,
    /// Its body is larger than is taken.
    TooLarge,
    /// Its sender has asked for too many things that are not there.
    TooMany,
    /// No snapshot was ever taken in.
    NoRoutes,
    /// The tenant is paused.
    Paused,
    /// The tenant is in maintenance.
    Maintenance,
    /// The backend was not reached, or broke off.
    Backend,
    /// The backend did not answer in time.
    Late,
}

impl Refusal {
    /// The status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::TwoTenants => StatusCode::BAD_REQUEST,
            Self::BadToken => StatusCode::UNAUTHORIZED,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::NoRoutes | Self::Paused | Self::Maintenance => StatusCode::SERVICE_UNAVAILABLE,
            Self::Backend => StatusCode::BAD_GATEWAY,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::TwoTenants => "two_tenants",
            Self::BadToken => "bad_token",
            Self::Unknown => "unknown",
            Self::Method => "method",
            Self::TooLarge => "too_large",
            Self::TooMany => "too_many",
            Self::NoRoutes => "no_routes",
            Self::Paused => "paused",
            Self::Maintenance => "maintenance",
            Self::Backend => "backend",
            Self::Late => "late",
        }
    }

    /// A heading and a sentence.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed(why) => ("This request cannot be read", why),
            Self::TwoTenants => ("Two organisations are named", "The request names two, and goes to neither."),
            Self::BadToken => ("Please sign in again", "What you were signed in with does not count here any more."),
            Self::Unknown => ("There is nothing here", "Check the address, or look for your organisation again."),
            Self::Method => ("This cannot be done here", "The request's method is not passed on."),
            Self::TooLarge => ("This is too large", "The request has more bytes than are taken here."),
            Self::TooMany => {
                ("Please wait a moment", "There were too many requests from where you are. Try again in a minute.")
            }
            Self::NoRoutes => ("Not ready yet", "The service is starting. Try again in a moment."),
            Self::Paused => {
                ("This workspace is asleep", "It was paused on purpose. Ask your administrator to wake it.")
            }
            Self::Maintenance => ("Back soon", "This workspace is being looked after. Try again in a few minutes."),
            Self::Backend => ("No answer", "The workspace did not answer. Try again in a moment."),
            Self::Late => ("No answer in time", "The workspace took too long to answer. Try again in a moment."),
        }
    }

    /// When to ask again, in seconds, where that helps.
    pub fn retry_after(self) -> Option<u32> {
        match self {
            Self::TooMany => Some(60),
            Self::NoRoutes | Self::Backend => Some(5),
            Self::Paused => Some(3_600),
            Self::Maintenance => Some(120),
            _ => None,
        }
    }
}
