//! Places in shards: who has one keeps it, who is new gets the lowest that is free.
//!
//! A shard is a load balancer and a database. Its size comes from the quota of 100 target groups for one Application
//! Load Balancer, which AWS does not raise: 20 tenants with up to five target groups each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::inputs::{Inputs, TenantInput};
use crate::domain::ids::SetId;

/// How many tenants a shard takes; slots are 1 to this.
pub const TENANTS_IN_A_SHARD: u8 = 20;

/// The highest number of a shard.
const SHARDS_MAX: u16 = 999;

/// A tenant's place: slots are given once and never move.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The shard, such as `s1`.
    pub shard: String,
    /// The number in it, from 1.
    pub slot: u8,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.shard.escape_debug(), self.slot))
    }
}

impl Place {
    /// Whether there is such a place.
    pub(super) fn is_within(&self, shards: &[String]) -> bool {
        shards.contains(&self.shard) && (1..=TENANTS_IN_A_SHARD).contains(&self.slot)
    }
}

/// Shards in the order they were added, and everybody's place.
type Places = (Vec<String>, BTreeMap<SetId, Place>);

/// Places of these tenants. New ones are taken by id, so that the order of a file decides nothing. The slot of a
/// tenant that leaves in the same export is not free yet: its rules may still stand when the new ones are made.
///
/// None if there is no number left for another shard.
pub(super) fn places<'a>(tenants: impl Iterator<Item = &'a SetId>, before: Option<&Inputs>) -> Option<Places> {
    let mut shards = before.map_or_else(|| vec!["s1".to_owned()], |before| before.shards.clone());
    let mut taken: BTreeSet<Place> =
        before.iter().flat_map(|before| before.tenants.values()).map(TenantInput::place).collect();
    let mut places = BTreeMap::new();
    for id in tenants.collect::<BTreeSet<_>>() {
        let kept = before.and_then(|before| before.tenants.get(id)).map(TenantInput::place);
        let place = match kept.or_else(|| free(&shards, &taken)) {
            Some(place) => place,
            None => {
                shards.push(another(&shards)?);
                free(&shards, &taken)?
            }
        };
        taken.insert(place.clone());
        places.insert(id.clone(), place);
    }
    Some((shards, places))
}

/// The lowest free slot of the first shard with room.
fn free(shards: &[String], taken: &BTreeSet<Place>) -> Option<Place> {
    shards.iter().flat_map(|shard| slots(shard)).find(|place| !taken.contains(place))
}

/// Every place in a shard, the lowest first.
fn slots(shard: &str) -> impl Iterator<Item = Place> {
    (1..=TENANTS_IN_A_SHARD).map(move |slot| Place { shard: shard.to_owned(), slot })
}

/// The lowest number that no shard has.
fn another(shards: &[String]) -> Option<String> {
    (1..=SHARDS_MAX).map(|number| format!("s{number}")).find(|name| !shards.contains(name))
}

/// `s1` to `s999`.
pub(super) fn is_shard(text: &str) -> bool {
    let number = text.strip_prefix('s').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    number.is_some_and(|digits| (1..=3).contains(&digits.len()) && !digits.starts_with('0'))
}
