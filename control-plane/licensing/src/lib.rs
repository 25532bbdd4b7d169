//! Licences of tenants: what they say, who signed them, and whether they count.
//!
//! Pure: bytes, keys, what was seen and the time in; a licence or refusals out. [`seal`] signs, [`verify`] judges, and
//! needs nobody to be asked. While a key is replaced two are trusted ([`TrustedKeys`]).
//!
//! The service (feature `service`) hands a tenant its own licence and nobody else's. Who asks proves who it is by a claim
//! ([`claim`]): a short-lived token under a key that the routing snapshot has for that tenant.

pub mod claim;
mod envelope;
mod licence;
mod refusal;
#[cfg(feature = "service")]
pub mod service;
mod verify;

pub use accessos_routing::TrustedKeys;
pub use envelope::{BYTES_MAX, PAYLOAD_TYPE, claimed, open, seal};
pub use licence::{Licence, SCHEMA, end_of, licence_schema};
pub use refusal::Refusal;
pub use verify::{Expected, replayed, verify};

#[cfg(test)]
mod properties;
