//! Ed25519 keys (RFC 8032): the one that signs, and those that are trusted. While a key is replaced two are trusted, so
//! that routers take snapshots of the old one and of the new one; after that the old one is taken out.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::snapshot::TokenKey;

/// Which key: the first 16 hexadecimal digits of the SHA-256 of the public key. Nobody has to name keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

/// A public key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

/// The key that signs. No form of it shows what it is.
pub struct SigningKey(Ed25519KeyPair);

/// The keys that are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKeys(Vec<PublicKey>);

impl KeyId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PublicKey {
    /// The 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        KeyId(Sha256::digest(self.0).iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Whether this key signed the message.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

/// Base64 of the 32 bytes.
impl FromStr for PublicKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| "a public key is 32 bytes in base64")?;
        <[u8; 32]>::try_from(bytes).map(Self).map_err(|_| "a public key is 32 bytes in base64".to_owned())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

impl TokenKey {
    /// The public key; none if it is not well-formed, which a snapshot that was opened never has.
    pub fn public(&self) -> Option<PublicKey> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.x).ok()?;
        <[u8; 32]>::try_from(bytes).ok().map(PublicKey)
    }
}

impl SigningKey {
    /// A private key as `openssl genpkey -algorithm ed25519` writes it: PKCS #8 in PEM.
    ///
    /// # Errors
    /// It is none, in words that do not quote it.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
        let body = pem.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).map(|(body, _)| body);
        let body: String = body.ok_or("it is no PRIVATE KEY in PEM")?.split_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| "what is in its PEM is no base64")?;
        Ed25519KeyPair::from_pkcs8(&der).map(Self).map_err(|_| "it is no Ed25519 key in PKCS #8".to_owned())
    }

    /// A new key, as PEM: what tests and first steps need.
    ///
    /// # Errors
    /// The machine has no randomness.
    pub fn generate() -> Result<String, String> {
        let new = Ed25519KeyPair::generate().and_then(|key| key.to_pkcs8v1().map(|der| STANDARD.encode(der.as_ref())));
        let body = new.map_err(|_| "no key could be made")?;
        Ok(format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        // ED25519's public keys have 32 bytes (RFC 8032, 5.1.5).
        for (to, from) in bytes.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        PublicKey(bytes)
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(public {})", self.public().id())
    }
}

impl TrustedKeys {
    /// These keys.
    ///
    /// # Errors
    /// There are none, or more than the two that a rotation needs.
    pub fn new(keys: Vec<PublicKey>) -> Result<Self, String> {
        match keys.len() {
            1 | 2 => Ok(Self(keys)),
            0 => Err("no key is trusted".to_owned()),
            more => Err(format!("{more} keys are trusted; two are enough to replace one")),
        }
    }

    /// Whether this key is one of them.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.0.contains(key)
    }

    /// All of them.
    pub fn all(&self) -> &[PublicKey] {
        &self.0
    }

    /// The key of that id.
    pub fn find(&self, id: &str) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.id().as_str() == id)
    }
}

/// One or two public keys, with a comma between them.
impl FromStr for TrustedKeys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let keys = text.split(',').map(str::trim).filter(|key| !key.is_empty()).map(str::parse);
        Self::new(keys.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `openssl genpkey -algorithm ed25519`, and what `openssl pkey -pubout -outform DER | tail -c 32 | base64` says of it.
    const OPENSSL: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIKEAqIuTTQRbWGT0H80IYCBSBAWsLl2mTpJz0a3p15a4\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "0VNyvocMoYNzpyFc4PdSrI2y/q+fMqff+kt3Sc6zMaw=";

    #[test]
    fn a_key_of_openssls_is_a_key() {
        let key = SigningKey::from_pem(OPENSSL).unwrap();
        assert_eq!(key.public().to_string(), PUBLIC);
        assert_eq!(PUBLIC.parse::<PublicKey>().unwrap(), key.public());
    }

    #[test]
    fn a_key_is_not_shown_and_what_is_none_is_not_quoted() {
        let key = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap();
        assert_eq!(format!("{key:?}"), format!("SigningKey(public {})", key.public().id()));
        let shown = format!("{:?}", SigningKey::from_pem("c2VjcmV0").unwrap_err());
        assert!(!shown.contains("c2VjcmV0"), "{shown}");
    }

    #[test]
    fn one_or_two_keys_are_trusted() {
        let key = |_| SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap().public().to_string();
        let keys: Vec<String> = (0..3).map(key).collect();
        assert!(keys[0].parse::<TrustedKeys>().is_ok() && keys[..2].join(", ").parse::<TrustedKeys>().is_ok());
        assert!(keys.join(",").parse::<TrustedKeys>().is_err() && "".parse::<TrustedKeys>().is_err());
    }
}
