//! Who asks for a licence: a claim that a tenant's services sign, as a JSON Web Token (RFC 7519) with `alg` EdDSA (RFC 8037).
//!
//! Why this and no password for each tenant: the routing snapshot has for every tenant the public keys that its tokens are
//! signed with, and no key is two tenants'. So nothing secret has to be made, kept or replaced for licensing, a leak here
//! leaks no credential, and a tenant that is gone from the snapshot speaks for nobody at once. Three things keep other
//! tokens of a tenant's key out, those of its users above all: the claim is for licensing (`aud`), it names the tenant
//! whose key it is, and it ends within the hour.

use std::collections::BTreeMap;

use accessos_routing::{PublicKey, Snapshot};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Whom a claim is for.
pub const AUDIENCE: &str = "accessos-licensing";

/// A longer token is not looked at.
const BYTES_MAX: usize = 4 * 1024;

/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 60;

/// How long a claim may last, in seconds.
const LASTS_MAX: i64 = 3600;

/// The keys that tenants' claims are signed with, by their ids, each with its tenant.
#[derive(Clone, Debug, Default)]
pub struct Keys(BTreeMap<String, (String, PublicKey)>);

/// Why a claim does not count. A word for the log; who asks is told the same of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It is no token of the kind that is read here.
    Malformed,
    /// No tenant has a key of that id.
    UnknownKey,
    /// The key of that id did not sign it.
    Forged,
    /// It is not for licensing.
    OtherAudience,
    /// It names another tenant than the one whose key it is.
    OtherTenant,
    /// It does not count yet, counts no more, or would for too long.
    Untimely,
}

impl Denied {
    /// A stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "claim_malformed",
            Self::UnknownKey => "claim_unknown_key",
            Self::Forged => "claim_forged",
            Self::OtherAudience => "claim_other_audience",
            Self::OtherTenant => "claim_other_tenant",
            Self::Untimely => "claim_untimely",
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    tenant: String,
    aud: String,
    exp: i64,
    nbf: Option<i64>,
}

impl Keys {
    /// The keys of a snapshot, which were found to be well-formed when it was opened.
    pub fn of(snapshot: &Snapshot) -> Self {
        let keys = snapshot.tenants.iter().flat_map(|tenant| tenant.token_keys.iter().map(move |key| (tenant, key)));
        Self(keys.filter_map(|(tenant, key)| Some((key.id.clone(), (tenant.id.clone(), key.public()?)))).collect())
    }

    /// The tenant that this token speaks for at a time, in seconds since 1970.
    ///
    /// # Errors
    /// It speaks for none.
    pub fn tenant(&self, token: &str, now: i64) -> Result<&str, Denied> {
        let (signed, signature) =
            token.rsplit_once('.').filter(|_| token.len() <= BYTES_MAX).ok_or(Denied::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Denied::Malformed)?;
        let header: Header = decoded(header).ok_or(Denied::Malformed)?;
        // One algorithm, so that none can be chosen by who sends it.
        if header.alg != "EdDSA" || header.crit.is_some() {
            return Err(Denied::Malformed);
        }
        let (tenant, key) = self.0.get(&header.kid).ok_or(Denied::UnknownKey)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Denied::Forged)?;
        if !key.verifies(signed.as_bytes(), &signature) {
            return Err(Denied::Forged);
        }
        let claims: Claims = decoded(claims).ok_or(Denied::Malformed)?;
        if claims.aud != AUDIENCE {
            return Err(Denied::OtherAudience);
        }
        if &claims.tenant != tenant {
            return Err(Denied::OtherTenant);
        }
        let over = now >= claims.exp.saturating_add(LEEWAY);
        let too_long = claims.exp > now.saturating_add(LASTS_MAX + LEEWAY);
        let early = claims.nbf.is_some_and(|from| from > now.saturating_add(LEEWAY));
        if over || too_long || early { Err(Denied::Untimely) } else { Ok(tenant) }
    }
}

