//! The sheet of labels for new pumps: A4 paper, two columns, one label for each pump with its QR code, to be cut apart and
//! taken to the ward. It is made from codes that were shown once, and is kept nowhere by the hub.

use askama::Template;
use qrcode::QrCode;
use qrcode::render::svg;
use wardline_api::types::MadeCode;

/// How labels look, on the screen and on paper.
pub(crate) const STYLE: &str = include_str!("../assets/label.css");

/// A label.
pub(crate) struct Label {
    /// What stands on it.
    pub code: MadeCode,
    /// Its QR code as SVG.
    pub picture: String,
    /// Until when the code works, for people.
    pub until: String,
}

/// Labels out of codes that were just made.
pub(crate) fn labels(codes: Vec<MadeCode>, until: impl Fn(&MadeCode) -> String) -> Vec<Label> {
    codes.into_iter().map(|code| Label { picture: qr(&code.scan), until: until(&code), code }).collect()
}

#[derive(Template)]
#[template(path = "sheet.html")]
struct Sheet<'a> {
    style: &'a str,
    labels: Vec<Label>,
}

/// The whole sheet as one HTML page that needs nothing else: no network, no script. `until` says a code's end to people.
#[must_use]
pub fn page(codes: Vec<MadeCode>, until: impl Fn(&MadeCode) -> String) -> Option<String> {
    Sheet { style: STYLE, labels: labels(codes, until) }.render().ok()
}

/// A QR code as SVG without styles; empty when the text is too long for one (a label never is). Error correction M: a
/// label that is scratched by a sixth is still read.
fn qr(text: &str) -> String {
    let Ok(code) = QrCode::new(text.as_bytes()) else { return String::new() };
    let svg = code.render::<svg::Color<'_>>().min_dimensions(200, 200).quiet_zone(true).build();
    svg.split_once("?>").map_or(svg.clone(), |(_, rest)| rest.to_owned())
}
