//! Licences as documents: which ones fleet.yaml asks for, which of those that are kept are current, and what comes in their
//! place. Pure: the key that signs, what is kept and the time come in, bytes go out.

use std::collections::BTreeMap;

use accessos_licensing::{Licence, Refusal, SCHEMA, TrustedKeys, claimed, end_of, open, seal};
use accessos_routing::SigningKey;
use jiff::{SignedDuration, Timestamp};

use super::fleet::{Application, Fleet, ServiceSet};
use super::ids::{FleetName, SetId};
use super::reason::Reason;

/// Where a licence is kept: one for each tenant of a fleet.
pub type Place = (FleetName, SetId);

/// What becomes of a tenant's licence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issued {
    /// This one is new; the bytes are to be kept in the place of what is there.
    New(Licence, Vec<u8>),
    /// What is kept says what fleet.yaml says, under this key.
    Current(Licence),
    /// fleet.yaml has none for it; what is kept counts until it ends, if something is kept.
    None(Option<Licence>),
}

/// What becomes of the licences of these tenants, by fleet.yaml.
///
/// A serial is one above what is kept, whoever signed that: nobody can lower it, and somebody who raises it gains nothing.
///
/// # Errors
/// Everything that is kept and is no licence, and every licence that cannot be made.
pub fn issue<'a>(
    application: &Application,
    tenants: impl Iterator<Item = (&'a Fleet, &'a ServiceSet)>,
    kept: &BTreeMap<Place, Vec<u8>>,
    key: &SigningKey,
    now: Timestamp,
) -> Result<BTreeMap<Place, Issued>, Vec<Reason>> {
    let trusted = trusting(key);
    let each = tenants.map(|(fleet, set)| {
        let place = (fleet.name.clone(), set.id.clone());
        let issued = one(application, fleet, set, kept.get(&place).map(Vec::as_slice), (key, &trusted), now);
        (place, issued)
    });
    all(each)
}

