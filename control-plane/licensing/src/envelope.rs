//! Signing and opening: a licence in the envelope of DSSE (github.com/secure-systems-lab/dsse, v1), as routing snapshots
//! are. The type of the payload is signed with it, so that no signature over something else can be taken for one over a
//! licence. Nothing of an unsigned text is interpreted.

use accessos_routing::{Envelope, KeyId, SigningKey, TrustedKeys, message};

use crate::licence::Licence;
use crate::refusal::{Refusal, short};

/// What is signed.
pub const PAYLOAD_TYPE: &str = "application/vnd.accessos.licence.v1+json";

/// More bytes than this are no sealed licence; a usual one has some 600.
pub const BYTES_MAX: usize = 8 * 1024;

/// The licence under this key's signature: one line of JSON. Equal licences under one key have equal bytes (RFC 8032's
/// signatures have no randomness).
///
/// # Errors
/// The licence means nothing.
pub fn seal(licence: &Licence, key: &SigningKey) -> Result<Vec<u8>, Refusal> {
    licence.check()?;
    let bug = |error: serde_json::Error| Refusal::Malformed { why: error.to_string() };
    let payload = licence.bytes().map_err(bug)?;
    let mut bytes = serde_json::to_vec(&Envelope::seal(PAYLOAD_TYPE, &payload, key)).map_err(bug)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The licence in an envelope that a trusted key signed, and which. Whether it counts here and now is another question.
///
/// # Errors
/// It is too large, no envelope, not signed by a key that is trusted, or means nothing.
pub fn open(bytes: &[u8], trusted: &TrustedKeys) -> Result<(Licence, KeyId), Refusal> {
    let (envelope, payload) = taken_apart(bytes)?;
    let message = message(PAYLOAD_TYPE, &payload);
    let mut named = Vec::new();
    let mut forged = None;
    for signature in envelope.signatures() {
        let Some(key) = trusted.find(&signature.keyid) else {
            named.push(short(&signature.keyid));
            continue;
        };
        if signature.is_of(key, &message) {
            return Ok((Licence::read(&payload)?, key.id()));
        }
        forged = Some(Refusal::Forged { key: key.id().to_string() });
    }
    Err(forged.unwrap_or_else(|| Refusal::UnknownKey { named: named.join(", ") }))
}

/// What an envelope says, with the ids of the keys that it names, unverified: to be shown to a person, and to nobody who
/// decides by it.
///
/// # Errors
/// It is too large, no envelope, or means nothing.
pub fn claimed(bytes: &[u8]) -> Result<(Licence, Vec<String>), Refusal> {
    let (envelope, payload) = taken_apart(bytes)?;
    let keys = envelope.signatures().map(|signature| short(&signature.keyid));
    Ok((Licence::read(&payload)?, keys.collect()))
}

fn taken_apart(bytes: &[u8]) -> Result<(Envelope, Vec<u8>), Refusal> {
    if bytes.len() > BYTES_MAX {
        return Err(Refusal::TooLarge { max: BYTES_MAX });
    }
    let malformed = |why: String| Refusal::Malformed { why };
    let envelope: Envelope =
        serde_json::from_slice(bytes).map_err(|error| malformed(format!("no signed envelope: {error}")))?;
    let payload = envelope.payload(PAYLOAD_TYPE).map_err(malformed)?;
    Ok((envelope, payload))
}

#[cfg(test)]
pub(crate) mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::licence::tests::licence;

    pub(crate) fn key() -> SigningKey {
        SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap()
    }

    pub(crate) fn trusting(keys: &[&SigningKey]) -> TrustedKeys {
        TrustedKeys::new(keys.iter().map(|key| key.public()).collect()).unwrap()
    }

    fn changed(sealed: &[u8], change: impl Fn(&mut Envelope)) -> Vec<u8> {
        let mut envelope: Envelope = serde_json::from_slice(sealed).unwrap();
        change(&mut envelope);
        serde_json::to_vec(&envelope).unwrap()
    }

    #[test]
    fn two_keys_are_trusted_while_one_is_replaced() {
        let (old, new) = (key(), key());
        let one = licence("acme", 1);
        let (by_old, by_new) = (seal(&one, &old).unwrap(), seal(&one, &new).unwrap());
        let both = trusting(&[&old, &new]);
        assert_eq!(open(&by_old, &both), Ok((one.clone(), old.public().id())));
        assert_eq!(open(&by_new, &both), Ok((one.clone(), new.public().id())));
        let named = old.public().id().to_string();
        assert_eq!(open(&by_old, &trusting(&[&new])), Err(Refusal::UnknownKey { named }), "the old one is taken out");
        assert_eq!(open(&by_new, &trusting(&[&new])), Ok((one, new.public().id())));
    }

    #[test]
    fn a_signature_over_something_else_or_of_somebody_else_is_forged() {
        let (own, other) = (key(), key());
        let (one, two) = (licence("acme", 1), licence("acme", 2));
        let sealed = seal(&one, &own).unwrap();
        let payload = one.bytes().unwrap();
        let forgeries = [
            changed(&sealed, |of| of.payload = STANDARD.encode(two.bytes().unwrap())),
            changed(&sealed, |of| of.signatures[0].sig = STANDARD.encode(own.sign(&payload))),
            changed(&sealed, |of| of.signatures[0].sig = STANDARD.encode(other.sign(&message(PAYLOAD_TYPE, &payload)))),
            changed(&sealed, |of| of.signatures[0].sig = "no base64".to_owned()),
            changed(&sealed, |of| of.signatures[0].sig.clear()),
        ];
        let forged = Refusal::Forged { key: own.public().id().to_string() };
        for forgery in forgeries {
            assert_eq!(open(&forgery, &trusting(&[&own])), Err(forged.clone()));
        }
        let nobody = changed(&sealed, |of| of.signatures.clear());
        assert_eq!(open(&nobody, &trusting(&[&own])), Err(Refusal::UnknownKey { named: String::new() }));
    }

    #[test]
    fn a_routing_snapshots_envelope_is_none() {
        let own = key();
        let snapshot = accessos_routing::Snapshot {
            schema: 1,
            app: "accessos".to_owned(),
            fleet: "prod".to_owned(),
            generation: 1,
            published_at: jiff::Timestamp::UNIX_EPOCH,
            restores: None,
            follows: None,
            meant_to_lose: 0,
            tenants: Vec::new(),
        };
        let sealed = own.seal(&snapshot).unwrap();
        let refused = open(&sealed, &trusting(&[&own])).unwrap_err();
        assert!(refused.to_string().contains("it is signed as application/vnd.accessos.routing-snapshot"), "{refused}");
    }

    #[test]
    fn what_is_too_large_is_not_looked_at_and_what_means_nothing_is_not_sealed() {
        let own = key();
        let refused = open(&vec![b' '; BYTES_MAX + 1], &trusting(&[&own])).unwrap_err();
        assert_eq!(refused, Refusal::TooLarge { max: BYTES_MAX });
        assert!(seal(&licence("", 1), &own).is_err() && seal(&licence("acme", 0), &own).is_err());
    }

    #[test]
    fn what_is_claimed_is_shown_whoever_signed() {
        let sealed = seal(&licence("acme", 3), &key()).unwrap();
        let (shown, keys) = claimed(&sealed).unwrap();
        assert_eq!((shown, keys.len()), (licence("acme", 3), 1));
    }
}
