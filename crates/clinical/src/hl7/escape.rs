//! Escapes (HL7 v2 chapter 2, "Use of escape sequences in text fields"): `\F\ \S\ \T\ \R\ \E\` for the delimiters, `\P\`
//! for truncation, `\X..\` for bytes, `\.br\` for a line. Others are for screens and pass through as they are.

use std::borrow::Cow;

use super::message::Delimiters;

/// The text that an escaped one stands for.
pub(super) fn unescape<'a>(text: &'a str, with: &Delimiters) -> Cow<'a, str> {
    let Some(escape) = with.escape.map(char::from) else { return Cow::Borrowed(text) };
    if !text.contains(escape) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(escape) {
        out.push_str(before);
        let Some((code, behind)) = after.split_once(escape) else {
            // One alone: it is text.
            out.push(escape);
            rest = after;
            continue;
        };
        match one(code, with) {
            Some(meaning) => out.push_str(&meaning),
            None => {
                out.push(escape);
                out.push_str(code);
                out.push(escape);
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn one(code: &str, with: &Delimiters) -> Option<String> {
    let delimiter = match code {
        "F" => Some(with.field),
        "S" => Some(with.component),
        "T" => with.sub,
        "R" => with.repetition,
        "E" => with.escape,
        "P" => with.truncation,
        ".br" | ".BR" => return Some("\n".to_owned()),
        _ => None,
    };
    if let Some(delimiter) = delimiter {
        return Some(char::from(delimiter).to_string());
    }
    let hex = code.strip_prefix('X')?;
    if hex.is_empty() || hex.len() % 2 != 0 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).filter_map(|i| u8::from_str_radix(&hex[i..i + 2], 16).ok()).collect();
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes text so that nothing in it can be taken for structure. The writer's own delimiters are the usual ones.
pub(super) fn escape_into(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '&' => out.push_str("\\T\\"),
            '~' => out.push_str("\\R\\"),
            '\\' => out.push_str("\\E\\"),
            '\n' => out.push_str("\\.br\\"),
            // No control character may stand in a message: some of them are marks of segments and frames.
            c if c.is_control() => {
                use core::fmt::Write as _;
                out.push_str("\\X");
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(out, "{byte:02X}");
                }
                out.push('\\');
            }
            c => out.push(c),
        }
    }
}
