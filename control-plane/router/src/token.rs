//! Whom a bearer token speaks for: a JSON Web Token (RFC 7519) with `alg` EdDSA (RFC 8037), verified with the key that the
//! snapshot has under its `kid`. A key belongs to one tenant, and a token of it that names another tenant is refused: no
//! tenant's issuer can speak for somebody else. There is one algorithm, so that none can be chosen by who sends it.
//!
//! This finds out where a request goes. Whether it may do there what it wants is for the tenant's own services to judge.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::routes::{Routes, Target};

/// A longer token is not looked at.
const BYTES_MAX: usize = 8 * 1024;

/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 60;

/// Whom a token speaks for.
#[derive(Debug)]
pub enum Speaks<'a> {
    /// For this tenant, verified.
    For(&'a Target),
    /// It is not one of those that are known here.
    Unknown,
    /// It is of a key that is known, and does not count.
    Refused,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    tenant: String,
    exp: i64,
    nbf: Option<i64>,
}

/// Whom a token speaks for at a time, in seconds since 1970.
pub fn speaks<'a>(token: &str, routes: &'a Routes, now: i64) -> Speaks<'a> {
    let Some((signed, signature)) = token.rsplit_once('.').filter(|_| token.len() <= BYTES_MAX) else {
        return Speaks::Unknown;
    };
    let Some((header, claims)) = signed.split_once('.') else { return Speaks::Unknown };
    let Some(header) = decoded::<Header>(header) else { return Speaks::Unknown };
    let Some((target, key)) = header.kid.as_deref().and_then(|kid| routes.by_key(kid)) else {
        return Speaks::Unknown;
    };
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
    if header.alg != "EdDSA" || header.crit.is_some() || !key.verifies(signed.as_bytes(), &signature) {
        return Speaks::Refused;
    }
    match decoded::<Claims>(claims) {
        Some(claims)
            if claims.tenant == target.id
                && now < claims.exp.saturating_add(LEEWAY)
                && claims.nbf.is_none_or(|from| from <= now.saturating_add(LEEWAY)) =>
        {
            Speaks::For(target)
        }
        _ => Speaks::Refused,
    }
}

fn decoded<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Issuer, snapshot_with};

    fn told(token: &str, routes: &Routes) -> String {
        match speaks(token, routes, 1_000) {
            Speaks::For(target) => target.id.clone(),
            Speaks::Unknown => "unknown".to_owned(),
            Speaks::Refused => "refused".to_owned(),
        }
    }

    #[test]
    fn a_key_speaks_for_its_tenant_only_and_while_the_token_lasts() {
        let (acme, bolt, other) = (Issuer::new("k-acme"), Issuer::new("k-bolt"), Issuer::new("k-other"));
        let routes = Routes::of(&snapshot_with(&[("acme", Some(&acme)), ("bolt", Some(&bolt))])).unwrap();
        assert_eq!(told(&acme.token("acme", 2_000), &routes), "acme");
        assert_eq!(told(&acme.token("bolt", 2_000), &routes), "refused", "acme's issuer names bolt");
        assert_eq!(told(&acme.token("acme", 900), &routes), "refused", "over");
        assert_eq!(told(&acme.token("acme", 950), &routes), "acme", "clocks may be a minute apart");
        assert_eq!(told(&other.token("acme", 2_000), &routes), "unknown");
        let forged = Issuer::new("k-acme");
        assert_eq!(told(&forged.token("acme", 2_000), &routes), "refused", "another key under its id");
        for alg in ["none", "HS256", "eddsa"] {
            assert_eq!(told(&acme.token_as(alg, "acme", 2_000), &routes), "refused", "{alg}");
        }
        for text in ["", "a", "a.b", "a.b.c", "....", &"x".repeat(9_000)] {
            assert_eq!(told(text, &routes), "unknown", "{text}");
        }
    }
}
