//! Lists with every fault that we have a sentence for, and "no input panics".

use expect_test::{Expect, expect};
use proptest::prelude::*;

mod workbook;

use workbook::{text, workbook};

use wardline_model::CareArea;

use super::{Faults, Line, Scans, from_rows, from_scans};
use crate::udi::Devices;

fn from_bytes(bytes: &[u8]) -> Result<Vec<Line>, Faults> {
    super::from_bytes(bytes, &devices())
}

fn from_csv(bytes: &[u8]) -> Result<Vec<Line>, Faults> {
    super::from_csv(bytes, &devices())
}

/// The hospital knows one product.
fn devices() -> Devices {
    let mut devices = Devices::default();
    devices.set("00643169001763".parse().unwrap(), wardline_model::Model::new("Halcyon 3").unwrap()).unwrap();
    devices
}

fn said(result: Result<Vec<Line>, Faults>) -> String {
    match result {
        Ok(lines) => lines.iter().map(|line| format!("{} {}\n", line.line, line.asset_tag)).collect(),
        Err(faults) => {
            let list: String = faults.faults.iter().map(|fault| format!("{fault}\n")).collect();
            format!("{faults}\n{list}")
        }
    }
}

fn check(csv: &str, expect: Expect) {
    expect.assert_eq(&said(from_csv(csv.as_bytes())));
}

#[test]
fn a_good_list_is_read_whatever_its_columns_are_called() {
    let csv = "\u{feff}Serial Number;Asset-Tag;Model;Ward;MAC\r\nHX1;P-1;Halcyon 3;Intensive care;00-11-22-AA-BB-CC\r\n\r\nHX2;P-2;Halcyon 3;Oncology;\r\n";
    let lines = from_csv(csv.as_bytes()).unwrap();
    assert_eq!(lines.len(), 2);
    assert_eq!((lines[1].line, lines[1].asset_tag.as_str(), lines[1].care_area.as_str()), (4, "P-2", "Oncology"));
    assert_eq!((lines[0].mac.as_deref(), lines[1].mac.as_deref()), (Some("00:11:22:aa:bb:cc"), None));
}

