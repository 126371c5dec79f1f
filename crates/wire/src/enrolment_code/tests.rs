//! Labels as they are printed and scanned.

use expect_test::expect;
use proptest::prelude::*;
use wardline_model::{Digest, Serial};

use super::{EnrolmentCode, EnrolmentCodeError};

fn label() -> EnrolmentCode {
    EnrolmentCode {
        est: "hub.example.org:7444".into(),
        link: "hub.example.org:7443".into(),
        name: "hub.wardline.internal".into(),
        serial: Serial::new("H3-000001").unwrap(),
        code: "7K3QX0123456789ABCDE".into(),
        root: Digest::from_bytes([0xab; 32]),
    }
}

#[test]
fn a_label_fits_the_small_mode_of_qr_and_is_read_back() {
    let text = label().to_string();
    expect!["WARDLINE:1/HUB.EXAMPLE.ORG:7444/HUB.EXAMPLE.ORG:7443/H3-000001/7K3QX0123456789ABCDE/ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB"].assert_eq(&text);
    let small = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || " $%*+-./:".contains(c);
    assert!(text.chars().all(small), "QR's alphanumeric mode (ISO/IEC 18004, table 5)");
    assert_eq!(text.parse(), Ok(label()));
    assert_eq!(text.to_lowercase().replace("h3-", "H3-").parse(), Ok(label()), "a scanner in the wrong case");
    assert!(!format!("{:?}", label()).contains("7K3QX"), "the code is not for logs");
}

#[test]
fn another_name_and_odd_serial_numbers_travel_too() {
    let odd = EnrolmentCode {
        est: "[fd00:20::1]:7444".into(),
        name: "pumps.example.org".into(),
        serial: Serial::new("SN 7/ä%").unwrap(),
        ..label()
    };
    let text = odd.to_string();
    assert!(text.contains("/SN%207%2F%C3%A4%25/") && text.ends_with("/PUMPS.EXAMPLE.ORG"), "{text}");
    assert_eq!(text.parse(), Ok(odd));
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let why = |change: fn(&str) -> String| change(&label().to_string()).parse::<EnrolmentCode>().unwrap_err();
    assert_eq!(why(|_| "https://example.org".into()), EnrolmentCodeError::Other);
    assert_eq!(why(|_| String::new()), EnrolmentCodeError::Other);
    assert_eq!(why(|text| text.replace(":1/", ":2/")), EnrolmentCodeError::Newer);
    assert_eq!(why(|text| text[..60].into()), EnrolmentCodeError::Parts);
    assert_eq!(why(|text| text.repeat(9)), EnrolmentCodeError::TooLong);
    assert_eq!(why(|text| text[..text.len() - 1].into()), EnrolmentCodeError::Part("root fingerprint"));
    assert_eq!(why(|text| text.replace("7K3QX", "7K3Q")), EnrolmentCodeError::Part("one-time code"));
    assert_eq!(why(|text| text.replace(":7444", ":0")), EnrolmentCodeError::Part("enrolment address"));
    assert_eq!(why(|text| text.replace("H3-000001", "%4")), EnrolmentCodeError::Part("serial number"));
    assert_eq!(why(|text| format!("{text}/a b")), EnrolmentCodeError::Part("hub's name"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(WARDLINE:1/)?([A-Z0-9%:.-]{0,20}/?){0,8}", any in any::<String>()) {
        let _ = text.parse::<EnrolmentCode>();
        let _ = any.parse::<EnrolmentCode>();
    }

    #[test]
    fn every_serial_number_comes_back(serial in "[ -~äöü€]{1,64}") {
        prop_assume!(Serial::new(&serial).is_ok());
        let label = EnrolmentCode { serial: Serial::new(&serial).unwrap(), ..label() };
        prop_assert_eq!(label.to_string().parse(), Ok(label));
    }
}
