//! Why services failed, told once for each cause: two hundred tenants that fail alike are one paragraph, and the one
//! that fails in another way is not lost among them.

use std::collections::BTreeMap;

use super::ids::ServiceKey;
use super::signature::signature;

/// Services that failed alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// All of them, in order; never none.
    pub services: Vec<ServiceKey>,
    /// What was said of the first one, the newest first.
    pub lines: Vec<String>,
    /// What its container wrote last, oldest first, if it was read.
    pub log: Vec<String>,
}

impl Cause {
    /// The cause of one service.
    pub fn of_one(service: ServiceKey, lines: Vec<String>) -> Self {
        Self { services: vec![service], lines, log: Vec::new() }
    }

    /// The service whose words are shown.
    pub fn example(&self) -> Option<&ServiceKey> {
        self.services.first()
    }
}

/// The causes behind what was said of each service: those with the most services first.
pub fn causes(said: &BTreeMap<ServiceKey, Vec<String>>) -> Vec<Cause> {
    let mut causes: BTreeMap<Vec<String>, Cause> = BTreeMap::new();
    for (service, lines) in said {
        let alike = lines.iter().map(|line| signature(line, Some(&service.set))).collect();
        let new = || Cause { services: Vec::new(), lines: lines.clone(), log: Vec::new() };
        causes.entry(alike).or_insert_with(new).services.push(service.clone());
    }
    let mut causes: Vec<Cause> = causes.into_values().collect();
    causes.sort_by(|one, other| {
        other.services.len().cmp(&one.services.len()).then_with(|| one.services.cmp(&other.services))
    });
    causes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(tenant: usize) -> ServiceKey {
        ServiceKey::try_from(format!("tenant-{tenant}/iam")).unwrap()
    }

    /// What ECS and a container say of a tenant that fails in one of four ways.
    fn words(tenant: usize, way: usize) -> Vec<String> {
        match way {
            0 => vec![format!("the image is missing (r/iam@sha256:{:064x})", tenant)],
            1 => vec![format!("container iam ended with error 1 ({} tasks)", tenant + 2), "2nd".to_owned()],
            2 => vec![format!("a secret of tenant-{tenant} cannot be read")],
            _ => Vec::new(),
        }
    }

    proptest! {
        /// The order in which services are told of changes nothing, none is lost or counted twice, and each stands with
        /// those that failed its way and no other.
        #[test]
        fn everybody_is_counted_once_under_their_own_cause(
            (ways, order) in proptest::collection::vec(0usize..4, 1..60)
                .prop_flat_map(|ways| { let n = ways.len(); (Just(ways), Just((0..n).collect::<Vec<_>>()).prop_shuffle()) }),
        ) {
            let said = |order: &[usize]| order.iter().map(|n| (key(*n), words(*n, ways[*n]))).collect::<BTreeMap<_, _>>();
            let found = causes(&said(&order));
            let in_order: Vec<usize> = (0..ways.len()).collect();
            prop_assert_eq!(&found, &causes(&said(&in_order)));
            let mut counted: Vec<&ServiceKey> = found.iter().flat_map(|cause| &cause.services).collect();
            prop_assert_eq!(counted.len(), ways.len());
            counted.sort();
            counted.dedup();
            prop_assert_eq!(counted.len(), ways.len());
            let mut kinds = ways.clone();
            kinds.sort_unstable();
            kinds.dedup();
            prop_assert_eq!(found.len(), kinds.len());
            for cause in &found {
                let way = |service: &ServiceKey| (0..ways.len()).find(|n| key(*n) == *service).map(|n| ways[n]);
                prop_assert!(cause.services.iter().all(|service| way(service) == way(cause.example().unwrap())));
                prop_assert!(cause.services.is_sorted());
            }
            prop_assert!(found.windows(2).all(|pair| pair[0].services.len() >= pair[1].services.len()));
        }
    }
}