#[test]
fn every_fault_is_named_with_line_column_value_and_what_was_expected() {
    check(
        "asset_tag,model,serial,care_area,mac,note\n\
         P-1,Halcyon 3,HX1,ICU,,\n\
         ,Halcyon 3,HX2,ICU,,\n\
         P-3,Halcyon 3,HX1,ICU,12:34,\n\
         p-1,Halcyon 3,hx1,ICU,,\n\
         P-5,=CMD(),HX5,ICU,,\n\
         P-6,Halcyon 3,HX6\n\
         P-7,Halcyon 3,HX7,ICU,,,surplus\n",
        expect![[r#"
            the list was not imported: 7 things are wrong with it
            line 3, column asset_tag: "" is empty: expected the hospital's own number, such as P-0007
            line 4, column mac: "12:34" is not a MAC address: expected six pairs of hexadecimal digits such as 00:11:22:aa:bb:cc
            line 5, column asset_tag: "p-1" is on line 2 already: expected a different one on each line
            line 5, column serial: "hx1" is on line 2 already: expected a different one on each line
            line 6, column model: "=CMD()" looks like a formula: expected plain text
            line 7, column care_area: "" is empty: expected a care area, such as Intensive care
            line 8: the row has a value in a column without a name
        "#]],
    );
}

#[test]
fn a_header_that_does_not_fit_is_named() {
    check(
        "asset_tag,asset,serial,bed\nP-1,P-1,HX1,7\n",
        expect![[r#"
            the list was not imported: 4 things are wrong with it
            line 1, column asset: "asset" is a second asset_tag column: keep one
            line 1, column bed: "bed" is not a column of this list: expected asset_tag, model, serial, udi, care_area, mac, note
            line 1: the header row has no column model (nor a column udi)
            line 1: the header row has no column care_area
        "#]],
    );
    check(
        "",
        expect![[r#"
        the list was not imported: 1 thing is wrong with it
        the file is empty: expected a header row with asset_tag, care_area, and model and serial or udi
    "#]],
    );
    check(
        "asset_tag,model,serial,care_area\n",
        expect![[r#"
        the list was not imported: 1 thing is wrong with it
        the list has a header row and no pumps
    "#]],
    );
}

#[test]
fn a_file_that_is_no_text_says_how_to_save_it() {
    let latin1 = b"asset_tag,model,serial,care_area\nP-1,Halcyon 3,HX1,Gyn\xe4kologie\n";
    expect![[r#"
        the list was not imported: 1 thing is wrong with it
        line 2 is not UTF-8 text: save the list as "CSV UTF-8", or give the workbook (.xlsx) itself
    "#]]
    .assert_eq(&said(from_bytes(latin1)));
    assert!(from_bytes(b"PK\x03\x04 not a workbook").is_err());
}

proptest! {
    #[test]
    fn no_scanned_text_makes_it_panic(text in "((P-[0-9]|\\]d201006431690017632[01][A-Z]{0,3}|[ -~\u{1d}]{0,20})[\t,\n]){0,8}") {
        let _ = scanned(&text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = from_bytes(&bytes);
        let _ = super::from_xlsx(&bytes, &devices());
    }

    #[test]
    fn no_text_makes_it_panic(text in "(asset_tag,model,serial,care_area\n)?([a-zA-Z=\",;\n\t0-9-]{0,80}\n){0,6}") {
        let _ = from_csv(text.as_bytes());
        let _ = from_rows(&[], &devices());
    }
}

fn pumps(lines: Result<Vec<Line>, Faults>) -> String {
    let lines = lines.unwrap_or_else(|faults| panic!("{}", said(Err(faults))));
    let one = |line: &Line| {
        format!("{} {} = {} {} in {}\n", line.line, line.asset_tag, line.model, line.serial, line.care_area)
    };
    lines.iter().map(one).collect()
}

#[test]
fn a_barcode_stands_for_model_and_serial_number_or_beside_them() {
    let csv = "asset_tag,udi,care_area,model,serial\n\
        P-1,(01)00643169001763(21)A1,ICU,,\n\
        P-2,]d201006431690017631728123121A2,ICU,,\n\
        P-3,,ICU,Volant,V3\n\
        P-4,(01)00643169001763,ICU,Halcyon 3,A4\n\
        P-5,(01)05412345000013(21)B5,ICU,Volant,\n";
    expect![[r#"
        2 P-1 = Halcyon 3 A1 in ICU
        3 P-2 = Halcyon 3 A2 in ICU
        4 P-3 = Volant V3 in ICU
        5 P-4 = Halcyon 3 A4 in ICU
        6 P-5 = Volant B5 in ICU
    "#]]
    .assert_eq(&pumps(from_csv(csv.as_bytes())));
}

#[test]
fn a_barcode_that_does_not_fit_its_row_is_named_with_what_was_wrong() {
    check(
        "asset_tag,udi,care_area,model,serial\n\
         P-1,(01)00643169001764(21)A1,ICU,,\n\
         P-2,(01)00643169001763(21)A2,ICU,Volant,\n\
         P-3,(01)00643169001763(21)A3,ICU,,A4\n\
         P-4,(01)05412345000013(21)A5,ICU,,\n\
         P-5,(01)00643169001763(10)L21A6,ICU,,\n\
         P-6,,ICU,,\n",
        expect![[r#"
            the list was not imported: 7 things are wrong with it
            line 2, column udi: "(01)00643169001764(21)A1" has a GTIN whose check digit is 4, expected 3: a digit was read or typed wrongly
            line 3, column udi: "(01)00643169001763(21)A2" is a Halcyon 3 (GTIN 00643169001763), and the row says Volant
            line 4, column udi: "(01)00643169001763(21)A3" has the serial number A3, and the row says A4
            line 5, column udi: "(01)05412345000013(21)A5" is of a product that is not known here: say which model it is with `wardline enrol device 05412345000013 MODEL`, or add a column model
            line 6, column udi: "(01)00643169001763(10)L21A6" has no serial number (AI 21); if the label has one, the scanner leaves out FNC1: set it to send GS, or {GS}
            line 7, column model: "" is empty: expected the maker's model, such as Halcyon 3
            line 7, column serial: "" is empty: expected the maker's serial number, such as HX3-007007
        "#]],
    );
}

fn scanned(text: &str) -> Result<Vec<Line>, Faults> {
    from_scans(text, &Scans { care_area: CareArea::new("ICU").unwrap() }, &devices())
}

#[test]
fn a_delivery_is_scanned_with_stickers_or_without() {
    let text = "]d2010064316900176321A1\n\n\
        P-2\n(01)00643169001763(21)A2\r\n\
        P-3\t010064316900176321A3\n\
        P-4;(01)00643169001763(21)A4\n\
        ]d2010064316900176321A1\n";
    expect![[r#"
        1 A1 = Halcyon 3 A1 in ICU
        4 P-2 = Halcyon 3 A2 in ICU
        5 P-3 = Halcyon 3 A3 in ICU
        6 P-4 = Halcyon 3 A4 in ICU
    "#]]
    .assert_eq(&pumps(scanned(text)));
}

#[test]
fn what_was_scanned_wrongly_is_named_by_its_line() {
    let check = |text: &str, expect: Expect| expect.assert_eq(&said(scanned(text)));
    check(
        "",
        expect![[r#"
        the list was not imported: 1 thing is wrong with it
        nothing was scanned: expected one barcode on each line
    "#]],
    );
    check(
        "P-1\nP-2\n(01)00643169001763(21)A2\n",
        expect![[r#"
        the list was not imported: 1 thing is wrong with it
        line 1: "P-1" is no barcode, and no barcode follows it: scan the hospital's sticker first, then the label
    "#]],
    );
    check(
        "(01)00643169001763(21)A2\nP-9\n",
        expect![[r#"
        the list was not imported: 1 thing is wrong with it
        line 2: "P-9" is no barcode, and no barcode follows it: scan the hospital's sticker first, then the label
    "#]],
    );
    check(
        "P-1\n(01)00643169001763(21)A1\nP-2\n(01)00643169001763(21)A1\n(01)00643169001764(21)A1\n",
        expect![[r#"
        the list was not imported: 2 things are wrong with it
        line 4, column serial: "A1" is on line 2 already: expected a different one on each line
        line 5, column udi: "(01)00643169001764(21)A1" has a GTIN whose check digit is 4, expected 3: a digit was read or typed wrongly
    "#]],
    );
}

#[test]
fn the_example_that_we_ship_is_good() {
    let lines = from_csv(include_bytes!("../../../../examples/pump-manifest.csv")).unwrap();
    assert_eq!(lines.len(), 24);
}

fn header() -> String {
    text("A1", "asset_tag") + &text("B1", "model") + &text("C1", "serial") + &text("D1", "care_area")
}

#[test]
fn a_workbook_is_read_with_numbers_that_were_meant_as_text() {
    let row = text("A2", "P-1") + &text("B2", "Halcyon 3") + r#"<c r="C2"><v>700123</v></c>"# + &text("D2", "ICU");
    let lines = from_bytes(&workbook(&[&header(), &row])).unwrap();
    assert_eq!((lines[0].line, lines[0].serial.as_str()), (2, "700123"));
}

#[test]
fn formulas_and_decimals_of_a_workbook_are_named_by_their_place() {
    let row = text("A2", "P-1")
        + r#"<c r="B2" t="str"><f>HYPERLINK("http://x")</f><v>Halcyon 3</v></c><c r="C2"><v>7.5</v></c>"#
        + &text("D2", "ICU");
    expect![[r#"
        the list was not imported: 2 things are wrong with it
        line 2, column B: "HYPERLINK(\"http://x\")" is a formula: expected plain text
        line 2, column C: "7.5" is a number with decimals: expected text (format the column as Text)
    "#]]
    .assert_eq(&said(from_bytes(&workbook(&[&header(), &row]))));
}

#[test]
fn an_archive_that_explodes_is_refused_before_it_is_unpacked() {
    let mut bytes = workbook(&[&header()]);
    let entry = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    bytes[entry + 24..entry + 28].copy_from_slice(&u32::MAX.to_le_bytes());
    expect![[r#"
        the list was not imported: 1 thing is wrong with it
        the workbook unpacks to more than 256 MiB: it is not a list of pumps
    "#]]
    .assert_eq(&said(from_bytes(&bytes)));
}
