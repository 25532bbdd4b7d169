//! What holds for any snapshot, any bytes and any sequence of generations.

use proptest::prelude::*;

use crate::key::{SigningKey, TrustedKeys};
use crate::snapshot::tests::{snapshot, tenant};
use crate::{Limits, Pointer, Snapshot, State, succeed};

fn any_snapshot() -> impl Strategy<Value = Snapshot> {
    let states = prop_oneof![Just(State::Active), Just(State::Maintenance), Just(State::Paused)];
    let tenants = prop::collection::btree_map("[a-z]{1,6}", states, 0..20);
    (1..6_u64, tenants).prop_map(|(generation, tenants)| {
        let tenants = tenants.into_iter().map(|(id, state)| crate::Tenant { state, ..tenant(&id) });
        Snapshot { tenants: tenants.collect(), ..snapshot(generation, &[]) }
    })
}

fn keys() -> (SigningKey, TrustedKeys) {
    let key = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap();
    let trusted = TrustedKeys::new(vec![key.public()]).unwrap();
    (key, trusted)
}

proptest! {
    #[test]
    fn what_is_sealed_opens_as_it_was(snapshot in any_snapshot()) {
        let (key, trusted) = keys();
        prop_assert_eq!(trusted.open(&key.seal(&snapshot).unwrap()), Ok((snapshot, key.public().id())));
    }

    #[test]
    fn no_change_of_a_byte_and_no_end_cut_off_opens_as_something_else(
        snapshot in any_snapshot(), at in any::<prop::sample::Index>(), bits in 1..=255_u8, cut in any::<bool>(),
    ) {
        let (key, trusted) = keys();
        let mut bytes = key.seal(&snapshot).unwrap();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= bits }
        if let Ok((opened, _)) = trusted.open(&bytes) {
            prop_assert_eq!(opened, snapshot);
        }
    }

    #[test]
    fn any_bytes_end_in_problems(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (_, trusted) = keys();
        prop_assert!(trusted.open(&bytes).is_err_and(|problems| !problems.is_empty()));
        prop_assert!(Pointer::read(&bytes).is_err());
    }

    #[test]
    fn whatever_comes_generations_only_grow_and_no_step_loses_more_than_it_may(
        offered in prop::collection::vec(any_snapshot(), 1..30), lose_percent in 0..100_usize,
    ) {
        let limits = Limits { lose_percent, generation_min: 0 };
        let mut current: Option<Snapshot> = None;
        for next in offered {
            if succeed(current.as_ref(), &next, limits) != Ok(true) { continue }
            if let Some(before) = &current {
                prop_assert!(next.generation > before.generation);
                let ids = |of: &Snapshot| of.tenants.iter().map(|tenant| tenant.id.clone()).collect::<std::collections::BTreeSet<_>>();
                let kept = ids(before).intersection(&ids(&next)).count();
                prop_assert!((before.tenants.len() - kept) * 100 < before.tenants.len() * lose_percent + 100);
            }
            current = Some(next);
        }
    }
}
