//! Writing a message strictly: UTF-8 said in MSH-18, the usual delimiters, every segment ended by a carriage return, empty
//! fields at the end left out, everything escaped that could be taken for structure.

use super::escape::escape_into;

/// The delimiters of everything that we write.
const HEAD: &str = "MSH|^~\\&";

/// A message under construction, field by field.
#[derive(Clone, Debug)]
pub struct Writer {
    text: String,
    /// Delimiters that are written only when something follows.
    owed: usize,
}

impl Default for Writer {
    /// A message with its head begun: the next field is MSH-3.
    fn default() -> Self {
        Self { text: HEAD.to_owned(), owed: 0 }
    }
}

impl Writer {
    /// Ends the segment and begins another.
    #[must_use]
    pub fn segment(mut self, name: &'static str) -> Self {
        self.owed = 0;
        self.text.push('\r');
        self.text.push_str(name);
        self
    }

    /// The next field, of one component.
    #[must_use]
    pub fn field(self, text: &str) -> Self {
        self.components(&[text])
    }

    /// The next fields, empty.
    #[must_use]
    pub fn skip(mut self, fields: usize) -> Self {
        self.owed += fields;
        self
    }

    /// The next field, of several components. Empty ones at its end are left out.
    #[must_use]
    pub fn components(mut self, components: &[&str]) -> Self {
        self.owed += 1;
        let used = components.iter().rposition(|c| !c.is_empty()).map_or(0, |last| last + 1);
        if used == 0 {
            return self;
        }
        for _ in 0..core::mem::take(&mut self.owed) {
            self.text.push('|');
        }
        for (index, component) in components[..used].iter().enumerate() {
            if index > 0 {
                self.text.push('^');
            }
            escape_into(&mut self.text, component);
        }
        self
    }

    /// The next field as it stands in a message that was read, structure and all. What cannot be in a field is left out.
    #[must_use]
    pub fn copied(mut self, raw: &str) -> Self {
        self.owed += 1;
        if !raw.is_empty() {
            for _ in 0..core::mem::take(&mut self.owed) {
                self.text.push('|');
            }
            self.text.extend(raw.chars().filter(|c| !c.is_control() && *c != '|'));
        }
        self
    }

    /// The whole message.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.text.push('\r');
        self.text
    }
}
