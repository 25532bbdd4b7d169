//! fleet.yaml: from bytes to meaning, with every problem in it told at once and at its line and column.
//!
//! Three steps, each on the same text. `positions` reads it with a parser that knows lines, and refuses what YAML
//! allows and nobody should write (anchors, duplicate keys, tabs). `shape` compares the tree with the JSON Schema
//! that `mirror` generates: wrong kinds, unknown and missing keys, all of them, each with the nearest right word.
//! Only then serde_yaml, which stops at its first error, fills the mirror, and `checks` turns the mirror into
//! domain values, looking up the position of whatever is wrong by its path.
//!
//! Why two parsers: serde_yaml keeps no positions after parsing and takes duplicate keys in maps silently. Spans
//! in the mirror's own types (as serde-saphyr has them) would bind every field to one YAML library.

mod checks;
mod mirror;
mod not_yet;
mod positions;
mod problem;
mod read;
mod schema;
mod shape;

pub use problem::{Problem, Problems};
pub use read::{Source, includes, read};
pub use schema::fleet_schema;
