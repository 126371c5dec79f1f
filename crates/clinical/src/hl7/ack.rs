//! Acknowledgements: which are owed for a message, and writing one, for a message of which nothing could be read too.

use memchr::memchr;

use super::{Field, Message, Writer};

/// MSA-1 (HL7 table 0008).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckCode {
    /// `CA`: received and kept.
    CommitAccept,
    /// `CE`: not received well; send it again.
    CommitError,
    /// `CR`: not for us; do not send it again.
    CommitReject,
    /// `AA`: done.
    ApplicationAccept,
    /// `AE`: an error, told in ERR.
    ApplicationError,
    /// `AR`: refused.
    ApplicationReject,
}

impl AckCode {
    /// The word in the message.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CommitAccept => "CA",
            Self::CommitError => "CE",
            Self::CommitReject => "CR",
            Self::ApplicationAccept => "AA",
            Self::ApplicationError => "AE",
            Self::ApplicationReject => "AR",
        }
    }

    /// What an answer says; nothing when it says none of the six.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        [
            Self::CommitAccept,
            Self::CommitError,
            Self::CommitReject,
            Self::ApplicationAccept,
            Self::ApplicationError,
            Self::ApplicationReject,
        ]
        .into_iter()
        .find(|code| code.as_str() == word.trim())
    }

    /// Whether the peer has the message. Many answer `AA` where `CA` is asked for.
    #[must_use]
    pub const fn is_accepted(self) -> bool {
        matches!(self, Self::CommitAccept | Self::ApplicationAccept)
    }
}

/// Which answers a message asks for (HL7 v2 chapter 2, "original" and "enhanced" mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// MSH-15 and MSH-16 say nothing: one application acknowledgement.
    Original,
    /// One of them says something: each kind as it says.
    Enhanced {
        /// Of the receipt.
        accept: Wanted,
        /// Of what came of it.
        application: Wanted,
    },
}

/// When an answer is wanted (HL7 table 0155).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `AL`
    Always,
    /// `NE`, and whatever else cannot be read.
    Never,
    /// `ER`
    OnError,
    /// `SU`
    OnSuccess,
}

impl Wanted {
    fn read(field: Field<'_>) -> Self {
        match field.text().trim().to_ascii_uppercase().as_str() {
            "AL" => Self::Always,
            "ER" => Self::OnError,
            "SU" => Self::OnSuccess,
            _ => Self::Never,
        }
    }

    /// Whether this answer is wanted.
    #[must_use]
    pub const fn wants(self, code: AckCode) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::OnError => !code.is_accepted(),
            Self::OnSuccess => code.is_accepted(),
        }
    }
}

impl Mode {
    /// What this message asks for.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let (accept, application) = (message.head(15), message.head(16));
        if accept.is_empty() && application.is_empty() {
            return Self::Original;
        }
        Self::Enhanced { accept: Wanted::read(accept), application: Wanted::read(application) }
    }
}

/// An acknowledgement to be written.
#[derive(Clone, Debug)]
pub struct Ack<'a> {
    /// The message that is answered, when its head could be read.
    pub to: Option<&'a Message>,
    /// MSA-2 when there is none: whatever could be found (see [`control_id_of`]).
    pub control_id: &'a str,
    /// MSA-1.
    pub code: AckCode,
    /// MSH-10 of the answer, a new one.
    pub own_control_id: &'a str,
    /// MSH-7: the moment with its zone, `YYYYMMDDHHMMSS+ZZZZ`.
    pub moment: &'a str,
    /// ERR-3 (HL7 table 0357) as code and text, when there is something wrong.
    pub error: Option<(&'a str, &'a str)>,
    /// ERR-8: what was wrong, for people.
    pub words: &'a str,
}

impl Ack<'_> {
    /// The message. Sender and receiver change places, the version is the one that came.
    #[must_use]
    pub fn write(&self) -> String {
        let head = |number| self.to.map_or("", |message| message.head(number).raw());
        let trigger = self.to.map_or_else(String::new, |m| m.head(9).component(2).text().into_owned());
        let kind: &[&str] = if trigger.is_empty() { &["ACK"] } else { &["ACK", &trigger, "ACK"] };
        let version = self.to.map(|message| message.head(12)).filter(|version| !version.is_empty());
        let control_id = self.to.map(|message| message.head(10).text());
        let processing = self.to.map_or("P", |m| if m.head(11).is_empty() { "P" } else { m.head(11).raw() });
        let mut writer = Writer::default();
        for number in [5, 6, 3, 4] {
            writer = writer.copied(head(number));
        }
        writer = writer.field(self.moment).skip(1).components(kind).field(self.own_control_id).copied(processing);
        writer = writer.copied(version.map_or("2.6", |version| version.raw())).skip(2).field("NE").field("NE");
        writer = writer.skip(1).field("UNICODE UTF-8");
        writer = writer.segment("MSA").field(self.code.as_str());
        writer = writer.field(control_id.as_deref().unwrap_or(self.control_id));
        if let Some((code, text)) = self.error {
            let severity = if self.code.is_accepted() { "W" } else { "E" };
            writer = writer.segment("ERR").skip(2).components(&[code, text, "HL70357"]).field(severity);
            writer = writer.skip(3).field(self.words);
        }
        writer.finish()
    }
}

/// MSH-10 of bytes that are no message, as well as it can be found, so that even they are answered. At most 199 characters
/// (the standard's own limit for it).
#[must_use]
pub fn control_id_of(bytes: &[u8]) -> String {
    let Some(start) = bytes.windows(3).take(64).position(|window| window == b"MSH") else { return String::new() };
    let rest = &bytes[start + 3..];
    let line = &rest[..memchr(b'\r', rest).unwrap_or(rest.len())];
    let Some(&field) = line.first() else { return String::new() };
    let found = line.split(|b| *b == field).nth(9).unwrap_or_default();
    String::from_utf8_lossy(found).chars().filter(|c| !c.is_control()).take(199).collect()
}
