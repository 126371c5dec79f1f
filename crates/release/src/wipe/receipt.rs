//! What a wiped pump says of it, in two statements, because the key that speaks for the pump is what is destroyed.
//!
//! The *intent* is signed with the pump's own certified key, before anything is destroyed: which order it obeys, what it
//! is about to destroy, and a fresh key (the *witness*) that will say when it is done. *Done* is signed with the witness,
//! after it. The hub takes a receipt only when both hold and belong together.
//!
//! It proves that whoever held the pump's key obeyed this order and says that it is done. It cannot prove that nobody made
//! a copy before, nor that an agent that was tampered with tells the truth; against copies helps the TPM, against liars the
//! revoked certificate.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use wardline_model::{Digest, Ending, PumpId, Time, covers};

use super::{Nonce, nonce};
use crate::json::{Value, int, object};
use crate::key::{PublicKey, hex, unhex};
use crate::limits::{MAX_WIPE_FILES, MAX_WIPE_RECEIPT_BYTES};
use crate::refused::{Refused, Why};
use crate::release::sha256;
use crate::verified::Verified;

const INTENT: &str = "wardline-wipe-intent";
const DONE: &str = "wardline-wipe-done";

/// The longest name of a file in a receipt.
const LONGEST_NAME: usize = 100;

/// Where the pump kept its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In a sealed file.
    Software,
    /// In a TPM 2.0.
    Tpm2,
}

impl KeyPlace {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Tpm2 => "tpm2",
        }
    }
}

/// How the device key went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Overwritten, flushed and unlinked.
    FromDisk,
    /// The same, and its other half removed from the TPM, which was asked afterwards.
    FromTpmAndDisk,
}

impl Gone {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FromDisk => "disk",
            Self::FromTpmAndDisk => "tpm-and-disk",
        }
    }
}

/// What is about to be destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The pump.
    pub pump: PumpId,
    /// The order that it obeys.
    pub nonce: Nonce,
    /// Why it was ordered.
    pub ending: Ending,
    /// The certificate whose key signs this.
    pub certificate: Digest,
    /// Where its keys are.
    pub keys: KeyPlace,
    /// How many files are to go.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The names of the first of them.
    pub names: Vec<String>,
    /// How many events the hub had not received.
    pub events: u64,
    /// The key that will say when it is done.
    pub witness: PublicKey,
    /// When, by the pump's clock.
    pub at: Time,
}

/// What was destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// How the device key went.
    pub key: Gone,
    /// How many files could not be removed. What they hold opens no more.
    pub left: u64,
    /// When, by the pump's clock.
    pub at: Time,
}

/// Both statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What was to be destroyed.
    pub intent: Intent,
    /// What was.
    pub done: Done,
}

impl Intent {
    /// The bytes that the pump's own key signs (ECDSA on P-256 over their SHA-256).
    #[must_use]
    pub fn to_canonical(&self) -> Vec<u8> {
        self.to_value().to_canonical()
    }

    fn to_value(&self) -> Value {
        let names = self.names.iter().take(MAX_WIPE_FILES).map(|name| shortened(name).into()).collect();
        object([
            ("_type", INTENT.into()),
            ("at", int(self.at.as_unix_ms())),
            ("bytes", int(self.bytes)),
            ("certificate", self.certificate.to_string().into()),
            ("ending", self.ending.as_str().into()),
            ("events", int(self.events)),
            ("files", int(self.files)),
            ("keys", self.keys.as_str().into()),
            ("names", Value::Array(names)),
            ("nonce", hex(&self.nonce).into()),
            ("pump", self.pump.to_string().into()),
            ("witness", self.witness.to_hex().into()),
        ])
    }

    /// Reads an intent without any proof.
    ///
    /// # Errors
    /// What is wrong with its form.
    pub fn unproven(bytes: &[u8]) -> Result<Self, Refused> {
        let read = || Self::read(&limited(bytes)?);
        read().map_err(|why: Why| why.about("wipe intent"))
    }

    /// What a receipt claims, before any proof: enough to look up which certificate must have signed it.
    ///
    /// # Errors
    /// What is wrong with its form.
    pub fn claimed(receipt: &[u8]) -> Result<Self, Refused> {
        let read = || Self::read(limited(receipt)?.get("intent").ok_or(Why::Shape("intent"))?);
        read().map_err(|why: Why| why.about("wipe receipt"))
    }

    fn read(value: &Value) -> Result<Self, Why> {
        let text = |name: &'static str| value.get(name).and_then(Value::as_str).ok_or(Why::Shape(name));
        if text("_type")? != INTENT {
            return Err(Why::Shape("_type"));
        }
        let names = value.get("names").and_then(Value::as_array).ok_or(Why::Shape("names"))?;
        let name = |value: &Value| {
            let name = value.as_str().filter(|name| **name == *shortened(name));
            name.map(ToString::to_string).ok_or(Why::Shape("names"))
        };
        if names.len() > MAX_WIPE_FILES {
            return Err(Why::Shape("names"));
        }
        Ok(Self {
            pump: text("pump")?.parse().map_err(|_| Why::Shape("pump"))?,
            nonce: nonce(text("nonce")?)?,
            ending: text("ending")?.parse().map_err(|_| Why::Shape("ending"))?,
            certificate: text("certificate")?.parse().map_err(|_| Why::Shape("certificate"))?,
            keys: match text("keys")? {
                "software" => KeyPlace::Software,
                "tpm2" => KeyPlace::Tpm2,
                _ => return Err(Why::Shape("keys")),
            },
            files: number(value, "files")?,
            bytes: number(value, "bytes")?,
            names: names.iter().map(name).collect::<Result<_, _>>()?,
            events: number(value, "events")?,
            witness: PublicKey::from_hex(text("witness")?).ok_or(Why::Shape("witness"))?,
            at: Time::from_unix_ms(number(value, "at")?),
        })
    }
}

