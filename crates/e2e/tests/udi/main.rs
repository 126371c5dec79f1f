//! GS1 barcodes, read by us and by biip, an independent reader: the same texts are refused, and the same values are read.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wardline_e2e::skip;
use wardline_fleet::udi::{LabelDate, Udi};

/// What one text says, by application identifier; `None` when it was refused.
type Answer = Option<BTreeMap<String, String>>;

/// The Python of the tests' own environment, when biip is in it.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("WARDLINE_PY").map(PathBuf::from);
    let found =
        named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/python/bin/python"));
    let has_biip = Command::new(&found).args(["-c", "import biip"]).stderr(Stdio::null()).status();
    if has_biip.is_ok_and(|status| status.success()) {
        return Some(found);
    }
    skip("GS1 barcodes", "no Python environment with biip; run `cargo xtask test`");
    None
}

fn biip(python: &Path, texts: &[String]) -> Vec<Answer> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/udi/read.py");
    let mut child =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(&serde_json::to_vec(texts).expect("JSON")).expect("python reads");
    drop(input);
    let output = child.wait_with_output().expect("python ends");
    assert!(output.status.success(), "biip fails");
    serde_json::from_slice(&output.stdout).expect("a list of answers")
}

fn ours(text: &str) -> Answer {
    let udi: Udi = text.parse().ok()?;
    let date = |date: LabelDate| format!("{:02}{:02}{:02}", date.year, date.month, date.day);
    let fields = [
        ("01", Some(udi.gtin.to_string())),
        ("10", udi.lot),
        ("11", udi.made.map(date)),
        ("17", udi.expires.map(date)),
        ("21", udi.serial.map(|serial| serial.to_string())),
    ];
    Some(fields.into_iter().filter_map(|(ai, value)| Some((ai.to_owned(), value?))).collect())
}

/// Numbers that look random and are the same in every run (Lehmer, 1951).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0 * 48_271 % 2_147_483_647;
        self.0 % most
    }

    fn word(&mut self) -> String {
        const ALPHABET: &[u8] = b"!\"%&'*+,-./0123456789:;=?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
        let length = 1 + self.below(20);
        (0..length).map(|_| char::from(ALPHABET[self.below(ALPHABET.len() as u64) as usize])).collect()
    }

    fn date(&mut self) -> String {
        let (year, month, day) = (self.below(100), 1 + self.below(12), 1 + self.below(28));
        format!("{year:02}{month:02}{day:02}")
    }

    fn gtin(&mut self) -> String {
        let mut digits: Vec<u64> = (0..13).map(|_| self.below(10)).collect();
        // Written down anew, not taken from what is tested: weight 3 for the first digit, the third, and so on.
        let sum: u64 = digits.iter().enumerate().map(|(i, d)| if i % 2 == 0 { d * 3 } else { *d }).sum();
        digits.push((10 - sum % 10) % 10);
        digits.iter().map(u64::to_string).collect()
    }
}

/// A good barcode in one of the spellings that both read.
fn good(dice: &mut Dice) -> String {
    let (gtin, made, expires, lot, serial) = (dice.gtin(), dice.date(), dice.date(), dice.word(), dice.word());
    match dice.below(5) {
        0 => format!("]d201{gtin}17{expires}10{lot}\u{1d}21{serial}"),
        1 => format!("01{gtin}11{made}17{expires}21{serial}\u{1d}10{lot}"),
        2 => format!("]C101{gtin}21{serial}"),
        3 => format!("(01){gtin}(11){made}(17){expires}(10){lot}(21){serial}"),
        _ => format!("]d221{serial}\u{1d}01{gtin}240{lot}\u{1d}17{expires}"),
    }
}

#[test]
fn an_independent_reader_of_gs1_says_the_same() {
    let Some(python) = python() else { return };
    let mut dice = Dice(20_261_124);
    let mut texts: Vec<String> = (0..400).map(|_| good(&mut dice)).collect();
    texts.extend(
        [
            "(01)00643169001764(21)A",
            "(01)0064316900176",
            "(21)A",
            "(01)00643169001763(17)281301(21)A",
            "(01)00643169001763(17)280231(21)A",
            "]d20100643169001763172812311012345678901234567890123",
            "]d20100643169001763",
            "01006431690017639",
            "P-0007",
        ]
        .map(str::to_owned),
    );
    let theirs = biip(&python, &texts);
    let read = theirs.iter().flatten().count();
    assert!(read > 390, "biip read only {read} of {}", texts.len());
    for (text, theirs) in texts.iter().zip(theirs) {
        assert_eq!(ours(text), theirs, "{text:?}");
    }
}
