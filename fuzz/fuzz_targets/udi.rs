//! A barcode as a stranger might print it, alone and on a page of scanned lines.
#![no_main]

use wardline_fleet::manifest::{Scans, from_scans};
use wardline_fleet::udi::{Devices, Udi};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(udi) = text.parse::<Udi>() {
        let gtin = udi.gtin.to_string();
        assert_eq!(gtin.parse(), Ok(udi.gtin), "a number that was read is printed as itself");
    }
    let scans = Scans { care_area: wardline_model::CareArea::new("ICU").expect("a care area") };
    let _ = from_scans(&text, &scans, &Devices::default());
});
