//! What holds for any licence, any bytes, any change of a byte and any order in which licences come.

use jiff::Timestamp;
use proptest::prelude::*;

use crate::envelope::tests::{key, trusting};
use crate::envelope::{BYTES_MAX, open, seal};
use crate::licence::Licence;
use crate::licence::tests::licence;
use crate::verify::{Expected, replayed, verify};

fn any_licence() -> impl Strategy<Value = Licence> {
    let plan = prop::option::of("[a-zé ]{1,20}");
    (("[a-z]{1,6}", plan), 1..6_u64, 0..2_000_000_000_i64, 1..100_000_i64).prop_map(
        |((tenant, plan), serial, from, lasts)| Licence {
            tenant,
            plan,
            not_before: Timestamp::from_second(from).unwrap(),
            expires: Timestamp::from_second(from + lasts).unwrap(),
            ..licence("x", serial)
        },
    )
}

proptest! {
    #[test]
    fn what_is_sealed_opens_as_it_was_and_equal_ones_have_equal_bytes(licence in any_licence()) {
        let own = key();
        let sealed = seal(&licence, &own).unwrap();
        prop_assert_eq!(&sealed, &seal(&licence, &own).unwrap());
        prop_assert_eq!(open(&sealed, &trusting(&[&own])), Ok((licence, own.public().id())));
    }

    #[test]
    fn no_change_of_a_byte_and_no_end_cut_off_opens_as_something_else(
        licence in any_licence(), at in any::<prop::sample::Index>(), bits in 1..=255_u8, cut in any::<bool>(),
    ) {
        let own = key();
        let mut bytes = seal(&licence, &own).unwrap();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= bits }
        if let Ok((opened, _)) = open(&bytes, &trusting(&[&own])) {
            prop_assert_eq!(opened, licence);
        }
    }

    #[test]
    fn any_bytes_end_in_a_refusal(bytes in prop::collection::vec(any::<u8>(), 0..BYTES_MAX + 20)) {
        prop_assert!(open(&bytes, &trusting(&[&key()])).is_err());
    }

    #[test]
    fn a_licence_counts_for_its_tenant_alone_and_in_its_time_alone(
        licence in any_licence(), tenant in "[a-z]{1,6}", now in 0..2_100_000_000_i64,
    ) {
        let own = key();
        let now = Timestamp::from_second(now).unwrap();
        let expected = Expected { app: "accessos", fleet: "prod", tenant: &tenant, seen: None, now };
        let counts = verify(&seal(&licence, &own).unwrap(), &trusting(&[&own]), expected).is_ok();
        if counts {
            prop_assert!(licence.tenant == tenant && now < licence.expires);
            prop_assert!(now.as_second() >= licence.not_before.as_second() - 300);
        } else {
            prop_assert!(licence.tenant != tenant || now >= licence.expires || now < licence.not_before);
        }
    }

    #[test]
    fn in_whatever_order_they_come_serials_only_grow(serials in prop::collection::vec(1..9_u64, 1..30)) {
        let mut seen: Option<Licence> = None;
        for serial in serials {
            let next = licence("acme", serial);
            if seen.as_ref().is_some_and(|seen| replayed(seen, &next).is_some()) { continue }
            prop_assert!(seen.is_none_or(|seen| next.serial >= seen.serial));
            seen = Some(next);
        }
    }
}
