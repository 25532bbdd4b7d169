//! A snapshot under its signature, in an envelope whose type is a snapshot's alone.

use crate::envelope::{Envelope, message};
use crate::key::{KeyId, SigningKey, TrustedKeys};
use crate::problem::{Problem, short};
use crate::snapshot::Snapshot;

/// What is signed.
pub const PAYLOAD_TYPE: &str = "application/vnd.accessos.routing-snapshot.v1+json";

/// More bytes than this are no snapshot: some 300 a tenant, for [`crate::TENANTS_MAX`] of them.
pub const BYTES_MAX: usize = 32 * 1024 * 1024;

impl SigningKey {
    /// The snapshot under this key's signature.
    ///
    /// # Errors
    /// The snapshot means nothing: all of what is wrong with it.
    pub fn seal(&self, snapshot: &Snapshot) -> Result<Vec<u8>, Vec<Problem>> {
        let problems = snapshot.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let bug = |error: serde_json::Error| vec![Problem::new("malformed", error)];
        let payload = snapshot.bytes().map_err(bug)?;
        serde_json::to_vec(&Envelope::seal(PAYLOAD_TYPE, &payload, self)).map_err(bug)
    }
}

impl TrustedKeys {
    /// The snapshot in an envelope, and which key signed it.
    ///
    /// # Errors
    /// No key that is trusted signed it; or, of one that is signed, everything that is wrong.
    pub fn open(&self, bytes: &[u8]) -> Result<(Snapshot, KeyId), Vec<Problem>> {
        let (payload, key) = self.verified(bytes).map_err(|problem| vec![problem])?;
        let snapshot = Snapshot::read(&payload).map_err(|problem| vec![problem])?;
        let problems = snapshot.problems();
        if problems.is_empty() { Ok((snapshot, key)) } else { Err(problems) }
    }

    fn verified(&self, bytes: &[u8]) -> Result<(Vec<u8>, KeyId), Problem> {
        let unsigned = |why: &str| Problem::new("unsigned", why);
        if bytes.len() > BYTES_MAX {
            return Err(unsigned(&format!("it has more than {BYTES_MAX} bytes")));
        }
        let envelope: Envelope =
            serde_json::from_slice(bytes).map_err(|error| unsigned(&format!("it is no signed envelope: {error}")))?;
        let payload = envelope.payload(PAYLOAD_TYPE).map_err(|why| unsigned(&why))?;
        let message = message(PAYLOAD_TYPE, &payload);
        let by = envelope.signatures().find_map(|signature| {
            let key = self.find(&signature.keyid)?;
            signature.is_of(key, &message).then(|| key.id())
        });
        match by {
            Some(key) => Ok((payload, key)),
            None => {
                let ids = envelope.signatures().map(|signature| short(&signature.keyid));
                let ids = ids.collect::<Vec<_>>().join(", ");
                Err(unsigned(&format!("no key that is trusted signed it; it names [{ids}]")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::snapshot::tests::snapshot;

    fn key() -> SigningKey {
        SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap()
    }

    fn trusting(keys: &[&SigningKey]) -> TrustedKeys {
        TrustedKeys::new(keys.iter().map(|key| key.public()).collect()).unwrap()
    }

    #[test]
    fn two_keys_are_trusted_while_one_is_replaced() {
        let (old, new, other) = (key(), key(), key());
        let one = snapshot(1, &["acme"]);
        let both = trusting(&[&old, &new]);
        assert_eq!(both.open(&old.seal(&one).unwrap()), Ok((one.clone(), old.public().id())));
        assert_eq!(both.open(&new.seal(&one).unwrap()), Ok((one.clone(), new.public().id())));
        let refused = both.open(&other.seal(&one).unwrap()).unwrap_err();
        assert_eq!(refused[0].code, "unsigned");
        assert!(refused[0].what.contains(other.public().id().as_str()), "{refused:?}");
        assert!(trusting(&[&new]).open(&old.seal(&one).unwrap()).is_err(), "the old one is taken out");
    }

    #[test]
    fn a_signature_over_the_payload_alone_or_under_another_id_is_none() {
        let (key, other) = (key(), key());
        let trusted = trusting(&[&key]);
        let sealed = key.seal(&snapshot(1, &["acme"])).unwrap();
        let mut envelope: Envelope = serde_json::from_slice(&sealed).unwrap();
        let payload = STANDARD.decode(&envelope.payload).unwrap();
        envelope.signatures[0].sig = STANDARD.encode(key.sign(&payload));
        assert!(trusted.open(&serde_json::to_vec(&envelope).unwrap()).is_err());
        envelope.signatures[0].sig = STANDARD.encode(other.sign(&message(PAYLOAD_TYPE, &payload)));
        assert!(trusted.open(&serde_json::to_vec(&envelope).unwrap()).is_err());
    }

    #[test]
    fn what_is_signed_and_wrong_is_told_in_full_and_never_sealed() {
        let key = key();
        let bad = snapshot(0, &["b", "a"]);
        assert_eq!(key.seal(&bad).unwrap_err().len(), 2);
        let payload = bad.bytes().unwrap();
        let envelope = Envelope::seal(PAYLOAD_TYPE, &payload, &key);
        let told = trusting(&[&key]).open(&serde_json::to_vec(&envelope).unwrap()).unwrap_err();
        assert_eq!(told, bad.problems());
    }
}
