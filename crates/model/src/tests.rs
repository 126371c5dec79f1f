//! The nouns print, parse and compare as written.

use alloc::string::{String, ToString};
use core::cmp::Ordering;
use proptest::prelude::*;

use crate::*;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[test]
fn decimals_are_exact_and_refuse_what_a_reader_could_misread() {
    covers!("N10");
    assert_eq!(decimal("0.1").checked_add(decimal("0.2")).unwrap(), decimal("0.3"));
    assert_eq!(decimal("2.50"), decimal("2.5"));
    assert_eq!(decimal("2.50").to_string(), "2.50");
    assert_eq!(decimal("-3.05").to_string(), "-3.05");
    for (text, why) in [
        (".5", DecimalError::LeadingZero),
        ("5.", DecimalError::Shape),
        ("", DecimalError::Shape),
        ("-", DecimalError::Shape),
        ("1e3", DecimalError::Shape),
        ("1,000", DecimalError::Shape),
        ("1,5", DecimalError::Shape),
        ("+5", DecimalError::Shape),
        (" 5", DecimalError::Shape),
        ("NaN", DecimalError::Shape),
        ("0.0000000001", DecimalError::TooLong),
        ("1234567890123456789", DecimalError::TooLong),
    ] {
        assert_eq!(text.parse::<Decimal>(), Err(why), "{text:?}");
    }
    assert_eq!(decimal("999999999999999999").checked_mul(decimal("10")), Err(DecimalError::Range));
}

proptest! {
    #[test]
    fn a_decimal_survives_its_own_print(mantissa in -999_999_999_999_999_999i64..=999_999_999_999_999_999, scale in 0u8..=9) {
        covers!("N10");
        let value = Decimal::new(mantissa, scale).unwrap();
        prop_assert_eq!(value.to_string().parse::<Decimal>().unwrap(), value);
        let json = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(serde_json::from_str::<Decimal>(&json).unwrap(), value);
    }

    #[test]
    fn decimal_order_agrees_with_subtraction(a in -1_000_000i64..1_000_000, sa in 0u8..=6, b in -1_000_000i64..1_000_000, sb in 0u8..=6) {
        let (x, y) = (Decimal::new(a, sa).unwrap(), Decimal::new(b, sb).unwrap());
        let difference = i128::from(a) * 10i128.pow(u32::from(6 - sa)) - i128::from(b) * 10i128.pow(u32::from(6 - sb));
        prop_assert_eq!(x.cmp(&y), difference.cmp(&0));
        prop_assert_eq!(x == y, x.cmp(&y) == Ordering::Equal);
    }

    #[test]
    fn ids_and_digests_survive_their_own_print(id in any::<[u8; 16]>(), digest in any::<[u8; 32]>()) {
        let id = PumpId::from_bytes(id);
        prop_assert_eq!(id.to_string().parse::<PumpId>().unwrap(), id);
        prop_assert_eq!(PumpId::from_urn(&id.to_urn()).unwrap(), id);
        let digest = Digest::from_bytes(digest);
        prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC*") {
        let _ = text.parse::<Decimal>();
        let _ = text.parse::<PumpId>();
        let _ = text.parse::<Digest>();
        let _ = AssetTag::new(&text);
    }
}

#[test]
fn names_refuse_what_could_deceive_a_screen_or_a_log() {
    assert_eq!(AssetTag::new("  "), Err(NameError::Empty));
    assert_eq!(AssetTag::new("a\nb"), Err(NameError::ControlCharacter));
    assert_eq!(CareArea::new("ICU\u{202e}evil"), Err(NameError::ControlCharacter));
    assert_eq!(AssetTag::new(&"x".repeat(33)), Err(NameError::TooLong(32)));
    assert_eq!(AssetTag::new(" P-0042 ").unwrap().as_str(), "P-0042");
}

#[test]
fn spans_print_their_two_largest_units() {
    let printed: alloc::vec::Vec<String> =
        [800, 5_000, 725_000, 3_600_000, 100_800_000].map(|ms| Span::from_ms(ms).to_string()).into();
    assert_eq!(printed, ["800 ms", "5 s", "12 min 5 s", "1 h", "1 d 4 h"]);
}

#[test]
fn only_idle_is_not_busy() {
    covers!("N2", "N3");
    let free: alloc::vec::Vec<_> = ChannelState::ALL.into_iter().filter(|state| !state.is_busy()).collect();
    assert_eq!(free, [ChannelState::Idle]);
}

#[test]
fn every_kind_that_touches_therapy_switches_only_under_a_hold() {
    covers!("N2");
    for kind in Kind::ALL {
        let row = kind.row();
        if row.touches_therapy == TouchesTherapy::Yes {
            assert_eq!(row.when, SwitchWhen::HoldNoProgram, "{kind}");
        }
        assert_eq!(kind.as_str().parse::<Kind>(), Ok(kind));
    }
}