fn one(
    application: &Application,
    fleet: &Fleet,
    set: &ServiceSet,
    kept: Option<&[u8]>,
    (key, trusted): (&SigningKey, &Result<TrustedKeys, String>),
    now: Timestamp,
) -> Result<Issued, String> {
    let before = kept.map(claimed).transpose().map_err(told)?.map(|(licence, _)| licence);
    let Some(bought) = &set.licence else { return Ok(Issued::None(before)) };
    let expires = end_of(bought.until).map_err(|_| format!("no licence can end on {}", bought.until))?;
    // One that ended already is made only to take the place of one that would last longer.
    if expires <= now && before.as_ref().is_none_or(|before| before.expires <= now) {
        return Ok(Issued::None(before));
    }
    let wanted = Licence {
        schema: SCHEMA,
        app: application.name.to_string(),
        fleet: fleet.name.to_string(),
        tenant: set.id.to_string(),
        plan: bought.plan.clone(),
        serial: before.as_ref().map_or(Some(1), |before| before.serial.checked_add(1)).ok_or("no serial is left")?,
        issued_at: now,
        not_before: now.min(expires.checked_sub(DAY).map_err(|error| error.to_string())?),
        expires,
    };
    let trusted = trusted.as_ref().map_err(Clone::clone)?;
    if let Some(before) = kept.and_then(|kept| open(kept, trusted).ok()).map(|(licence, _)| licence)
        && says_the_same(&before, &wanted)
    {
        return Ok(Issued::Current(before));
    }
    let sealed = seal(&wanted, key).map_err(told)?;
    Ok(Issued::New(wanted, sealed))
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What is kept under a key that is trusted, word for word under another one, each with the next serial: afterwards the key
/// that signed before need not be trusted any more. What the new key signed already stays as it is.
///
/// # Errors
/// Everything that is kept and was signed by neither key.
pub fn rotate(
    kept: &BTreeMap<Place, Vec<u8>>,
    old: &TrustedKeys,
    new: &SigningKey,
    now: Timestamp,
) -> Result<BTreeMap<Place, Issued>, Vec<Reason>> {
    let own = trusting(new);
    let each = kept.iter().map(|(place, bytes)| {
        let issued = || {
            let own = own.as_ref().map_err(Clone::clone)?;
            if let Ok((licence, _)) = open(bytes, own) {
                return Ok(Issued::Current(licence));
            }
            let (before, _) = open(bytes, old).map_err(told)?;
            if (before.fleet.as_str(), before.tenant.as_str()) != (place.0.as_str(), place.1.as_str()) {
                return Err(format!("it is of {}/{}", before.fleet, before.tenant));
            }
            let serial = before.serial.checked_add(1).ok_or("no serial is left")?;
            let licence = Licence { serial, issued_at: now, ..before };
            let sealed = seal(&licence, new).map_err(told)?;
            Ok(Issued::New(licence, sealed))
        };
        (place.clone(), issued())
    });
    all(each)
}

fn says_the_same(one: &Licence, other: &Licence) -> bool {
    let said = |of: &Licence| (of.app.clone(), of.fleet.clone(), of.tenant.clone(), of.plan.clone(), of.expires);
    said(one) == said(other)
}

fn trusting(key: &SigningKey) -> Result<TrustedKeys, String> {
    TrustedKeys::new(vec![key.public()])
}

fn told(refusal: Refusal) -> String {
    refusal.to_string()
}

/// All of them, or everything that is wrong.
fn all(each: impl Iterator<Item = (Place, Result<Issued, String>)>) -> Result<BTreeMap<Place, Issued>, Vec<Reason>> {
    let (mut issued, mut wrong) = (BTreeMap::new(), Vec::new());
    for (place, result) in each {
        match result {
            Ok(one) => drop(issued.insert(place, one)),
            Err(why) => wrong.push(Reason::LicenceUnusable { fleet: place.0, set: place.1, why }),
        }
    }
    if wrong.is_empty() { Ok(issued) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use accessos_licensing::{Expected, verify};

    use super::*;
    use crate::domain::fleet::Licence as Bought;
    use crate::domain::planner::sample::World;

    const NOW: &str = "2026-11-24T08:00:00Z";

    fn key() -> SigningKey {
        SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A fleet whose `t00` has a licence until that day; `t01` has none.
    fn world(until: &str) -> World {
        let mut world = World::growing(2);
        world.set("t00").licence = Some(Bought { plan: Some("gold".to_owned()), until: until.parse().unwrap() });
        world
    }

    fn issued(
        world: &World,
        kept: &BTreeMap<Place, Vec<u8>>,
        key: &SigningKey,
        now: &str,
    ) -> Result<BTreeMap<Place, Issued>, Vec<Reason>> {
        let tenants = world.app.fleets.iter().flat_map(|fleet| fleet.sets.iter().map(move |set| (fleet, set)));
        issue(&world.app, tenants.filter(|(_, set)| !set.id.is_control_plane()), kept, key, at(now))
    }

    fn place(set: &str) -> Place {
        ("prod".parse().unwrap(), set.parse().unwrap())
    }

    fn new(of: &BTreeMap<Place, Issued>, set: &str) -> (Licence, Vec<u8>) {
        match &of[&place(set)] {
            Issued::New(licence, sealed) => (licence.clone(), sealed.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_licence_is_issued_once_and_again_when_it_should_say_something_else() {
        let own = key();
        let (first, sealed) = new(&issued(&world("2027-06-30"), &BTreeMap::new(), &own, NOW).unwrap(), "t00");
        assert_eq!((first.serial, first.expires, first.plan.as_deref()), (1, at("2027-07-01T00:00:00Z"), Some("gold")));
        let trusted = TrustedKeys::new(vec![own.public()]).unwrap();
        let expected = |now: &str| Expected { app: "shop", fleet: "prod", tenant: "t00", seen: None, now: at(now) };
        assert!(verify(&sealed, &trusted, expected(NOW)).is_ok());
        assert!(verify(&sealed, &trusted, expected("2027-07-01T00:00:00Z")).is_err());
        let kept = BTreeMap::from([(place("t00"), sealed)]);
        let again = issued(&world("2027-06-30"), &kept, &own, "2026-12-24T08:00:00Z").unwrap();
        assert_eq!(again[&place("t00")], Issued::Current(first.clone()));
        assert_eq!(again[&place("t01")], Issued::None(None));
        let (longer, _) = new(&issued(&world("2028-06-30"), &kept, &own, NOW).unwrap(), "t00");
        assert_eq!((longer.serial, longer.expires), (2, at("2028-07-01T00:00:00Z")));
        let (other, _) = new(&issued(&world("2027-06-30"), &kept, &key(), NOW).unwrap(), "t00");
        assert_eq!(other.serial, 2, "another key signs it anew");
    }

    #[test]
    fn a_licence_is_taken_back_by_one_that_ended_and_none_is_made_that_could_do_nothing() {
        let own = key();
        let ended = world("2026-11-23");
        assert_eq!(issued(&ended, &BTreeMap::new(), &own, NOW).unwrap()[&place("t00")], Issued::None(None));
        let kept = new(&issued(&world("2027-06-30"), &BTreeMap::new(), &own, NOW).unwrap(), "t00").1;
        let kept = BTreeMap::from([(place("t00"), kept)]);
        let (back, sealed) = new(&issued(&ended, &kept, &own, NOW).unwrap(), "t00");
        assert_eq!((back.serial, back.expires), (2, at("2026-11-24T00:00:00Z")));
        let kept = BTreeMap::from([(place("t00"), sealed)]);
        assert_eq!(issued(&ended, &kept, &own, NOW).unwrap()[&place("t00")], Issued::None(Some(back)));
    }

    #[test]
    fn all_that_is_kept_and_is_no_licence_is_told_and_nothing_is_issued() {
        let mut world = world("2027-06-30");
        world.set("t01").licence = world.set("t00").licence.clone();
        let kept = BTreeMap::from([(place("t00"), b"{}".to_vec()), (place("t01"), b"x".to_vec())]);
        let told = issued(&world, &kept, &key(), NOW).unwrap_err();
        assert_eq!(told.len(), 2, "{told:?}");
    }

    #[test]
    fn after_a_rotation_the_old_key_need_not_be_trusted() {
        let (old, next) = (key(), key());
        let trusts = |key: &SigningKey| TrustedKeys::new(vec![key.public()]).unwrap();
        let (first, sealed) = new(&issued(&world("2027-06-30"), &BTreeMap::new(), &old, NOW).unwrap(), "t00");
        let kept = BTreeMap::from([(place("t00"), sealed)]);
        let later = at("2026-12-01T08:00:00Z");
        let (licence, sealed) = new(&rotate(&kept, &trusts(&old), &next, later).unwrap(), "t00");
        assert_eq!(licence, Licence { serial: 2, issued_at: later, ..first });
        assert!(open(&sealed, &trusts(&next)).is_ok() && open(&sealed, &trusts(&old)).is_err());
        let kept = BTreeMap::from([(place("t00"), sealed)]);
        let again = rotate(&kept, &trusts(&old), &next, later).unwrap();
        assert_eq!(again[&place("t00")], Issued::Current(licence), "cut off and begun again, it goes on");
        assert!(rotate(&kept, &trusts(&old), &key(), later).is_err(), "signed by neither");
        let swapped = BTreeMap::from([(place("t01"), kept[&place("t00")].clone())]);
        assert!(rotate(&swapped, &trusts(&next), &key(), later).is_err(), "a licence under another tenant's name");
    }
}
