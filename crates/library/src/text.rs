//! The names in a drug library.
//!
//! They obey the rule of every Wardline name (trimmed, length-limited, no control or text-direction characters) and
//! two more: no invisible characters, because two drugs must not differ by something that nobody can see; and no line
//! may look like a spreadsheet formula once exported (the exporter sees to that, so names themselves stay free).

use wardline_model::{NameError, check_name, name};

/// Characters that take no room on a screen: soft hyphen, zero-width space and joiners, word joiner, byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{3164}' | '\u{e0000}'..='\u{e007f}')
}

fn check_text(text: &str, longest: usize) -> Result<String, NameError> {
    if text.chars().any(is_invisible) {
        return Err(NameError::ControlCharacter);
    }
    check_name(text, longest)
}

name!(
    /// A drug or fluid as the pump shows it. 64 characters are more than any pump's screen has.
    Drug,
    64,
    check_text
);
name!(
    /// What a drug is given for, or to whom, when that decides its limits: `Weight >= 40 kg`, `Sedation`.
    TherapyName,
    64,
    check_text
);
name!(
    /// A drug library's own name.
    LibraryName,
    128,
    check_text
);
name!(
    /// Whose library it is.
    Hospital,
    128,
    check_text
);
name!(
    /// One clinical advisory, shown when the drug is chosen. 200 characters are what people read at a bedside.
    Advisory,
    200,
    check_text
);
name!(
    /// The name by which a hospital's libraries are told apart through all their versions, such as `demo-hospital`.
    LibraryId,
    64,
    check_text
);
