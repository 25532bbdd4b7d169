//! The envelope of DSSE (github.com/secure-systems-lab/dsse, v1), for whatever is signed: the bytes that were signed are
//! carried as they are, so that verifying needs no second opinion about their form. The type of the payload is signed
//! with it: no signature over one kind of thing can be taken for one over another.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::key::{PublicKey, SigningKey};
use crate::problem::short;

/// More signatures than this are not looked at.
const SIGNATURES_MAX: usize = 4;

/// A payload and its signatures.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// What kind of thing it is.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// Its bytes, in base64.
    pub payload: String,
    /// Who signed it.
    pub signatures: Vec<Signature>,
}

/// One signature.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The id of the key.
    pub keyid: String,
    /// The signature, in base64.
    pub sig: String,
}

impl Envelope {
    /// A payload of this kind under this key's signature.
    pub fn seal(kind: &str, payload: &[u8], key: &SigningKey) -> Self {
        let sig = STANDARD.encode(key.sign(&message(kind, payload)));
        Self {
            payload_type: kind.to_owned(),
            payload: STANDARD.encode(payload),
            signatures: vec![Signature { keyid: key.public().id().to_string(), sig }],
        }
    }

    /// Its bytes, which must be of this kind. Nobody has verified them.
    ///
    /// # Errors
    /// It is of another kind, or no base64.
    pub fn payload(&self, kind: &str) -> Result<Vec<u8>, String> {
        if self.payload_type != kind {
            return Err(format!("it is signed as {}", short(&self.payload_type)));
        }
        STANDARD.decode(&self.payload).map_err(|_| "its payload is no base64".to_owned())
    }

    /// The signatures that are looked at.
    pub fn signatures(&self) -> impl Iterator<Item = &Signature> {
        self.signatures.iter().take(SIGNATURES_MAX)
    }
}

impl Signature {
    /// Whether it is this key's, over this message.
    pub fn is_of(&self, key: &PublicKey, message: &[u8]) -> bool {
        STANDARD.decode(&self.sig).is_ok_and(|sig| key.verifies(message, &sig))
    }
}

/// What is signed for a payload of this kind: DSSE's pre-authentication encoding.
pub fn message(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}
