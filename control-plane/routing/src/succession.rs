//! Whether a snapshot may follow another. The same question for who publishes and for who serves, so that nothing is
//! published that routers would refuse.

use std::collections::BTreeSet;

use crate::problem::Problem;
use crate::snapshot::Snapshot;

/// What a successor may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The part of the tenants that one step may lose, in percent, rounded up: one tenant of a
    /// small fleet may go. A step that a person meant to be larger
    /// says so itself (`meant_to_lose`).
    pub lose_percent: usize,
    /// The oldest generation that is taken where none is known yet. A machine that begins anew cannot be given an old
    /// snapshot that way.
    pub generation_min: u64,
}

/// Whether `next` may take the place of `current`; false if it is the same.
///
/// # Errors
/// Every reason against it.
pub fn succeed(current: Option<&Snapshot>, next: &Snapshot, limits: Limits) -> Result<bool, Vec<Problem>> {
    let mut against = Vec::new();
    if next.generation < limits.generation_min {
        let (found, least) = (next.generation, limits.generation_min);
        against
            .push(Problem::new("older", format!("it is generation {found}, and {least} is the oldest that is taken")));
    }
    let Some(current) = current else { return if against.is_empty() { Ok(true) } else { Err(against) } };
    if (&next.app, &next.fleet) != (&current.app, &current.fleet) {
        let (found, own) = (format!("{}/{}", next.app, next.fleet), format!("{}/{}", current.app, current.fleet));
        against.push(Problem::new("other_fleet", format!("it is of {found}, and not of {own}")));
    }
    if next.generation < current.generation {
        let (found, own) = (next.generation, current.generation);
        against.push(Problem::new("older", format!("it is generation {found}, and {own} is in force")));
    }
    if next.generation == current.generation && next != current {
        against
            .push(Problem::new("fork", format!("it is another generation {} than the one in force", next.generation)));
    }
    let lost = lost(current, next);
    let allowed = (current.tenants.len() * limits.lose_percent).div_ceil(100).max(next.meant_to_lose);
    if lost > allowed {
        let of = current.tenants.len();
        against.push(Problem::new(
            "loses_tenants",
            format!("it loses {lost} of {of} tenants, and {allowed} may go at once"),
        ));
    }
    if against.is_empty() { Ok(next.generation > current.generation) } else { Err(against) }
}

/// How many tenants of `current` are not in `next`.
fn lost(current: &Snapshot, next: &Snapshot) -> usize {
    let there: BTreeSet<&str> = next.tenants.iter().map(|tenant| tenant.id.as_str()).collect();
    current.tenants.iter().filter(|tenant| !there.contains(tenant.id.as_str())).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::tests::snapshot;

    const LIMITS: Limits = Limits { lose_percent: 50, generation_min: 3 };

    fn codes(current: &Snapshot, next: &Snapshot) -> Vec<&'static str> {
        succeed(Some(current), next, LIMITS).err().into_iter().flatten().map(|problem| problem.code).collect()
    }

    #[test]
    fn it_goes_forward_and_the_same_is_no_news() {
        let five = snapshot(5, &["a", "b"]);
        assert_eq!(succeed(None, &five, LIMITS), Ok(true));
        assert_eq!(succeed(Some(&five), &five, LIMITS), Ok(false));
        assert_eq!(succeed(Some(&five), &snapshot(9, &["a", "c"]), LIMITS), Ok(true));
    }

    #[test]
    fn everything_that_speaks_against_it_is_told() {
        let five = snapshot(5, &["a", "b", "c"]);
        assert_eq!(codes(&five, &snapshot(5, &["a", "b", "d"])), ["fork"]);
        assert_eq!(codes(&five, &snapshot(4, &[])), ["older", "loses_tenants"]);
        let other = Snapshot { fleet: "dev".to_owned(), ..snapshot(2, &["a", "b", "c"]) };
        assert_eq!(codes(&five, &other), ["older", "other_fleet", "older"]);
        assert!(succeed(None, &snapshot(2, &[]), LIMITS).is_err());
    }

    #[test]
    fn a_loss_beyond_the_limit_must_be_meant_and_counted() {
        let five = snapshot(5, &["a", "b", "c", "d"]);
        assert_eq!(codes(&five, &snapshot(6, &["a", "b"])), [""; 0]);
        assert_eq!(codes(&five, &snapshot(6, &["a", "new", "other"])), ["loses_tenants"]);
        let meant = Snapshot { meant_to_lose: 3, ..snapshot(6, &["a"]) };
        assert_eq!(codes(&five, &meant), [""; 0]);
        assert_eq!(codes(&five, &Snapshot { tenants: Vec::new(), ..meant }), ["loses_tenants"]);
    }
}
