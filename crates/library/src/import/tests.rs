//! Files as hospitals send them, and files that nobody should send.

use std::io::Write as _;

use proptest::prelude::*;
use wardline_model::covers;

use super::*;
use crate::tests::{demo, libraries};
use crate::{VERSION_1_CSV, to_csv};

fn csv(text: &str) -> Result<Imported, Vec<RowError>> {
    import(Format::Csv, text.as_bytes())
}

fn errors(text: &str) -> Vec<String> {
    csv(text).expect_err("the file was taken").iter().map(ToString::to_string).collect()
}

#[test]
fn headers_are_read_forgivingly() {
    let text = VERSION_1_CSV
        .replace("care area,drug,therapy,amount,amount unit", " Care_Area ,DRUG,Therapy,Amount,Amount-Unit")
        .replace("library name,", "Library Name,")
        .replace(",yes,", ",YES,");
    assert_eq!(csv(&text).unwrap().library, demo(1));
    let windows = format!("\u{feff}{}", VERSION_1_CSV.replace('\n', "\r\n"));
    assert_eq!(csv(&windows).unwrap().library, demo(1));
    let semicolons = csv(&VERSION_1_CSV.replace(',', ";")).unwrap();
    assert_eq!(semicolons.library, demo(1));
    assert_eq!(semicolons.notes, ["the columns were separated by semicolons"]);
}

