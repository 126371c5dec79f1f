//! Reading a message: one walk over its text that notes where segments and fields begin; what is inside a field is cut
//! only when somebody asks.

use std::borrow::Cow;

use memchr::memchr3_iter;
use wardline_model::covers;

use super::{charset, escape};

/// The most segments of one message: a PCD-01 of a rack of pumps has some hundreds.
pub const MAX_SEGMENTS: usize = 10_000;
/// The most fields of one message.
const MAX_FIELDS: usize = 200_000;
/// Remarks that are kept.
const MAX_REMARKS: usize = 16;

/// The characters that cut a message, as its head names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delimiters {
    pub(super) field: u8,
    pub(super) component: u8,
    pub(super) repetition: Option<u8>,
    pub(super) escape: Option<u8>,
    pub(super) sub: Option<u8>,
    pub(super) truncation: Option<u8>,
}

/// Why bytes are not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// No `MSH` at the beginning.
    #[error("the message does not begin with MSH and its delimiters")]
    NoHead,
    /// Delimiters that cannot be told apart, or that are letters or digits.
    #[error("MSH-1 and MSH-2 name delimiters that cannot be told apart, or that are letters, digits or not ASCII")]
    Delimiters,
    /// More parts than any message has.
    #[error("the message has more than {MAX_SEGMENTS} segments or {MAX_FIELDS} fields")]
    TooMany,
}

/// Something that a strict reader would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// White space or a byte order mark before MSH.
    BeforeHead,
    /// Segments end with a line feed instead of, or together with, a carriage return.
    LineFeeds,
    /// The last segment has no end.
    NoLastEnd,
    /// A line that is no segment was taken for the rest of the segment before it: a line end inside a field.
    Continued {
        /// The name of the segment that it was joined to.
        segment: String,
    },
    /// MSH-18 names a character set that is not known; UTF-8 was taken.
    UnknownCharset(String),
    /// Bytes that do not fit the character set were replaced.
    Replaced,
}

/// A message that was read.
#[derive(Clone, Debug)]
pub struct Message {
    text: String,
    delimiters: Delimiters,
    segments: Vec<Piece>,
    /// Where fields begin, for all segments, each segment's name first.
    fields: Vec<u32>,
    remarks: Vec<Remark>,
}

/// One segment's place in the text and among the fields.
#[derive(Clone, Copy, Debug)]
struct Piece {
    end: u32,
    first_field: u32,
    last_field: u32,
}

impl Message {
    /// Reads a message. `default` is the character set of this endpoint for messages that name none, as MSH-18 would
    /// spell it; blank for UTF-8.
    ///
    /// # Errors
    /// [`ParseError`]: there is no head that could be answered to the word.
    pub fn parse(bytes: &[u8], default: &str) -> Result<Self, ParseError> {
        covers!("N10");
        let mut remarks = Vec::new();
        let head = head(bytes, &mut remarks)?;
        let delimiters = delimiters(head)?;
        let text = text(head, &delimiters, default, &mut remarks);
        let mut message = Self { text, delimiters, segments: Vec::new(), fields: Vec::new(), remarks };
        message.cut()?;
        Ok(message)
    }

