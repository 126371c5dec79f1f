//! The text of a label as anybody might print it for a pump to scan.
#![no_main]

use wardline_wire::enrolment_code::EnrolmentCode;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(label) = String::from_utf8_lossy(data).parse::<EnrolmentCode>() {
        assert_eq!(label.to_string().parse(), Ok(label), "what was read is printed as itself");
    }
});
