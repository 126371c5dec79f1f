//! Text that is safe to print, log and store anywhere.

/// Characters that no text of ours may hold: controls, and the text-direction overrides of Unicode (CVE-2021-42574
/// class), which make a screen or log show something else than is there.
#[must_use]
pub fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with every forbidden character replaced by a space, cut to at most `limit` bytes at a character boundary.
///
/// A pump does this to what it is told before it numbers an event, so that the hub never has to refuse one.
#[must_use]
pub fn clean(text: &str, limit: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(limit));
    for c in text.chars() {
        let c = if is_forbidden(c) { ' ' } else { c };
        if clean.len() + c.len_utf8() > limit {
            break;
        }
        clean.push(c);
    }
    clean
}