    /// What a strict reader would refuse.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// The segments in order.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.segments.iter().map(|piece| Segment { message: self, piece: *piece })
    }

    /// The first segment of this name.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<Segment<'_>> {
        self.segments().find(|segment| segment.name() == name)
    }

    /// A field of the head, counted as the standard counts: MSH-9 is the kind of message.
    #[must_use]
    pub fn head(&self, number: usize) -> Field<'_> {
        self.first("MSH").map_or(Field { raw: "", delimiters: &self.delimiters }, |head| head.field(number))
    }

    fn remark(&mut self, remark: Remark) {
        if self.remarks.len() < MAX_REMARKS && !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// Finds where segments and fields begin.
    fn cut(&mut self) -> Result<(), ParseError> {
        let text = core::mem::take(&mut self.text);
        let bytes = text.as_bytes();
        self.fields.reserve(bytes.len() / 8);
        let (mut line, mut first_field, mut has_feeds) = (0, 0, false);
        self.begin(0, &mut first_field);
        for at in memchr3_iter(self.delimiters.field, b'\r', b'\n', bytes) {
            if bytes[at] == self.delimiters.field {
                self.fields.push(offset(at + 1));
            } else if at >= line {
                // One end of a line, however many characters it is made of.
                let ends = bytes[at..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
                has_feeds |= bytes[at..at + ends].contains(&b'\n');
                line = at + ends;
                let rest = &bytes[line..];
                if rest.is_empty() || begins_a_segment(rest, self.delimiters.field) {
                    self.end(at, first_field)?;
                    if !rest.is_empty() {
                        self.begin(line, &mut first_field);
                    }
                } else {
                    let name = name_of(&bytes[self.start(first_field)..]).to_owned();
                    self.remark(Remark::Continued { segment: name });
                }
            }
            if self.fields.len() > MAX_FIELDS {
                return Err(ParseError::TooMany);
            }
        }
        if line < bytes.len() {
            self.end(bytes.len(), first_field)?;
            self.remark(Remark::NoLastEnd);
        }
        if has_feeds {
            self.remark(Remark::LineFeeds);
        }
        self.text = text;
        Ok(())
    }

    fn begin(&mut self, at: usize, first_field: &mut u32) {
        *first_field = offset(self.fields.len());
        self.fields.push(offset(at));
    }

    fn start(&self, first_field: u32) -> usize {
        self.fields.get(first_field as usize).map_or(0, |at| *at as usize)
    }

    fn end(&mut self, at: usize, first_field: u32) -> Result<(), ParseError> {
        if self.segments.len() >= MAX_SEGMENTS {
            return Err(ParseError::TooMany);
        }
        let last_field = offset(self.fields.len());
        self.segments.push(Piece { end: offset(at), first_field, last_field });
        Ok(())
    }
}

/// A message has at most some MiB, so its offsets fit.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn head<'a>(bytes: &'a [u8], remarks: &mut Vec<Remark>) -> Result<&'a [u8], ParseError> {
    let bare = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if bare.len() != bytes.len() {
        remarks.push(Remark::BeforeHead);
    }
    if bare.starts_with(b"MSH") && bare.len() >= 8 { Ok(bare) } else { Err(ParseError::NoHead) }
}

fn delimiters(head: &[u8]) -> Result<Delimiters, ParseError> {
    let field = head[3];
    let rest = &head[4..];
    let named = &rest[..rest.iter().position(|b| *b == field || *b == b'\r' || *b == b'\n').unwrap_or(rest.len())];
    let all = [&[field], named].concat();
    let is_good = |b: &u8| b.is_ascii_punctuation() || *b == b' ';
    let is_apart = all.iter().enumerate().all(|(i, b)| !all[..i].contains(b));
    if named.is_empty() || named.len() > 5 || !all.iter().all(is_good) || !is_apart {
        return Err(ParseError::Delimiters);
    }
    let at = |index: usize| named.get(index).copied();
    let component = at(0).ok_or(ParseError::Delimiters)?;
    Ok(Delimiters { field, component, repetition: at(1), escape: at(2), sub: at(3), truncation: at(4) })
}

/// The text of the message by the character set that its head names.
fn text(head: &[u8], delimiters: &Delimiters, default: &str, remarks: &mut Vec<Remark>) -> String {
    let line = &head[..head.iter().position(|b| *b == b'\r' || *b == b'\n').unwrap_or(head.len())];
    // MSH-1 is the delimiter itself, so MSH-18 is the eighteenth part.
    let named = line.split(|b| *b == delimiters.field).nth(17).unwrap_or_default();
    let named = named.split(|b| Some(*b) == delimiters.repetition).next().unwrap_or_default();
    let named = String::from_utf8_lossy(named);
    let label = if named.trim().is_empty() { default } else { named.as_ref() };
    let encoding = charset::named(label).unwrap_or_else(|| {
        remarks.push(Remark::UnknownCharset(label.chars().take(40).collect()));
        encoding_rs::UTF_8
    });
    let (text, is_replaced) = charset::decode(head, encoding);
    if is_replaced {
        remarks.push(Remark::Replaced);
    }
    text.into_owned()
}

