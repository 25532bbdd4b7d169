//! Whether a licence counts: offline, from its bytes, the keys that are trusted, who asks, what was seen before, and the
//! time. Nothing is asked of anybody.

use accessos_routing::{KeyId, TrustedKeys};
use jiff::{SignedDuration, Timestamp};

use crate::envelope::open;
use crate::licence::Licence;
use crate::refusal::Refusal;

/// How far the clock of who issues may be ahead of the clock of who verifies. The end of a licence has no such grace.
const LEEWAY: SignedDuration = SignedDuration::from_mins(5);

/// What a licence must be, for whoever asks.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The application.
    pub app: &'a str,
    /// The fleet.
    pub fleet: &'a str,
    /// The tenant.
    pub tenant: &'a str,
    /// The last one that counted, if there was one. Whoever keeps it cannot be given an older one.
    pub seen: Option<&'a Licence>,
    /// Now.
    pub now: Timestamp,
}

/// The licence in these bytes, which counts, and the key that signed it.
///
/// # Errors
/// Every reason why it does not count. Of one that no trusted key signed, or that is none, that alone is told.
pub fn verify(bytes: &[u8], trusted: &TrustedKeys, expected: Expected<'_>) -> Result<(Licence, KeyId), Vec<Refusal>> {
    let (licence, key) = open(bytes, trusted).map_err(|refusal| vec![refusal])?;
    let mut against = Vec::new();
    if (licence.app.as_str(), licence.fleet.as_str(), licence.tenant.as_str())
        != (expected.app, expected.fleet, expected.tenant)
    {
        let found = format!("{}/{}/{}", licence.app, licence.fleet, licence.tenant);
        let wanted = format!("{}/{}/{}", expected.app, expected.fleet, expected.tenant);
        against.push(Refusal::OtherTenant { found, wanted });
    }
    against.extend(expected.seen.and_then(|seen| replayed(seen, &licence)));
    if expected.now < licence.not_before.saturating_sub(LEEWAY).unwrap_or(licence.not_before) {
        against.push(Refusal::NotYetValid { from: licence.not_before, now: expected.now });
    }
    if expected.now >= licence.expires {
        against.push(Refusal::Expired { at: licence.expires, now: expected.now });
    }
    if against.is_empty() { Ok((licence, key)) } else { Err(against) }
}

/// Why a licence may not take the place of one that was seen, if it may not. The same one again may.
pub fn replayed(seen: &Licence, next: &Licence) -> Option<Refusal> {
    if next.serial < seen.serial {
        return Some(Refusal::Replayed { found: next.serial, seen: seen.serial });
    }
    (next.serial == seen.serial && next != seen).then_some(Refusal::Forked { serial: seen.serial })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::seal;
    use crate::envelope::tests::{key, trusting};
    use crate::licence::tests::{at, licence};

    fn expected<'a>(tenant: &'a str, now: &str) -> Expected<'a> {
        Expected { app: "accessos", fleet: "prod", tenant, seen: None, now: at(now) }
    }

    fn codes(of: &Licence, expected: Expected<'_>) -> Vec<&'static str> {
        let own = key();
        let told = verify(&seal(of, &own).unwrap(), &trusting(&[&own]), expected);
        told.err().into_iter().flatten().map(|refusal| refusal.code()).collect()
    }

    #[test]
    fn it_counts_from_its_first_moment_to_the_last_before_its_end() {
        let acme = licence("acme", 1);
        let cases: [(&str, &[&str]); 6] = [
            ("2025-12-31T23:54:59Z", &["not_yet_valid"]),
            ("2025-12-31T23:55:00Z", &[]),
            ("2026-01-01T00:00:00Z", &[]),
            ("2026-12-31T23:59:59.999999999Z", &[]),
            ("2027-01-01T00:00:00Z", &["expired"]),
            ("2030-01-01T00:00:00Z", &["expired"]),
        ];
        for (now, told) in cases {
            assert_eq!(codes(&acme, expected("acme", now)), told, "{now}");
        }
    }

    #[test]
    fn it_is_of_one_tenant_of_one_fleet_of_one_application() {
        let acme = licence("acme", 1);
        let now = "2026-06-01T00:00:00Z";
        assert_eq!(codes(&acme, expected("hooli", now)), ["other_tenant"]);
        assert_eq!(codes(&acme, Expected { fleet: "dev", ..expected("acme", now) }), ["other_tenant"]);
        assert_eq!(codes(&acme, Expected { app: "other", ..expected("acme", now) }), ["other_tenant"]);
    }

    #[test]
    fn one_that_is_older_than_what_was_seen_is_replayed() {
        let (first, second) = (licence("acme", 1), licence("acme", 2));
        let now = "2026-06-01T00:00:00Z";
        let after = |seen| Expected { seen: Some(seen), ..expected("acme", now) };
        assert_eq!(codes(&first, after(&second)), ["replayed"]);
        assert_eq!(codes(&second, after(&first)), [""; 0]);
        assert_eq!(codes(&second, after(&second)), [""; 0], "the same one again");
        let other = Licence { plan: None, ..second.clone() };
        assert_eq!(codes(&other, after(&second)), ["forked"]);
    }

    #[test]
    fn everything_that_speaks_against_it_is_told() {
        let seen = licence("hooli", 9);
        let all = Expected { seen: Some(&seen), ..expected("hooli", "2028-01-01T00:00:00Z") };
        assert_eq!(codes(&licence("acme", 1), all), ["other_tenant", "replayed", "expired"]);
    }
}