fn decoded<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use accessos_routing::{SigningKey, State, Tenant, TokenKey};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::envelope::tests::key;

    /// A tenant's key and its id.
    pub(crate) struct Issuer {
        pub(crate) id: &'static str,
        pub(crate) key: SigningKey,
    }

    impl Issuer {
        pub(crate) fn new(id: &'static str) -> Self {
            Self { id, key: key() }
        }

        pub(crate) fn token(&self, claims: &Value) -> String {
            self.token_as("EdDSA", claims)
        }

        fn token_as(&self, alg: &str, claims: &Value) -> String {
            let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let signed = format!("{}.{}", part(json!({"alg": alg, "kid": self.id})), part(claims.clone()));
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes())))
        }
    }

    pub(crate) fn snapshot(generation: u64, tenants: &[(&str, &Issuer)]) -> Snapshot {
        let tenant = |(id, issuer): &(&str, &Issuer)| Tenant {
            id: (*id).to_owned(),
            hosts: vec![format!("{id}.a3os.app")],
            state: State::Active,
            moved_to: None,
            backend: "https://s1.a3os.app".to_owned(),
            cell: "prod-1".to_owned(),
            token_keys: vec![TokenKey {
                id: issuer.id.to_owned(),
                x: URL_SAFE_NO_PAD.encode(issuer.key.public().bytes()),
            }],
        };
        Snapshot {
            schema: 1,
            app: "accessos".to_owned(),
            fleet: "prod".to_owned(),
            generation,
            published_at: jiff::Timestamp::UNIX_EPOCH,
            restores: None,
            follows: None,
            meant_to_lose: 0,
            tenants: tenants.iter().map(tenant).collect(),
        }
    }

    pub(crate) fn claims(tenant: &str, exp: i64) -> Value {
        json!({"tenant": tenant, "aud": AUDIENCE, "exp": exp})
    }

    #[test]
    fn a_key_speaks_for_its_tenant_only_to_licensing_only_and_for_an_hour_at_most() {
        let (acme, hooli, other) = (Issuer::new("k-acme"), Issuer::new("k-hooli"), Issuer::new("k-other"));
        let keys = Keys::of(&snapshot(1, &[("acme", &acme), ("hooli", &hooli)]));
        let told = |token: &str| keys.tenant(token, 10_000);
        assert_eq!(told(&acme.token(&claims("acme", 10_300))), Ok("acme"));
        assert_eq!(told(&hooli.token(&claims("hooli", 10_300))), Ok("hooli"));
        assert_eq!(told(&acme.token(&claims("hooli", 10_300))), Err(Denied::OtherTenant), "acme's key names hooli");
        assert_eq!(told(&other.token(&claims("acme", 10_300))), Err(Denied::UnknownKey));
        assert_eq!(told(&Issuer::new("k-acme").token(&claims("acme", 10_300))), Err(Denied::Forged));
        let session = json!({"tenant": "acme", "aud": "accessos", "exp": 10_300});
        assert_eq!(told(&acme.token(&session)), Err(Denied::OtherAudience), "a token of one of its users");
        assert_eq!(told(&acme.token(&json!({"tenant": "acme", "exp": 10_300}))), Err(Denied::Malformed));
        for (exp, counts) in [(9_939, false), (9_941, true), (13_660, true), (13_661, false), (i64::MAX, false)] {
            let told = told(&acme.token(&claims("acme", exp)));
            assert_eq!(told.is_ok(), counts, "{exp}: {told:?}");
        }
        let early = json!({"tenant": "acme", "aud": AUDIENCE, "exp": 13_000, "nbf": 10_061});
        assert_eq!(told(&acme.token(&early)), Err(Denied::Untimely));
        for alg in ["none", "HS256", "eddsa"] {
            assert_eq!(told(&acme.token_as(alg, &claims("acme", 10_300))), Err(Denied::Malformed), "{alg}");
        }
    }

    proptest! {
        #[test]
        fn any_text_speaks_for_nobody(token in "[a-zA-Z0-9._-]{0,200}") {
            let acme = Issuer::new("k");
            prop_assert!(Keys::of(&snapshot(1, &[("acme", &acme)])).tenant(&token, 0).is_err());
        }

        #[test]
        fn no_change_of_a_byte_makes_it_speak_for_somebody_else(at in any::<prop::sample::Index>(), bits in 1..128_u8) {
            let (acme, hooli) = (Issuer::new("k-acme"), Issuer::new("k-hooli"));
            let keys = Keys::of(&snapshot(1, &[("acme", &acme), ("hooli", &hooli)]));
            let mut bytes = acme.token(&claims("acme", 100)).into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
            if let Ok(token) = String::from_utf8(bytes) {
                prop_assert_ne!(keys.tenant(&token, 0), Ok("hooli"));
            }
        }
    }
}
