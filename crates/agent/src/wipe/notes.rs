//! What is written down of a wipe: how far it is, and what is needed to go on. It cannot be sealed, because the key goes first.
//!
//! The witness key lies here in the clear between "begun" and "told". It can say one thing only: that this wipe is done.

use std::io::ErrorKind;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use wardline_release::wipe::{Gone, Intent};
use zeroize::Zeroize as _;

use crate::identity::Failed;
use crate::sealed::{Disk, SealedError};

/// The file's name in the state folder.
pub(crate) const FILE: &str = "wipe";

/// The only version that was ever written.
const VERSION: u32 = 1;

/// How far a wipe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    Begun,
    KeyDestroyed,
    FilesGone,
    Told,
    Received,
}

/// How the device key went, as it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyGone {
    FromDisk,
    FromTpmAndDisk,
}

impl From<Gone> for KeyGone {
    fn from(gone: Gone) -> Self {
        match gone {
            Gone::FromDisk => Self::FromDisk,
            Gone::FromTpmAndDisk => Self::FromTpmAndDisk,
        }
    }
}

impl From<KeyGone> for Gone {
    fn from(gone: KeyGone) -> Self {
        match gone {
            KeyGone::FromDisk => Self::FromDisk,
            KeyGone::FromTpmAndDisk => Self::FromTpmAndDisk,
        }
    }
}

/// The notes.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notes {
    version: u32,
    pub(super) stage: Stage,
    /// The intent's canonical text.
    intent: String,
    /// The pump's signature over it, base64.
    by_pump: String,
    /// The witness's key, PKCS #8, base64; gone once it has signed.
    witness: Option<String>,
    /// Whom the pump believed, base64 of DER: the receipt goes to nobody else.
    roots: Vec<String>,
    pub(super) key: Option<KeyGone>,
    pub(super) left: u64,
    pub(super) receipt: Option<String>,
}

impl Drop for Notes {
    fn drop(&mut self) {
        self.forget_witness();
    }
}

impl Notes {
    pub(super) fn begun(intent: &Intent, by_pump: &[u8], witness: &[u8], roots: &[Vec<u8>]) -> Self {
        Self {
            version: VERSION,
            stage: Stage::Begun,
            intent: String::from_utf8(intent.to_canonical()).unwrap_or_default(),
            by_pump: STANDARD.encode(by_pump),
            witness: Some(STANDARD.encode(witness)),
            roots: roots.iter().map(|root| STANDARD.encode(root)).collect(),
            key: None,
            left: 0,
            receipt: None,
        }
    }

    pub(super) fn read(state: &Path) -> Result<Option<Self>, SealedError> {
        let path = state.join(FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SealedError::io("reading", &path)(error)),
        };
        match Self::from_bytes(&bytes) {
            Some(notes) => Ok(Some(notes)),
            None => Err(SealedError::Forged { path }),
        }
    }

    /// Reads what was written, or nothing.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let notes: Self = serde_json::from_slice(bytes).ok()?;
        (notes.version == VERSION).then_some(notes)
    }

    pub(super) fn keep(&self, state: &Path, disk: &Disk) -> Result<(), SealedError> {
        disk.replace(&state.join(FILE), &serde_json::to_vec_pretty(self).expect("text and numbers only"))
    }

    /// The intent, the pump's signature over it, and the witness's key.
    pub(super) fn statement(&self) -> Result<(Intent, Vec<u8>, Vec<u8>), Failed> {
        let intent = Intent::unproven(self.intent.as_bytes()).map_err(|why| Failed::new(why.to_string()))?;
        let witness = self.witness.as_deref().ok_or_else(|| Failed::new("the witness key is gone"))?;
        Ok((intent, decode(&self.by_pump)?, decode(witness)?))
    }

    pub(super) fn forget_witness(&mut self) {
        if let Some(mut witness) = self.witness.take() {
            witness.zeroize();
        }
    }

    pub(super) fn roots(&self) -> Result<Vec<Vec<u8>>, Failed> {
        self.roots.iter().map(|text| decode(text)).collect()
    }

    /// For people.
    pub(crate) fn sentence(&self) -> String {
        match self.stage {
            Stage::Begun => "the hub ordered this pump wiped: the key is being destroyed",
            Stage::KeyDestroyed => "the hub ordered this pump wiped: the key is destroyed, the files are being removed",
            Stage::FilesGone => "this pump is wiped; its receipt is being made",
            Stage::Told => "this pump is wiped; the hub does not have its receipt yet",
            Stage::Received => {
                "this pump is wiped and the hub has its receipt; `wardline-agent begin-again` makes it a new pump"
            }
        }
        .to_owned()
    }
}

fn decode(text: &str) -> Result<Vec<u8>, Failed> {
    STANDARD.decode(text).map_err(|error| Failed::new(format!("the notes of the wipe cannot be read: {error}")))
}