impl Done {
    /// The bytes that the witness signs (Ed25519). They name the intent.
    #[must_use]
    pub fn to_canonical(&self, intent: &Intent) -> Vec<u8> {
        self.to_value(intent).to_canonical()
    }

    fn to_value(&self, intent: &Intent) -> Value {
        object([
            ("_type", DONE.into()),
            ("at", int(self.at.as_unix_ms())),
            ("intent", sha256(&intent.to_canonical()).to_string().into()),
            ("key", self.key.as_str().into()),
            ("left", int(self.left)),
        ])
    }

    fn read(value: &Value, intent: &Intent) -> Result<Self, Why> {
        let text = |name: &'static str| value.get(name).and_then(Value::as_str).ok_or(Why::Shape(name));
        if text("_type")? != DONE {
            return Err(Why::Shape("_type"));
        }
        if text("intent")?.parse() != Ok(sha256(&intent.to_canonical())) {
            return Err(Why::Shape("intent"));
        }
        let key = match (text("key")?, intent.keys) {
            ("disk", KeyPlace::Software) => Gone::FromDisk,
            ("tpm-and-disk", KeyPlace::Tpm2) => Gone::FromTpmAndDisk,
            _ => return Err(Why::Shape("key")),
        };
        Ok(Self { key, left: number(value, "left")?, at: Time::from_unix_ms(number(value, "at")?) })
    }
}

impl Receipt {
    /// Reads a receipt that was proven before it was kept: for screens.
    ///
    /// # Errors
    /// What is wrong with its form.
    pub fn as_kept(bytes: &[u8]) -> Result<Self, Refused> {
        let read = || {
            let value = limited(bytes)?;
            let intent = Intent::read(value.get("intent").ok_or(Why::Shape("intent"))?)?;
            let done = Done::read(value.get("done").ok_or(Why::Shape("done"))?, &intent)?;
            Ok(Self { intent, done })
        };
        read().map_err(|why: Why| why.about("wipe receipt"))
    }
}

/// A receipt as it travels and is kept.
#[must_use]
pub fn assemble(intent: &Intent, by_pump: &[u8], done: &Done, by_witness: &[u8]) -> Vec<u8> {
    let receipt = object([
        ("done", done.to_value(intent)),
        ("intent", intent.to_value()),
        ("pump_signature", hex(by_pump).into()),
        ("witness_signature", hex(by_witness).into()),
    ]);
    receipt.to_json()
}

/// Checks a receipt. `by_pump` says whether the key of the certificate that the intent names made the signature over the
/// bytes; only the hub knows its certificates.
///
/// # Errors
/// What was wrong with it.
pub fn proven(bytes: &[u8], by_pump: impl FnOnce(&Intent, &[u8], &[u8]) -> bool) -> Result<Verified<Receipt>, Refused> {
    covers!("N14");
    let check = || {
        let value = limited(bytes)?;
        let part = |name: &'static str| value.get(name).ok_or(Why::Shape(name));
        let signature = |name: &'static str| {
            part(name)?.as_str().and_then(unhex).filter(|s| s.len() <= 128).ok_or(Why::Shape(name))
        };
        let intent = Intent::read(part("intent")?)?;
        let done = Done::read(part("done")?, &intent)?;
        // What was signed is exactly what was read: an unknown member would make other bytes.
        if !by_pump(&intent, &intent.to_canonical(), &signature("pump_signature")?) {
            return Err(Why::Signatures { have: 0, need: 2 });
        }
        if !intent.witness.verifies(&done.to_canonical(&intent), &signature("witness_signature")?) {
            return Err(Why::Signatures { have: 1, need: 2 });
        }
        Ok(Verified::proven(Receipt { intent, done }))
    };
    check().map_err(|why: Why| why.about("wipe receipt"))
}

fn limited(bytes: &[u8]) -> Result<Value, Why> {
    if bytes.len() as u64 > MAX_WIPE_RECEIPT_BYTES {
        return Err(Why::TooLarge { limit: MAX_WIPE_RECEIPT_BYTES });
    }
    Ok(Value::parse(bytes)?)
}

fn number(value: &Value, name: &'static str) -> Result<u64, Why> {
    value.get(name).and_then(Value::as_u64).ok_or(Why::Shape(name))
}

/// A name as a receipt shows it: short, and nothing that could deceive a screen.
fn shortened(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }).take(LONGEST_NAME).collect()
}
