//! Where snapshots lie: one object a generation, which never changes, and a pointer to the newest, which is moved by
//! compare-and-set. Whoever reads the pointer gets a whole snapshot or none.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::problem::Problem;
use crate::snapshot::SCHEMA;

/// The pointer's name.
pub const POINTER: &str = "current.json";

/// More bytes than this are no pointer.
const POINTER_MAX: usize = 1024;

/// What the pointer says. It carries no signature: all it can do is to name a snapshot, which has to stand for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    schema: u32,
    /// The newest generation.
    pub generation: u64,
    /// The name of its object, beside the pointer.
    pub object: String,
}

/// The name of a generation's object: its number and the SHA-256 of its bytes.
pub fn object_name(generation: u64, bytes: &[u8]) -> String {
    format!("{generation:010}-{}.json", digits(bytes))
}

fn digits(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The generation that an object's name says; none if it is no such name.
pub fn generation_of(object: &str) -> Option<u64> {
    let (generation, sum) = object.strip_suffix(".json")?.split_once('-')?;
    let is_sum = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let number: u64 = generation.parse().ok()?;
    (is_sum && generation == format!("{number:010}")).then_some(number)
}

impl Pointer {
    /// The pointer to the object with these bytes.
    pub fn to(generation: u64, bytes: &[u8]) -> Self {
        Self { schema: SCHEMA, generation, object: object_name(generation, bytes) }
    }

    /// Its bytes.
    ///
    /// # Errors
    /// None is known; serde's type allows for one.
    pub fn bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    /// Reads a pointer.
    ///
    /// # Errors
    /// It is none, or does not name an object of its generation.
    pub fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let malformed = |why: String| Problem::new("malformed", format!("the pointer is none: {why}"));
        if bytes.len() > POINTER_MAX {
            return Err(malformed(format!("it has more than {POINTER_MAX} bytes")));
        }
        let pointer: Self = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        match (pointer.schema, generation_of(&pointer.object) == Some(pointer.generation)) {
            (SCHEMA, true) => Ok(pointer),
            (SCHEMA, false) => Err(malformed("it names no object of its generation".to_owned())),
            (other, _) => Err(malformed(format!("it is of schema {other}"))),
        }
    }

    /// Whether these are the bytes that it points to. Half an object is not.
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        self.object == object_name(self.generation, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_names_an_object_of_its_generation_and_of_those_bytes() {
        let pointer = Pointer::to(12, b"all of it");
        let text = String::from_utf8(pointer.bytes().unwrap()).unwrap();
        assert!(text.starts_with(r#"{"schema":1,"generation":12,"object":"0000000012-"#), "{text}");
        assert_eq!(Pointer::read(text.as_bytes()), Ok(pointer.clone()));
        assert!(pointer.is_of(b"all of it") && !pointer.is_of(b"all of"));
        let other = [
            text.replace(":12,", ":13,"),
            text.replace("0000000012-", "../../0000000012-"),
            text.replace(".json", ""),
            text.replace("\"schema\":1", "\"schema\":2"),
            text.replace("}", ",\"x\":1}"),
            " ".repeat(2000),
        ];
        for other in other {
            assert_eq!(Pointer::read(other.as_bytes()).unwrap_err().code, "malformed", "{other}");
        }
    }
}
