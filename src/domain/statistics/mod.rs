//! How much data a verdict takes, and how often it may be wrong: the few formulas that gates rest on, each with its
//! source. Numbers in, numbers out; what they mean for a rollout is said in `gate`.
//!
//! The unit of comparison is the tenant and not the minute: sixty minutes of one tenant are one cluster, not sixty
//! samples. So the tests here either count requests (`sprt`), or rank tenants (`rank`), or count minutes without
//! claiming a probability (`ceiling`).

mod bake;
mod budget;
mod ceiling;
mod rank;
mod sprt;

pub use bake::{Bake, expected_bake};
pub use budget::{FALSE_STOPS_PER_ROLLOUT, Shares};
pub use ceiling::stayed_over;
pub use rank::{chance_of_rank, change, smallest_chance};
pub use sprt::{MISSED, Run, Sprt, State};
