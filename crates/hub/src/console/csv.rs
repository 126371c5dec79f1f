//! Exports for spreadsheets (RFC 4180) that no spreadsheet runs as a formula (attack class A26).

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// A CSV file under construction.
#[derive(Debug, Default)]
pub(super) struct Csv(String);

impl Csv {
    /// Adds a row.
    pub(super) fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        for (i, cell) in cells.into_iter().enumerate() {
            if i > 0 {
                self.0.push(',');
            }
            self.0.push_str(&quoted(cell));
        }
        self.0.push_str("\r\n");
    }

    /// The file as a download.
    pub(super) fn download(self, name: &str) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        ];
        (headers, self.0).into_response()
    }

    /// The text.
    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// A cell in quotes. One that begins like a formula gets an apostrophe in front, which spreadsheets show as plain text:
/// `=`, `+`, `-`, `@`, and the tab, carriage return and line feed that some of them skip, also behind spaces and in the
/// full-width forms that some of them read alike.
fn quoted(cell: &str) -> String {
    let starts = cell.trim_start_matches(' ').chars().next();
    let formula = starts.is_some_and(|c| {
        matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}')
    });
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}