/// Whether a segment begins here: three capital letters or digits and the delimiter, or the end of the line.
fn begins_a_segment(rest: &[u8], field: u8) -> bool {
    let [a, b, c, behind @ ..] = rest else { return false };
    let is_name = a.is_ascii_uppercase() && [b, c].iter().all(|x| x.is_ascii_uppercase() || x.is_ascii_digit());
    is_name && behind.first().is_none_or(|next| *next == field || matches!(next, b'\r' | b'\n'))
}

fn name_of(rest: &[u8]) -> &str {
    core::str::from_utf8(rest.get(..3).unwrap_or_default()).unwrap_or_default()
}

/// One segment.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    message: &'a Message,
    piece: Piece,
}

impl<'a> Segment<'a> {
    /// Its name, such as `OBX`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.part(0)
    }

    /// A field, counted as the standard counts from 1. A field that is not there is empty.
    #[must_use]
    pub fn field(&self, number: usize) -> Field<'a> {
        let delimiters = &self.message.delimiters;
        // In the head the delimiter is the first field.
        let raw = match (self.name(), number) {
            (_, 0) => "",
            ("MSH" | "FHS" | "BHS", 1) => {
                let at = self.start(0) + 3;
                self.message.text.get(at..=at).unwrap_or_default()
            }
            ("MSH" | "FHS" | "BHS", number) => self.part(number - 1),
            (_, number) => self.part(number),
        };
        Field { raw, delimiters }
    }

    /// How many fields it has.
    #[must_use]
    pub fn len(&self) -> usize {
        (self.piece.last_field - self.piece.first_field) as usize - 1
    }

    /// Whether it has no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn start(&self, part: usize) -> usize {
        self.message.fields.get(self.piece.first_field as usize + part).map_or(0, |at| *at as usize)
    }

    fn part(&self, part: usize) -> &'a str {
        let index = self.piece.first_field as usize + part;
        if index >= self.piece.last_field as usize {
            return "";
        }
        let start = self.message.fields[index] as usize;
        let end = if index + 1 < self.piece.last_field as usize {
            self.message.fields[index + 1] as usize - 1
        } else {
            self.piece.end as usize
        };
        self.message.text.get(start..end).unwrap_or_default()
    }
}

/// One field, or a part of one.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    raw: &'a str,
    delimiters: &'a Delimiters,
}

impl<'a> Field<'a> {
    /// The text as it came, escapes and all.
    #[must_use]
    pub const fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether nothing was said.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Whether the sender says to delete what was known (`""`).
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.raw == "\"\""
    }

    /// The text that it stands for.
    #[must_use]
    pub fn text(&self) -> Cow<'a, str> {
        escape::unescape(self.raw, self.delimiters)
    }

    /// Its repetitions; one that is empty when nothing was said.
    pub fn repetitions(&self) -> impl Iterator<Item = Self> + use<'a> {
        let delimiters = self.delimiters;
        parts(self.raw, delimiters.repetition).map(move |raw| Self { raw, delimiters })
    }

    /// A component of the first repetition, counted from 1.
    #[must_use]
    pub fn component(&self, number: usize) -> Self {
        let first = parts(self.raw, self.delimiters.repetition).next().unwrap_or_default();
        self.nth(first, Some(self.delimiters.component), number)
    }

    /// A subcomponent of a component, counted from 1.
    #[must_use]
    pub fn sub(&self, number: usize) -> Self {
        self.nth(self.raw, self.delimiters.sub, number)
    }

    fn nth(&self, raw: &'a str, delimiter: Option<u8>, number: usize) -> Self {
        let raw = number.checked_sub(1).and_then(|index| parts(raw, delimiter).nth(index)).unwrap_or_default();
        Self { raw, delimiters: self.delimiters }
    }
}

fn parts(raw: &str, delimiter: Option<u8>) -> impl Iterator<Item = &str> {
    // Without a delimiter of this level there is one part. U+0000 cannot be in a message that came in a frame; were it
    // there, the text would be cut at it and nothing worse.
    raw.split(delimiter.map_or('\0', char::from))
}
