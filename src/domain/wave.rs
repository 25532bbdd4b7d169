//! Who goes in which wave. Waves grow from one tenant, and which tenant comes first is chosen by the release, so
//! that the same customer is not always the canary.

use std::collections::VecDeque;

use jiff::SignedDuration;

use super::fleet::{Growth, Select, ServiceSet, WavePolicy};
use super::ids::{ContentHash, SetId};

/// A wave before it is known what changes in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Its name.
    pub name: String,
    /// How long it is watched.
    pub bake: SignedDuration,
    /// Its tenants, by id.
    pub tenants: Vec<SetId>,
}

/// Puts tenants into waves. Each is in exactly one or, with explicit waves that select only some, in none.
/// Same policy, tenants and seed: same waves, in whatever order the tenants come. Waves nobody is in are left out.
pub fn assign<'a>(policy: &WavePolicy, tenants: impl IntoIterator<Item = &'a ServiceSet>, seed: &str) -> Vec<Slice> {
    let mut left: Vec<&ServiceSet> = tenants.into_iter().collect();
    left.sort_by_cached_key(|tenant| ContentHash::of(format!("{seed}\n{}", tenant.id).as_bytes()));
    let total = left.len();
    let slices = match policy {
        WavePolicy::Auto { growth, bake } => grow(left, total, *growth, "wave", *bake),
        WavePolicy::Explicit(rules) => rules
            .iter()
            .flat_map(|rule| {
                let taken = take(&mut left, &rule.select, total);
                match &rule.select {
                    Select::Rest(growth) => grow(taken, total, *growth, &rule.name, rule.bake),
                    _ => vec![slice(rule.name.clone(), rule.bake, taken)],
                }
            })
            .collect(),
    };
    slices.into_iter().filter(|slice| !slice.tenants.is_empty()).collect()
}

/// Takes out of `left` whom a rule selects.
fn take<'a>(left: &mut Vec<&'a ServiceSet>, select: &Select, total: usize) -> Vec<&'a ServiceSet> {
    let mut places = match select {
        Select::Percent(percent) => total * percent / 100,
        Select::Count(count) => *count,
        Select::Tag(_) | Select::Tier(_) | Select::Ids(_) | Select::Rest(_) => usize::MAX,
    };
    let mut wanted = |tenant: &ServiceSet| {
        let fits = match select {
            Select::Tag(tag) => tenant.tags.contains(tag),
            Select::Tier(tier) => tenant.tier.as_ref() == Some(tier),
            Select::Ids(ids) => ids.contains(&tenant.id),
            Select::Percent(_) | Select::Count(_) | Select::Rest(_) => true,
        };
        let taken = fits && places > 0;
        places -= usize::from(taken);
        taken
    };
    let (taken, rest) = left.drain(..).partition(|tenant| wanted(tenant));
    *left = rest;
    taken
}

/// Cuts tenants into waves of growing size.
fn grow(tenants: Vec<&ServiceSet>, total: usize, growth: Growth, name: &str, bake: SignedDuration) -> Vec<Slice> {
    let sizes = sizes(tenants.len(), total, growth);
    let several = sizes.len() > 1;
    let mut tenants = VecDeque::from(tenants);
    let cut = |(index, size): (usize, usize)| {
        let name = if several { format!("{name} {}", index + 1) } else { name.to_owned() };
        slice(name, bake, tenants.drain(..size).collect())
    };
    sizes.into_iter().enumerate().map(cut).collect()
}

/// Sizes that grow by the factor up to the cap and add up to `count`: for 100 tenants of 100 with the defaults
/// 1, 3, 9, 25, 25, 25, 12.
fn sizes(count: usize, total: usize, growth: Growth) -> Vec<usize> {
    let cap = growth.cap(total);
    let mut sizes = Vec::new();
    let mut size = growth.first.clamp(1, cap);
    let mut left = count;
    while left > 0 {
        sizes.push(size.min(left));
        left -= size.min(left);
        size = size.saturating_mul(growth.factor.max(1)).min(cap);
    }
    sizes
}

