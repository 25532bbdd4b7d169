//! The bytes that a content address is the hash of. Every field carries its length, so that no two different
//! sources can give the same bytes, whatever is in their names.

use crate::domain::ids::ContentHash;

/// What all content addresses begin with. Another number makes every image be built anew: change it only together
/// with what goes into the manifest.
const SCHEME: &str = "tidegate source 1";

/// Everything that goes into an image, as it is added.
#[derive(Debug)]
pub(super) struct Manifest(Vec<u8>);

impl Manifest {
    /// With nothing in it but the scheme.
    pub(super) fn new() -> Self {
        let mut manifest = Self(Vec::new());
        manifest.field(SCHEME.as_bytes());
        manifest
    }

    /// Adds one thing: of which kind it is, and its fields.
    pub(super) fn add(&mut self, kind: &str, fields: &[&[u8]]) {
        self.field(kind.as_bytes());
        self.0.extend_from_slice(format!("{};", fields.len()).as_bytes());
        for field in fields {
            self.field(field);
        }
    }

    /// The hash over all of it.
    pub(super) fn address(&self) -> ContentHash {
        ContentHash::of(&self.0)
    }

    fn field(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(format!("{}:", bytes.len()).as_bytes());
        self.0.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Things = Vec<(String, Vec<Vec<u8>>)>;

    fn address(things: &Things) -> ContentHash {
        let mut manifest = Manifest::new();
        for (kind, fields) in things {
            manifest.add(kind, &fields.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        manifest.address()
    }

    fn things() -> impl Strategy<Value = Things> {
        let bytes = proptest::collection::vec(prop_oneof![Just(b'1'), Just(b':'), Just(b';'), Just(0)], 0..3);
        proptest::collection::vec(("[1:;]{0,2}", proptest::collection::vec(bytes, 0..3)), 0..3)
    }

    proptest! {
        #[test]
        fn only_the_same_things_have_the_same_address(one in things(), other in things()) {
            prop_assert_eq!(one == other, address(&one) == address(&other));
        }
    }
}