#[test]
fn every_mistake_is_named_and_nothing_is_half_imported() {
    covers!("N10");
    let text = VERSION_1_CSV
        .replace("Norepinephrine,,4,mg,250,mcg/kg/min,,0.02,0.5,2", "Norepinephrine,,4,mg,250,µg/kg/min,,.02,0.5,2e0")
        .replace("Vasopressin,,20,units,100", "Vasopressin,,20,U,\"1,000\"")
        .replace("Medical surgical,Morphine", "Med surg,Morphine")
        .replace("Furosemide,,100,mg,100,mg/h,,1,20,40", "Furosemide,,0100,mg,100,mg/h,,1,50,40")
        .replace("Midazolam,Sedation", "=HYPERLINK(1),Sedation");
    expect_test::expect![[r#"
        line 14, column "dosing unit": "µg/kg/min": expected write mcg for micrograms; one of mL/h, mL/kg/h, g/h, mg/h, mg/min, mg/kg/h, mg/kg/min, mcg/h, mcg/min, mcg/kg/h, mcg/kg/min, ng/kg/min, units/h, units/min, units/kg/h, units/kg/min, milliunits/h, milliunits/min, milliunits/kg/h, milliunits/kg/min, mEq/h, mEq/kg/h, mmol/h, mmol/kg/h; for a bolus or an intermittent dose mL, mL/kg, g, mg, mg/kg, mcg, mcg/kg, units, units/kg, mEq, mEq/kg, mmol, mmol/kg
        line 14, column "soft min": ".02": expected a zero before the point: 0.02
        line 14, column "hard max": "2e0": expected a plain decimal such as 0.5 or 12; this is not a plain decimal number such as 0.5 or 12 (no exponent, no thousands separator, point not comma)
        line 17, column "amount unit": "U": expected write units; one of g, mg, mcg, ng, units, milliunits, mEq, mmol
        line 17, column "volume mL": "1,000": expected a plain decimal such as 0.5 or 12; this is not a plain decimal number such as 0.5 or 12 (no exponent, no thousands separator, point not comma) (write 0.5, not 0,5, and no thousands separator)
        line 19, column "drug": "=HYPERLINK(1)": expected a text, not a formula (put an apostrophe before it if it is meant)
        line 25, column "amount": "0100": expected the number without zeros in front: 100
        line 31, column "care area": "Med surg": expected a care area of the table above: Intensive care, Medical surgical, Neonatal intensive care"#]]
    .assert_eq(&errors(&text).join("\n"));
}

#[test]
fn broken_structure_rules_are_named_by_line_too() {
    let text = VERSION_1_CSV.replace("Pantoprazole,,80,mg,100,mg/h,,4,8,16", "Pantoprazole,,80,mg,100,mg/h,,4,8,6");
    assert_eq!(
        errors(&text),
        [
            "line 34, column \"hard max\": \"6\": expected a sound library: Pantoprazole 80 mg/100 mL: hard max 6 is below soft max 8"
        ]
    );
    let twice = VERSION_1_CSV.replace("Pantoprazole,,80,mg,100,mg/h,,4,8,16", "Furosemide,,100,mg,100,mg/h,,4,8,16");
    assert!(errors(&twice)[0].contains("is there twice"), "{:?}", errors(&twice));
}

#[test]
fn unknown_missing_and_repeated_columns_are_refused() {
    let says = |text: String, what: &str| {
        let said = errors(&text).join("\n");
        assert!(said.contains(what), "{said}");
    };
    says(VERSION_1_CSV.replace("soft min,soft max", "soft min,soft mx"), "column \"soft max\": expected this column");
    says(VERSION_1_CSV.replace("hard min,soft min", "soft min,soft min"), "this column only once");
    says(VERSION_1_CSV.replace("library id,demonstration", "library idd,demonstration"), "one of the settings");
    says(VERSION_1_CSV.replace("not for clinical use,yes", "not for clinical use,maybe"), "yes or no");
    says(VERSION_1_CSV.replace("library version,1", "library version,01"), "whole number from 1");
    says(VERSION_1_CSV.lines().take(12).collect::<Vec<_>>().join("\n"), "a table of entries");
    says(String::new(), "a table of care areas");
}

#[test]
fn mistakes_are_listed_up_to_a_bound() {
    let text = VERSION_1_CSV.replace(",no,", ",nope,").replace(",yes,", ",yup,");
    let line = "Intensive care,Drug,,x,mg,250,mcg/kg/min,,0.02,0.5,2,,,,,,,,,yes,\n".repeat(500);
    let errors = csv(&format!("{text}{line}")).unwrap_err();
    assert_eq!(errors.len(), MAX_ERRORS + 1);
    assert!(errors[MAX_ERRORS].expected.contains("more mistakes"));
}

#[test]
fn json_in_any_order_and_with_white_space_is_read_with_line_numbers() {
    let library = demo(1);
    let compact = String::from_utf8(library.to_canonical_bytes()).unwrap();
    assert_eq!(import(Format::Json, compact.as_bytes()).unwrap().library, library);
    let value: serde_json::Value = serde_json::from_str(&compact).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    assert_eq!(import(Format::Json, pretty.as_bytes()).unwrap().library, library);
    // Numbers may stand without quotation marks: they are kept as typed.
    let bare = pretty.replace("\"12.5\"", "12.5");
    assert_eq!(
        import(Format::Json, bare.as_bytes()).unwrap().library.to_canonical_bytes(),
        library.to_canonical_bytes()
    );
    let bad = pretty.replacen("\"12.5\"", "1.25e1", 1);
    let line = pretty.lines().position(|line| line.contains("\"12.5\"")).unwrap() as u32 + 1;
    let errors = import(Format::Json, bad.as_bytes()).unwrap_err();
    assert_eq!((errors[0].line, errors[0].column.as_str(), errors[0].value.as_str()), (line, "soft min", "1.25e1"));
    for bad in ["", "[]", "{", "{\"a\":1}", "{\"schema\":1,\"schema\":1}", "\"\\ud800\"", &"[".repeat(100_000)] {
        assert!(import(Format::Json, bad.as_bytes()).is_err(), "{bad:.20}");
    }
}

#[test]
fn formulas_are_made_harmless_on_the_way_out() {
    let mut draft = demo(1).into_draft();
    draft.care_areas[0].entries[0].drug = crate::Drug::new("=1+1").unwrap();
    let library = Library::new(draft).unwrap();
    let text = to_csv(&library);
    assert!(text.contains(",'=1+1,") && !text.contains(",=1+1"), "{text}");
    assert_eq!(csv(&text).unwrap().library, library);
}

/// A workbook with one sheet, of the given cells (already XML).
fn workbook(cells: &[Vec<String>]) -> Vec<u8> {
    let mut sheet = String::from(
        r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#,
    );
    for (row, cells) in (1..).zip(cells) {
        sheet.push_str(&format!("<row r=\"{row}\">"));
        for (column, xml) in (0u8..).zip(cells) {
            let name = char::from(b'A' + column);
            sheet.push_str(&xml.replace("<c", &format!("<c r=\"{name}{row}\"")));
        }
        sheet.push_str("</row>");
    }
    sheet.push_str("</sheetData></worksheet>");
    let parts = [
        ("[Content_Types].xml", r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>"#.to_owned()),
        ("_rels/.rels", r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#.to_owned()),
        ("xl/workbook.xml", r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Library" sheetId="1" r:id="rId1"/></sheets></workbook>"#.to_owned()),
        ("xl/_rels/workbook.xml.rels", r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#.to_owned()),
        ("xl/styles.xml", r#"<?xml version="1.0"?><styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>"#.to_owned()),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    let mut out = std::io::Cursor::new(Vec::new());
    let mut zip = zip::ZipWriter::new(&mut out);
    for (name, text) in parts {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    out.into_inner()
}

fn text_cell(text: &str) -> String {
    let safe = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<c t=\"inlineStr\"><is><t>{safe}</t></is></c>")
}

/// The demonstration library as Excel saves it: numbers as number cells. `change` may replace the XML of a cell.
fn demo_workbook(change: impl Fn(&str) -> Option<String>) -> Vec<u8> {
    let mut reader =
        ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(VERSION_1_CSV.as_bytes());
    let rows: Vec<Vec<String>> = reader
        .records()
        .map(|record| {
            let record = record.unwrap();
            let cell = |text: &str| {
                change(text).unwrap_or_else(|| {
                    if text.parse::<f64>().is_ok() { format!("<c><v>{text}</v></c>") } else { text_cell(text) }
                })
            };
            record.iter().map(cell).collect()
        })
        .collect();
    workbook(&rows)
}

#[test]
fn a_workbook_with_number_cells_gives_the_same_library_and_says_so() {
    covers!("N10");
    let read = import(Format::Xlsx, &demo_workbook(|_| None)).unwrap();
    assert_eq!(read.library.to_canonical_bytes(), demo(1).to_canonical_bytes());
    assert!(read.notes[0].contains("number cells"), "{:?}", read.notes);
}

#[test]
fn formulas_dates_errors_and_long_floats_in_a_workbook_are_refused() {
    covers!("N10");
    for (xml, what) in [
        ("<c><f>1+1</f><v>12.5</v></c>", "not a formula"),
        ("<c><f t=\"shared\" si=\"4000000000\" ref=\"A1:B2\">1</f><v>12.5</v></c>", "not a formula"),
        ("<c s=\"1\"><v>45000</v></c>", "not a date"),
        ("<c t=\"e\"><v>#DIV/0!</v></c>", "not an error"),
        ("<c><v>0.1000000000000000055</v></c>", ""),
        ("<c><v>12.500000000000002</v></c>", "at most 15 digits"),
        ("<c><v>1e300</v></c>", "at most 15 digits"),
        ("<c><v>NaN</v></c>", ""),
    ] {
        let bytes = demo_workbook(|text| (text == "12.5").then(|| xml.to_owned()));
        match import(Format::Xlsx, &bytes) {
            Ok(read) => assert!(what.is_empty(), "{xml} was read: {:?}", read.notes),
            Err(errors) => assert!(errors.iter().any(|error| error.expected.contains(what)), "{xml}: {errors:?}"),
        }
    }
}

#[test]
fn a_workbook_that_inflates_without_end_is_refused_before_it_is_parsed() {
    let mut out = std::io::Cursor::new(Vec::new());
    let mut zip = zip::ZipWriter::new(&mut out);
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    zip.start_file("xl/workbook.xml", options).unwrap();
    let block = vec![b' '; 1024 * 1024];
    for _ in 0..70 {
        zip.write_all(&block).unwrap();
    }
    zip.finish().unwrap();
    let bytes = out.into_inner();
    assert!(bytes.len() < 1024 * 1024);
    let errors = import(Format::Xlsx, &bytes).unwrap_err();
    assert!(errors[0].expected.contains("64 MiB"), "{errors:?}");
}

#[test]
fn a_cell_in_the_far_corner_costs_nothing() {
    let far = workbook(&[vec!["<c><v>1</v></c>".into()]]);
    assert!(import(Format::Xlsx, &far).is_err());
    let text = "<c r=\"XFD1048576\"><v>1</v></c>";
    let mut bytes = demo_workbook(|_| None);
    bytes.truncate(bytes.len() / 2);
    assert!(import(Format::Xlsx, &bytes).is_err());
    let corner = workbook(&[vec![text.replace("<c r", "<c q")], vec![]]);
    assert!(import(Format::Xlsx, &corner).is_err());
}

#[test]
fn errors_never_carry_control_characters() {
    let text = VERSION_1_CSV.replace("Propofol", "Pro\u{202e}po\u{7}fol");
    let said = errors(&text).join("\n");
    assert!(
        said.contains("control or text-direction") && !said.contains('\u{202e}') && !said.contains('\u{7}'),
        "{said}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn out_as_csv_and_in_again_changes_nothing(library in libraries()) {
        covers!("N10");
        let text = to_csv(&library);
        let again = csv(&text).map_err(|errors| TestCaseError::fail(format!("{errors:?}\n{text}")))?.library;
        prop_assert_eq!(again.to_canonical_bytes(), library.to_canonical_bytes());
    }

    #[test]
    fn out_as_json_and_in_again_changes_nothing(library in libraries()) {
        covers!("N10");
        let again = import(Format::Json, &library.to_canonical_bytes()).map_err(|errors| TestCaseError::fail(format!("{errors:?}")))?;
        prop_assert_eq!(again.library.to_canonical_bytes(), library.to_canonical_bytes());
    }

    #[test]
    fn no_bytes_make_an_importer_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for format in [Format::Csv, Format::Xlsx, Format::Json] {
            let _ = import(format, &bytes);
        }
    }

    #[test]
    fn no_text_makes_an_importer_panic(text in "(care area|drug|max rate mL/h|[,;\"\n=]|[{}\\[\\]:\\\\u\"]|\\PC){0,80}") {
        for format in [Format::Csv, Format::Json] {
            let _ = import(format, text.as_bytes());
        }
    }

    #[test]
    fn a_bent_workbook_is_refused_or_read_but_never_panics(at in any::<prop::sample::Index>(), to in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = demo_workbook(|_| None);
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = import(Format::Xlsx, &bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = import(Format::Xlsx, &bytes);
    }
}
