//! Bytes to text by MSH-18 (HL7 table 0211). Bytes that do not fit become U+FFFD and a remark: free text is never a reason
//! to lose a message.

use std::borrow::Cow;

use encoding_rs::Encoding;

/// The encoding that MSH-18 names, however it is spelt; UTF-8 when it is blank, which ASCII is part of.
pub(super) fn named(label: &str) -> Option<&'static Encoding> {
    let plain: String = label.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    match plain.as_str() {
        "" | "ASCII" | "UNICODE" | "UNICODEUTF8" | "UTF8" => Some(encoding_rs::UTF_8),
        // Windows engines that say 8859/1 send code page 1252, which the Encoding Standard treats alike.
        "88591" | "ISO88591" => Some(encoding_rs::WINDOWS_1252),
        // The turkish page of Windows extends this one in the same way.
        "88599" | "ISO88599" => Some(encoding_rs::WINDOWS_1254),
        other => {
            let part = other.strip_prefix("ISO").unwrap_or(other).strip_prefix("8859")?;
            Encoding::for_label(format!("iso-8859-{part}").as_bytes())
        }
    }
}

/// The text, and whether some bytes did not fit.
pub(super) fn decode<'a>(bytes: &'a [u8], encoding: &'static Encoding) -> (Cow<'a, str>, bool) {
    encoding.decode_without_bom_handling(bytes)
}
