//! What is written is read back, and no bytes make the reader fail other than with words.

use const_oid::db::rfc4519::{COMMON_NAME, ORGANIZATION_NAME, SERIAL_NUMBER};
use proptest::prelude::*;
use wardline_model::Serial;

use super::*;

fn names() -> PumpNames {
    PumpNames {
        pump: "6f1c2a34-0000-4000-8000-000000000001".parse().expect("an id"),
        serial: Serial::new("H3-000001").expect("a serial number"),
        hospital: "St. Elsewhere".into(),
        hw_type: None,
    }
}

#[test]
fn a_known_pump_is_told_every_name_and_anybody_else_what_to_fill_in() {
    let wanted = parse(&for_pump(&names()).expect("written")).expect("readable").expect("a template");
    let given = |text: &str| Some(text.to_owned());
    let pump = names().pump.to_string();
    assert_eq!(
        wanted.subject,
        [(COMMON_NAME, given(&pump)), (SERIAL_NUMBER, given("H3-000001")), (ORGANIZATION_NAME, given("St. Elsewhere"))]
    );
    assert_eq!(wanted.key, Some((ID_EC_PUBLIC_KEY, Some(SECP_256_R_1))));
    let kinds: Vec<_> = wanted.extensions.iter().map(|(id, value)| (*id, value.is_some())).collect();
    assert_eq!(kinds, [(ID_CE_KEY_USAGE, true), (ID_CE_EXT_KEY_USAGE, true), (ID_CE_SUBJECT_ALT_NAME, true)]);
    let alternative = SubjectAltName::from_der(wanted.extensions[2].1.as_ref().expect("there")).expect("names");
    assert_eq!(alternative.0, crate::profile::pump_alternative(&names()).expect("names"));

    let wanted = parse(&for_anybody("St. Elsewhere").expect("written")).expect("readable").expect("a template");
    assert_eq!(
        wanted.subject,
        [(COMMON_NAME, None), (SERIAL_NUMBER, None), (ORGANIZATION_NAME, given("St. Elsewhere"))]
    );
    assert_eq!(wanted.extensions.len(), 2, "nobody but the hub knows the pump's id");
}

#[test]
fn what_is_no_list_of_attributes_is_refused() {
    let good = for_pump(&names()).expect("written");
    assert_eq!(parse(&[0x30, 0x00]).expect("an empty list is one"), None);
    assert!(parse(&good[..good.len() - 1]).is_err());
    assert!(parse(&[0x30, 0x03, 0x02, 0x01, 0x00]).is_err(), "a number");
    assert!(parse(&vec![0x30; MAX + 1]).is_err());
    let mut list = Vec::<Any>::from_der(&good).expect("a list");
    list.push(list[2].clone());
    assert!(parse(&list.to_der().expect("written")).is_err(), "two templates");
    let many = vec![list[1].clone(); MOST + 1];
    assert!(parse(&many.to_der().expect("written")).is_err(), "too many");
}

proptest! {
    #[test]
    fn no_input_makes_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), at: usize, byte: u8, is_near: bool) {
        if is_near {
            bytes = for_pump(&names()).expect("written");
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let _ = parse(&bytes);
    }
}
