//! JSON as signed metadata needs it: one value, one canonical form, and nothing that two readers could read differently.
//!
//! The reader refuses what JSON libraries disagree about: an object with the same key twice, a number with a fraction or
//! an exponent, a whole number outside 64 bits, a lone surrogate, bytes after the value. Depth and the number of values
//! are limited, so a hostile file costs no more than its length. The canonical form is the OLPC one that TUF signs
//! ("Canonical JSON": keys sorted, no spaces, only `"` and `\` escaped), written by this file and by no library.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

/// How deep arrays and objects may nest. TUF metadata nests 7 deep; 32 leaves room for unknown fields.
pub const MAX_DEPTH: usize = 32;

/// A JSON value without floats, its object keys sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number of 64 bits.
    Int(i64),
    /// A text.
    Str(String),
    /// A list.
    Array(Vec<Value>),
    /// An object: every key once.
    Object(Object),
}

/// The members of an object. Byte order of UTF-8 keys is code point order, which is the order of the canonical form.
pub type Object = BTreeMap<String, Value>;

/// Why bytes are not a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum JsonError {
    /// Not JSON.
    #[error("is not JSON (byte {0})")]
    Syntax(usize),
    /// The bytes end too early.
    #[error("ends in the middle of a value")]
    Truncated,
    /// The same key twice in one object.
    #[error("has the same key twice in one object (byte {0})")]
    DuplicateKey(usize),
    /// A number with a fraction, an exponent or more than 64 bits.
    #[error("has a number that is not a whole number of 64 bits (byte {0})")]
    NotWhole(usize),
    /// Nested too deeply.
    #[error("nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A text that is not Unicode.
    #[error("has a text that is not Unicode (byte {0})")]
    NotUnicode(usize),
    /// Something after the value.
    #[error("has bytes after the end of the value (byte {0})")]
    Trailing(usize),
}

impl Value {
    /// Reads one value that fills `bytes`. The caller has already limited the length.
    ///
    /// # Errors
    /// [`JsonError`] says what and where.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let mut reader = Reader { bytes, at: 0 };
        let value = reader.value(0)?;
        reader.space();
        if reader.at < bytes.len() { Err(JsonError::Trailing(reader.at)) } else { Ok(value) }
    }

    /// The canonical form: the bytes that are signed. Not always JSON (a line break in a text stays one).
    #[must_use]
    pub fn to_canonical(&self) -> Vec<u8> {
        let mut out = String::new();
        write_value(self, Escape::Canonical, &mut out);
        out.into_bytes()
    }

    /// Plain JSON with the same order and no spaces: what is stored and sent.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = String::new();
        write_value(self, Escape::Json, &mut out);
        out.into_bytes()
    }

    /// The members, if it is an object.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Object> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// The items, if it is a list.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// The number, if it is one and not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Int(number) = self { u64::try_from(*number).ok() } else { None }
    }

    /// The truth value, if it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The member of this name, if it is an object that has one.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

/// Builds an object from pairs; a later pair of the same key replaces the earlier one.
#[must_use]
pub fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(key, value)| (String::from(key), value)).collect())
}

/// A whole number as a value. Numbers above `i64::MAX` saturate: no version or length comes near.
#[must_use]
pub fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    Canonical,
    Json,
}

fn write_value(value: &Value, escape: Escape, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Str(text) => write_text(text, escape, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(item, escape, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (i, (key, member)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_text(key, escape, out);
                out.push(':');
                write_value(member, escape, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, escape: Escape, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if escape == Escape::Json && c < ' ' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Result<u8, JsonError> {
        self.bytes.get(self.at).copied().ok_or(JsonError::Truncated)
    }

    fn next(&mut self) -> Result<u8, JsonError> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.space();
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.text().map(Value::Str),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true", Value::Bool(true)),
            b'f' => self.word(b"false", Value::Bool(false)),
            b'n' => self.word(b"null", Value::Null),
            _ => Err(JsonError::Syntax(self.at)),
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, JsonError> {
        for &expected in word {
            let at = self.at;
            if self.next()? != expected {
                return Err(JsonError::Syntax(at));
            }
        }
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut members = Object::new();
        self.space();
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            let at = self.at;
            if self.peek()? != b'"' {
                return Err(JsonError::Syntax(at));
            }
            let key = self.text()?;
            if members.contains_key(&key) {
                return Err(JsonError::DuplicateKey(at));
            }
            self.space();
            if self.peek()? != b':' {
                return Err(JsonError::Syntax(self.at));
            }
            self.at += 1;
            members.insert(key, self.value(depth + 1)?);
            if !self.comma_or(b'}')? {
                return Ok(Value::Object(members));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if !self.comma_or(b']')? {
                return Ok(Value::Array(items));
            }
        }
    }

    /// True after a comma, false after `end`.
    fn comma_or(&mut self, end: u8) -> Result<bool, JsonError> {
        self.space();
        let at = self.at;
        match self.next()? {
            b',' => Ok(true),
            byte if byte == end => Ok(false),
            _ => Err(JsonError::Syntax(at)),
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        if self.peek()? == b'-' {
            self.at += 1;
        }
        let digits = self.at;
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b'.' | b'e' | b'E') => return Err(JsonError::NotWhole(start)),
            _ if self.at == digits => return Err(JsonError::Syntax(start)),
            _ => {}
        }
        if self.bytes[digits] == b'0' && self.at > digits + 1 {
            return Err(JsonError::Syntax(start));
        }
        let text = core::str::from_utf8(&self.bytes[start..self.at]).map_err(|_| JsonError::Syntax(start))?;
        text.parse().map(Value::Int).map_err(|_| JsonError::NotWhole(start))
    }

    fn text(&mut self) -> Result<String, JsonError> {
        let start = self.at;
        self.at += 1;
        let mut out: Vec<u8> = Vec::new();
        loop {
            let at = self.at;
            match self.next()? {
                b'"' => return String::from_utf8(out).map_err(|_| JsonError::NotUnicode(start)),
                b'\\' => {
                    let c = self.escape()?;
                    let mut utf8 = [0u8; 4];
                    out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
                }
                0..=0x1f => return Err(JsonError::Syntax(at)),
                byte => out.push(byte),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let at = self.at;
        Ok(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4()?;
                let code = if (0xd800..0xdc00).contains(&first) {
                    if self.next()? != b'\\' || self.next()? != b'u' {
                        return Err(JsonError::NotUnicode(at));
                    }
                    let second = self.hex4()?;
                    if !(0xdc00..0xe000).contains(&second) {
                        return Err(JsonError::NotUnicode(at));
                    }
                    0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                } else {
                    first
                };
                char::from_u32(code).ok_or(JsonError::NotUnicode(at))?
            }
            _ => return Err(JsonError::Syntax(at)),
        })
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let at = self.at;
            let digit = (self.next()? as char).to_digit(16).ok_or(JsonError::Syntax(at))?;
            code = code * 16 + digit;
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests;
