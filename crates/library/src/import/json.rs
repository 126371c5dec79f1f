//! JSON to records, by a reader of our own.
//!
//! It remembers the line of every value, keeps numbers as the text that was typed (a float would change them, N10),
//! refuses repeated and unknown keys, and bounds depth and size. The shape is the artifact's own schema; order and white
//! space are free.

use std::collections::BTreeMap;

use super::table::{AREA, ENTRY, SETTINGS, column};
use super::{Cell, Errors, Record, Records};

/// Deeper than the schema, shallow enough for any stack.
const MAX_DEPTH: usize = 16;

#[derive(Debug)]
struct Node {
    line: u32,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(BTreeMap<String, Node>),
}

pub(super) fn records(bytes: &[u8], errors: &mut Errors) -> Option<Records> {
    let Ok(text) = core::str::from_utf8(bytes) else {
        errors.add(0, "", "", "UTF-8 text");
        return None;
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser { rest: text, line: 1 };
    let root = match parser.whole() {
        Ok(root) => root,
        Err(expected) => {
            let here: String = parser.rest.chars().take(20).take_while(|c| *c != '\n').collect();
            errors.add(parser.line, "", &here, &expected);
            return None;
        }
    };
    Some(walk(root, errors))
}

fn walk(root: Node, errors: &mut Errors) -> Records {
    let mut records = Records::default();
    records.settings.line = root.line;
    for (key, node) in object(root, "the library", errors) {
        match key.as_str() {
            "schema" => schema(&node, errors),
            "care_areas" => {
                for area in list(node, "care_areas", errors) {
                    care_area(area, &mut records, errors);
                }
            }
            "name" => put(&mut records.settings, "library name", node, errors),
            "id" => put(&mut records.settings, "library id", node, errors),
            "version" => put(&mut records.settings, "library version", node, errors),
            other => match column(SETTINGS, other) {
                Some(name) => put(&mut records.settings, name, node, errors),
                None => unknown(&node, other, errors),
            },
        }
    }
    records
}

fn schema(node: &Node, errors: &mut Errors) {
    let known = matches!(&node.value, Value::Number(text) if *text == crate::library::SCHEMA.to_string());
    if !known {
        errors.add(node.line, "schema", &cell_text(&node.value), &format!("schema {}", crate::library::SCHEMA));
    }
}

fn care_area(area: Node, records: &mut Records, errors: &mut Errors) {
    let mut record = Record { line: area.line, ..Record::default() };
    let mut entries = Vec::new();
    for (key, node) in object(area, "a care area", errors) {
        match key.as_str() {
            "name" => put(&mut record, "care area", node, errors),
            "device" => {
                for (key, node) in object(node, "device", errors) {
                    place(&mut record, AREA, &key, &key, node, errors);
                }
            }
            "entries" => entries = list(node, "entries", errors),
            other => unknown(&node, other, errors),
        }
    }
    let name = record.cells.get("care area").cloned();
    for node in entries {
        let mut line = entry(node, errors);
        if let Some(name) = &name {
            line.cells.insert("care area", name.clone());
        }
        records.entries.push(line);
    }
    records.areas.push(record);
}

fn entry(node: Node, errors: &mut Errors) -> Record {
    let mut record = Record { line: node.line, ..Record::default() };
    for (key, node) in object(node, "an entry", errors) {
        let inner = match key.as_str() {
            "concentration" | "limits" | "bolus" | "duration" => match node.value {
                Value::Null => continue,
                _ => object(node, &key, errors),
            },
            _ => {
                place(&mut record, ENTRY, &key, &key, node, errors);
                continue;
            }
        };
        for (field, node) in inner {
            let header = match (key.as_str(), field.as_str()) {
                ("concentration", "unit") => "amount unit".to_owned(),
                ("concentration", "amount" | "volume_ml") | ("limits", _) => field.clone(),
                ("bolus", _) => format!("bolus {field}"),
                ("duration", _) => format!("duration {field} min"),
                _ => format!("{key} {field}"),
            };
            place(&mut record, ENTRY, &header, &field, node, errors);
        }
    }
    record
}

fn place(
    record: &mut Record,
    columns: &'static [super::table::Column],
    header: &str,
    key: &str,
    node: Node,
    errors: &mut Errors,
) {
    match column(columns, header) {
        Some(name) if name != "care area" => put(record, name, node, errors),
        _ => unknown(&node, key, errors),
    }
}

fn put(record: &mut Record, name: &'static str, node: Node, errors: &mut Errors) {
    let line = node.line;
    let cell = match node.value {
        Value::Null => Cell::default(),
        Value::Bool(value) => Cell::text(if value { "yes" } else { "no" }),
        Value::Number(text) => Cell::text(text),
        // JSON runs no formulas, so its texts mean what they say: guarded as the exporter would.
        Value::Text(text) => Cell::text(crate::export::safe(&text)),
        Value::List(_) | Value::Object(_) => Cell::refused("", "one value"),
    };
    if record.cells.insert(name, (line, cell)).is_some() {
        errors.add(line, name, "", "this key only once");
    }
}

fn unknown(node: &Node, key: &str, errors: &mut Errors) {
    errors.add(node.line, key, &cell_text(&node.value), "a key of the schema (see docs/drug-library-format.md)");
}

fn cell_text(value: &Value) -> String {
    match value {
        Value::Number(text) | Value::Text(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => String::new(),
    }
}

fn object(node: Node, what: &str, errors: &mut Errors) -> BTreeMap<String, Node> {
    match node.value {
        Value::Object(fields) => fields,
        _ => {
            errors.add(node.line, what, &cell_text(&node.value), "an object in braces");
            BTreeMap::new()
        }
    }
}

fn list(node: Node, what: &str, errors: &mut Errors) -> Vec<Node> {
    match node.value {
        Value::List(items) => items,
        _ => {
            errors.add(node.line, what, &cell_text(&node.value), "a list in brackets");
            Vec::new()
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    line: u32,
}

impl Parser<'_> {
    fn whole(&mut self) -> Result<Node, String> {
        let node = self.value(0)?;
        self.space();
        if self.rest.is_empty() { Ok(node) } else { Err("nothing after the end of the library".into()) }
    }

    fn space(&mut self) {
        while let Some(c @ (' ' | '\t' | '\n' | '\r')) = self.rest.chars().next() {
            self.line += u32::from(c == '\n');
            self.rest = &self.rest[1..];
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        self.space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, String> {
        if depth > MAX_DEPTH {
            return Err(format!("at most {MAX_DEPTH} levels"));
        }
        self.space();
        let line = self.line;
        let value = match self.rest.chars().next() {
            Some('{') => self.object(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Value::Text(self.text()?),
            Some('-' | '0'..='9') => Value::Number(self.number()),
            _ if self.eat("true") => Value::Bool(true),
            _ if self.eat("false") => Value::Bool(false),
            _ if self.eat("null") => Value::Null,
            _ => return Err("a JSON value".into()),
        };
        Ok(Node { line, value })
    }

    /// The characters of a number as typed; the column's own reader judges them.
    fn number(&mut self) -> String {
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E')))
            .unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        number.to_owned()
    }

    fn list(&mut self, depth: usize) -> Result<Value, String> {
        self.eat("[");
        let mut items = Vec::new();
        if self.eat("]") {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.eat("]") {
                return Ok(Value::List(items));
            }
            if !self.eat(",") {
                return Err("a comma or the end of the list".into());
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        self.eat("{");
        let mut fields = BTreeMap::new();
        if self.eat("}") {
            return Ok(Value::Object(fields));
        }
        loop {
            self.space();
            if !self.rest.starts_with('"') {
                return Err("a key in quotation marks".into());
            }
            let key = self.text()?;
            if !self.eat(":") {
                return Err("a colon after the key".into());
            }
            let node = self.value(depth + 1)?;
            if fields.contains_key(&key) {
                return Err(format!("each key once; \"{}\" is there twice", super::shown(&key)));
            }
            fields.insert(key, node);
            if self.eat("}") {
                return Ok(Value::Object(fields));
            }
            if !self.eat(",") {
                return Err("a comma or the end of the object".into());
            }
        }
    }

    fn text(&mut self) -> Result<String, String> {
        self.rest = self.rest.strip_prefix('"').unwrap_or(self.rest);
        let mut text = String::new();
        loop {
            let c = self.next()?;
            match c {
                '"' => return Ok(text),
                '\\' => text.push(self.escape()?),
                c if c < ' ' => return Err("no control character in a text".into()),
                c => text.push(c),
            }
        }
    }

    fn next(&mut self) -> Result<char, String> {
        let c = self.rest.chars().next().ok_or("the closing quotation mark")?;
        self.rest = &self.rest[c.len_utf8()..];
        Ok(c)
    }

    fn escape(&mut self) -> Result<char, String> {
        match self.next()? {
            c @ ('"' | '\\' | '/') => Ok(c),
            'b' => Ok('\u{8}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'u' => self.code_point(),
            _ => Err("an escape of JSON".into()),
        }
    }

    fn code_point(&mut self) -> Result<char, String> {
        let bad = || "four hexadecimal digits of a character".to_owned();
        let high = self.hex()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).ok_or_else(bad);
        }
        if self.next()? != '\\' || self.next()? != 'u' {
            return Err(bad());
        }
        let low = self.hex()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(bad());
        }
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or_else(bad)
    }

    fn hex(&mut self) -> Result<u32, String> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.next()?.to_digit(16).ok_or("four hexadecimal digits")?;
            value = value * 16 + digit;
        }
        Ok(value)
    }
}
