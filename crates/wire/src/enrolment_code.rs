//! What the QR code on a pump's label says: everything that a pump out of its box needs to enrol, in one line of text.
//!
//! ```text
//! WARDLINE:1/<enrolment>/<link>/<serial>/<code>/<root>[/<name>]
//! ```
//!
//! | part | what |
//! |---|---|
//! | enrolment | host and port of the hub's enrolment listener |
//! | link | host and port of its live link |
//! | serial | the serial number of the pump that the code is for |
//! | code | the one-time code, 20 characters |
//! | root | SHA-256 of the fleet's root certificate (DER), 64 hexadecimal digits |
//! | name | the name in the hub's certificate, when it is not `hub.wardline.internal` |
//!
//! Every part is percent-encoded (RFC 3986), so that none holds a slash; scheme, hosts, code and digits are written in
//! capitals, which makes the QR code a third smaller (its alphanumeric mode), and are read in either case. The text is a
//! secret until the code is used: it is printed and scanned, never stored or logged.

use core::fmt;
use core::str::FromStr;

use wardline_model::{Digest, Serial};

/// The longest text that is read: three long host names and a serial number of 64 characters, encoded.
pub const LONGEST: usize = 1_024;

/// The longest host name with its port (RFC 1035: 253, a colon, five digits).
const LONGEST_PLACE: usize = 259;

/// How a text of the first version begins.
const BEGIN: &str = "WARDLINE:1/";

/// The characters of a one-time code: Crockford's base 32.
const CODE_ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The length of a one-time code.
const CODE_LENGTH: usize = 20;

/// The name in the hub's certificate when nothing else is said.
const USUAL_NAME: &str = "hub.wardline.internal";

/// A pump's label, read.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentCode {
    /// Host and port of the hub's enrolment listener.
    pub est: String,
    /// Host and port of its live link.
    pub link: String,
    /// The name in the hub's certificate.
    pub name: String,
    /// The pump that the code is for.
    pub serial: Serial,
    /// The one-time code, without hyphens.
    pub code: String,
    /// SHA-256 of the fleet's root certificate.
    pub root: Digest,
}

impl fmt::Debug for EnrolmentCode {
    /// Without the code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnrolmentCode({} at {})", self.serial, self.est)
    }
}

/// Why a text is no label of ours. Each completes the sentence "the scanned text …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnrolmentCodeError {
    /// Something else was scanned.
    #[error("is not a Wardline enrolment code: expected one that begins with WARDLINE:1/")]
    Other,
    /// Made by a newer hub.
    #[error("is an enrolment code of a newer form; update the agent, or type the code instead")]
    Newer,
    /// Longer than any of ours.
    #[error("is longer than {LONGEST} characters")]
    TooLong,
    /// Parts are missing, or there are too many.
    #[error("is broken off or run together: expected five or six parts with slashes between them. Scan it again")]
    Parts,
    /// A part that cannot be read.
    #[error("has an unreadable {0}. Scan it again, or print the label anew")]
    Part(&'static str),
}

impl fmt::Display for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { est, link, name, serial, code, root } = self;
        f.write_str(BEGIN)?;
        let plain: String = code.chars().filter(|c| *c != '-').collect();
        let parts =
            [est.to_uppercase(), link.to_uppercase(), serial.to_string(), plain, root.to_string().to_uppercase()];
        for (i, part) in parts.iter().enumerate() {
            let between = if i == 0 { "" } else { "/" };
            write!(f, "{between}{}", Encoded(part))?;
        }
        if name != USUAL_NAME {
            write!(f, "/{}", Encoded(&name.to_uppercase()))?;
        }
        Ok(())
    }
}

/// A part, percent-encoded. A colon may stay: it is a character of QR's alphanumeric mode.
struct Encoded<'a>(&'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':') {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

fn decoded(part: &str) -> Option<String> {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A host and its port, in small letters.
fn place(text: &str) -> Option<String> {
    let (host, port) = text.rsplit_once(':')?;
    let is_host = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]_".contains(&b));
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    (is_host && is_port && text.len() <= LONGEST_PLACE).then(|| text.to_ascii_lowercase())
}

fn name(text: &str) -> Option<String> {
    let is_name =
        !text.is_empty() && text.len() <= 253 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    is_name.then(|| text.to_ascii_lowercase())
}

fn code(text: &str) -> Option<String> {
    let code = text.to_ascii_uppercase();
    (code.len() == CODE_LENGTH && code.chars().all(|c| CODE_ALPHABET.contains(c))).then_some(code)
}

impl FromStr for EnrolmentCode {
    type Err = EnrolmentCodeError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(EnrolmentCodeError::TooLong);
        }
        let begins = |with: &str| text.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
        if !begins(BEGIN) {
            return Err(if begins("WARDLINE:") { EnrolmentCodeError::Newer } else { EnrolmentCodeError::Other });
        }
        let parts: Vec<&str> = text[BEGIN.len()..].split('/').collect();
        let (read, named) = match parts.as_slice() {
            [read @ .., named] if read.len() == 5 => (read, Some(*named)),
            read => (read, None),
        };
        let [est, link, serial, one_time, root] = read else { return Err(EnrolmentCodeError::Parts) };
        let part = |text: &str, what| decoded(text).ok_or(EnrolmentCodeError::Part(what));
        let wrong = EnrolmentCodeError::Part;
        Ok(Self {
            est: place(&part(est, "enrolment address")?).ok_or(wrong("enrolment address"))?,
            link: place(&part(link, "link address")?).ok_or(wrong("link address"))?,
            serial: Serial::new(&part(serial, "serial number")?).map_err(|_| wrong("serial number"))?,
            code: code(&part(one_time, "one-time code")?).ok_or(wrong("one-time code"))?,
            root: part(root, "root fingerprint")?.to_lowercase().parse().map_err(|_| wrong("root fingerprint"))?,
            name: match named {
                Some(named) => name(&part(named, "hub's name")?).ok_or(wrong("hub's name"))?,
                None => USUAL_NAME.to_owned(),
            },
        })
    }
}

#[cfg(test)]
mod tests;
