//! Barcodes as scanners send them and as people read them, and every fault that we have a sentence for.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{Devices, DevicesError, Gtin, LabelDate, Udi, UdiError, looks_like_one};

fn said(text: &str) -> String {
    match text.parse::<Udi>() {
        Ok(udi) => {
            let date = |date: Option<LabelDate>| {
                date.map_or_else(|| "-".into(), |d| format!("{:02}{:02}{:02}", d.year, d.month, d.day))
            };
            let serial = udi.serial.map_or_else(|| "-".into(), |serial| serial.to_string());
            let lot = udi.lot.unwrap_or_else(|| "-".into());
            format!("{} serial {serial} lot {lot} made {} expires {}", udi.gtin, date(udi.made), date(udi.expires))
        }
        Err(why) => format!("the value {why}"),
    }
}

fn check(text: &str, expect: Expect) {
    expect.assert_eq(&said(text));
}

#[test]
fn what_people_read_and_what_a_scanner_sends_are_the_same() {
    let all = "00643169001763 serial 21A11F4855 lot L7/B made 260301 expires 281231";
    assert_eq!(said("(01)00643169001763(11)260301(17)281231(10)L7/B(21)21A11F4855"), all);
    assert_eq!(said(" (01) 00643169001763 (11) 260301 (17) 281231 (10) L7/B (21) 21A11F4855 "), all);
    check("]d201006431690017631126030117281231 ", expect!["00643169001763 serial - lot - made 260301 expires 281231"]);
    for separator in ["\u{1d}", "{GS}", "<GS>", "^]", "|", "\u{241d}"] {
        for front in ["", "]d2", "]C1", "]Q3", "\u{1d}"] {
            let text = format!("{front}0100643169001763112603011728123110L7/B{separator}2121A11F4855");
            assert_eq!(said(&text), all, "{text:?}");
        }
    }
    // The order is free, a separator behind data of set length does no harm, and what is not asked for is skipped.
    check(
        "]d22121A11F4855\u{1d}0100643169001763\u{1d}240REF-9\u{1d}3102001500",
        expect!["00643169001763 serial 21A11F4855 lot - made - expires -"],
    );
    check("(21)A(1)B(01)00643169001763", expect!["00643169001763 serial A(1)B lot - made - expires -"]);
}

