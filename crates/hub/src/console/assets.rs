//! The style sheet, the script and the icon: built into the program, named by their digest so that browsers may keep
//! them for ever.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use super::fault::Fault;

const STYLE: &str = concat!(include_str!("../../assets/console.css"), include_str!("../../assets/label.css"));
const SCRIPT: &str = include_str!("../../assets/console.js");
const ICON: &str = include_str!("../../assets/icon.svg");

static STYLE_PATH: LazyLock<String> = LazyLock::new(|| path("console.css", STYLE));
static SCRIPT_PATH: LazyLock<String> = LazyLock::new(|| path("console.js", SCRIPT));

fn path(name: &str, text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(6).fold(format!("/assets/{name}?v="), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The address of the style sheet.
pub(super) fn style() -> &'static str {
    &STYLE_PATH
}

/// The address of the script.
pub(super) fn script() -> &'static str {
    &SCRIPT_PATH
}

/// `GET /assets/{file}`: one of three names, and no path on a disk.
pub(super) async fn asset(Path(file): Path<String>) -> Result<Response, Fault> {
    let (kind, text) = match file.as_str() {
        "console.css" => ("text/css; charset=utf-8", STYLE),
        "console.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Err(Fault::not_found("this file")),
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, text).into_response())
}
