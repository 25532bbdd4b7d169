//! fleet.yaml: from bytes to meaning, with every problem in it told at once and at its line and column.
//!
//! Steps, each on what the one before it made. `text` makes sure of the bytes; `tree` reads them with a parser that
//! knows lines, and refuses what YAML allows and nobody should write (anchors, tags, keys that stand twice); `shape`
//! compares the tree with the JSON Schema that `mirror` generates and gives every scalar the kind its place wants;
//! serde_yaml fills the mirror with the result; `checks` turns the mirror into domain values.
//!
//! A step is left out only if the one before it could make nothing for it: a text that is no YAML has no shape, and
//! a file with a list where a map should be, or without a key that must be there, cannot be judged for its meaning
//! without calling everything wrong that refers to the missing part. All other problems are told together.
//!
//! Why positions are kept by path, beside the mirror: spans in its own types (as serde-saphyr has them) would bind
//! every field to one YAML library, and serde_yaml keeps none.

mod checks;
mod edit;
mod mirror;
mod not_yet;
mod positions;
mod problem;
mod read;
mod scalar;
mod schema;
mod shape;
mod text;
mod tree;

pub use edit::{Edit, Edited, NewTenant, edit};
pub use problem::{Problem, Problems};
pub use read::{Include, Source, includes, read};
pub use schema::{fleet_schema, tenants_schema};
pub use text::BYTES_MAX;