#[test]
fn every_fault_says_what_was_wrong() {
    check(
        "(01)00643169001764(21)A",
        expect!["the value has a GTIN whose check digit is 4, expected 3: a digit was read or typed wrongly"],
    );
    check("(21)A", expect!["the value names no product (AI 01)"]);
    check("(01)0064316900176", expect!["the value ends in the middle of AI 01: expected 14 characters, found 13"]);
    check(
        "(01)00643169001763(17)281301",
        expect!["the value has a date in AI 17 that does not exist: 281301 (expected YYMMDD)"],
    );
    check(
        "(01)00643169001763(17)270229",
        expect!["the value has a date in AI 17 that does not exist: 270229 (expected YYMMDD)"],
    );
    check("(01)00643169001763(17)280200", expect!["00643169001763 serial - lot - made - expires 280200"]);
    check(
        "(01)00643169001763(21)",
        expect![
            "the value has 0 characters in AI 21: expected 1 to 20 (a scanner that leaves out FNC1 runs two fields together: set it to send GS, or {GS})"
        ],
    );
    check(
        "010064316900176310LOT-OF-THE-DAY-4721SN123456",
        expect![
            "the value has 27 characters in AI 10: expected 1 to 20 (a scanner that leaves out FNC1 runs two fields together: set it to send GS, or {GS})"
        ],
    );
    check("(01)00643169001763(21)Ä1", expect!["the value has the character 'Ä' in AI 21, which GS1 does not allow"]);
    check("(01)00643169001763(21)A B", expect!["the value has the character ' ' in AI 21, which GS1 does not allow"]);
    check(
        "(01)00643169001763(21)A\u{1d}(21)B",
        expect!["the value has the character '\\u{1d}' in AI 21, which GS1 does not allow"],
    );
    check("(01)00643169001763(21)A(21)B", expect!["the value has AI 21 twice, with two values"]);
    check("(01)00643169001763(21)A(21)A", expect!["00643169001763 serial A lot - made - expires -"]);
    check("0100643169001763ZZ9", expect![[r#"the value has "ZZ9" where an application identifier was expected"#]]);
    for text in ["", "]d2", "P-0007", "+H123PARTNO/16D20130202C", "ward", "(", "()"] {
        assert_eq!(text.parse::<Udi>(), Err(UdiError::Form), "{text:?}");
    }
    assert_eq!("1".repeat(257).parse::<Udi>(), Err(UdiError::TooLong));
}

#[test]
fn a_number_of_the_hospital_is_not_taken_for_a_barcode() {
    for barcode in ["]d20100643169001763", "(01)00643169001763", "0100643169001763", "\u{1d}01"] {
        assert!(looks_like_one(barcode), "{barcode}");
    }
    for number in ["P-0007", "INF 12", "010064", "0100-6431", ""] {
        assert!(!looks_like_one(number), "{number}");
    }
}

#[test]
fn shorter_numbers_of_the_same_product_are_the_same_number() {
    let gtin = |text: &str| text.parse::<Gtin>().map(|gtin| gtin.to_string());
    assert_eq!(gtin("643169001763"), Ok("00643169001763".into()));
    assert_eq!(gtin("0643169001763"), Ok("00643169001763".into()));
    assert_eq!(gtin("96385074"), Ok("00000096385074".into()));
    assert_eq!(gtin("64316900176"), Err(UdiError::GtinForm));
    assert_eq!(gtin("0064316900176a"), Err(UdiError::GtinForm));
}

#[test]
fn the_table_of_products_has_an_end() {
    let mut devices = Devices::default();
    let model = |n: usize| wardline_model::Model::new(&format!("Model {n}")).unwrap();
    let gtin = |n: usize| {
        let thirteen = n as u64;
        format!("{thirteen:013}{}", Gtin::check_digit(thirteen)).parse::<Gtin>().unwrap()
    };
    for n in 0..Devices::MOST {
        devices.set(gtin(n), model(n)).unwrap();
    }
    assert_eq!(devices.set(gtin(Devices::MOST), model(0)), Err(DevicesError::Full));
    assert_eq!(devices.set(gtin(7), model(8)), Ok(Some(model(7))), "what is known may change");
    let text = serde_json::to_string(&devices).unwrap();
    assert_eq!(serde_json::from_str::<Devices>(&text).unwrap(), devices);
    assert!(
        serde_json::from_str::<Devices>("{\"00643169001764\":\"X\"}").unwrap_err().to_string().contains("check digit")
    );
}

fn set_82() -> impl Strategy<Value = String> {
    "[!\"%&'()*+,./0-9:;=?A-Z_a-z-]{1,20}"
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(\\]d2|\\(01\\)|01)?[ -~\u{1d}äß]{0,60}", any in any::<String>()) {
        let _ = text.parse::<Udi>();
        let _ = any.parse::<Udi>();
        let _ = looks_like_one(&any);
    }

    #[test]
    fn what_is_written_as_an_element_string_is_read_back(
        thirteen in 0u64..10_000_000_000_000, lot in set_82(), serial in set_82(), is_lot_first in any::<bool>(),
    ) {
        let gtin = format!("{thirteen:013}{}", Gtin::check_digit(thirteen));
        let text = if is_lot_first {
            format!("]d201{gtin}10{lot}\u{1d}21{serial}")
        } else {
            format!("]d201{gtin}21{serial}\u{1d}10{lot}")
        };
        let udi: Udi = text.parse().unwrap();
        prop_assert_eq!(udi.gtin.to_string(), gtin);
        prop_assert_eq!(udi.serial.unwrap().to_string(), serial);
        prop_assert_eq!(udi.lot.unwrap(), lot);
    }

    #[test]
    fn one_wrong_digit_is_always_seen(thirteen in 0u64..10_000_000_000_000, at in 0usize..14, by in 1u8..10) {
        let mut digits = format!("{thirteen:013}{}", Gtin::check_digit(thirteen)).into_bytes();
        digits[at] = b'0' + (digits[at] - b'0' + by) % 10;
        let text = String::from_utf8(digits).unwrap();
        prop_assert!(text.parse::<Gtin>().is_err());
    }
}