fn slice(name: String, bake: SignedDuration, tenants: Vec<&ServiceSet>) -> Slice {
    let mut tenants: Vec<SetId> = tenants.into_iter().map(|tenant| tenant.id.clone()).collect();
    tenants.sort();
    Slice { name, bake, tenants }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::fleet::{SetState, WaveRule};

    const DEFAULT: Growth = Growth { first: 1, factor: 3, cap_percent: 25, cap_count: 6 };

    fn tenant(number: usize) -> ServiceSet {
        ServiceSet {
            id: format!("tenant-{number}").parse().unwrap(),
            cell: "prod-1".parse().unwrap(),
            cluster: "accessos-prod".to_owned(),
            host: format!("tenant-{number}.example"),
            tags: if number == 7 { BTreeSet::from(["canary".to_owned()]) } else { BTreeSet::new() },
            tier: None,
            state: SetState::Active,
            pin: None,
            licence: None,
            data: crate::domain::fleet::DataScope::default(),
            found_by: crate::domain::fleet::FoundBy::default(),
            second: None,
            moving: None,
        }
    }

    fn auto() -> WavePolicy {
        WavePolicy::Auto { growth: DEFAULT, bake: SignedDuration::from_mins(5) }
    }

    fn lengths(slices: &[Slice]) -> Vec<usize> {
        slices.iter().map(|slice| slice.tenants.len()).collect()
    }

    #[test]
    fn waves_grow_as_the_design_says() {
        assert_eq!(sizes(10, 10, DEFAULT), [1, 3, 6]);
        assert_eq!(sizes(100, 100, DEFAULT), [1, 3, 9, 25, 25, 25, 12]);
        assert_eq!(sizes(1000, 1000, DEFAULT), [1, 3, 9, 27, 81, 243, 250, 250, 136]);
        assert_eq!(sizes(0, 0, DEFAULT), [0; 0]);
    }

    #[test]
    fn explicit_waves_take_from_what_is_left() {
        let bake = SignedDuration::ZERO;
        let rules = vec![
            WaveRule { name: "canary".to_owned(), select: Select::Tag("canary".to_owned()), bake },
            WaveRule { name: "early".to_owned(), select: Select::Percent(25), bake },
            WaveRule { name: "rest".to_owned(), select: Select::Rest(DEFAULT), bake },
        ];
        let tenants: Vec<ServiceSet> = (0..9).map(tenant).collect();
        let slices = assign(&WavePolicy::Explicit(rules), &tenants, "1.4.0");
        assert_eq!(slices[0].tenants, ["tenant-7".parse().unwrap()]);
        assert_eq!(lengths(&slices), [1, 2, 1, 3, 2]);
        assert_eq!(slices[4].name, "rest 3");
    }

    #[test]
    fn another_release_has_another_canary() {
        let tenants: Vec<ServiceSet> = (0..50).map(tenant).collect();
        let canaries: BTreeSet<SetId> =
            (0..20).map(|n| assign(&auto(), &tenants, &format!("1.{n}.0"))[0].tenants[0].clone()).collect();
        assert!(canaries.len() > 10, "{canaries:?}");
    }

    proptest! {
        #[test]
        fn inv_20_each_tenant_is_in_exactly_one_wave(count in 0usize..300, first in 1usize..9, factor in 1usize..6, cap in 1usize..100) {
            let growth = Growth { first, factor, cap_percent: cap, cap_count: 6 };
            let tenants: Vec<ServiceSet> = (0..count).map(tenant).collect();
            let policy = WavePolicy::Auto { growth, bake: SignedDuration::ZERO };
            let slices = assign(&policy, &tenants, "seed");
            let mut ids: Vec<SetId> = slices.iter().flat_map(|s| s.tenants.clone()).collect();
            ids.sort();
            let mut wanted: Vec<SetId> = tenants.iter().map(|t| t.id.clone()).collect();
            wanted.sort();
            prop_assert_eq!(ids, wanted);
            let cap = 6.max(count * cap / 100);
            prop_assert!(slices.iter().all(|s| s.tenants.len() <= cap), "inv_19: no wave above the cap");
        }

        #[test]
        fn inv_23_the_order_of_tenants_changes_nothing(count in 0usize..60, shift in 0usize..60) {
            let tenants: Vec<ServiceSet> = (0..count).map(tenant).collect();
            let mut moved = tenants.clone();
            moved.rotate_left(shift.min(count));
            prop_assert_eq!(assign(&auto(), &tenants, "1.4.0"), assign(&auto(), &moved, "1.4.0"));
        }
    }
}
