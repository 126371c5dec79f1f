//! What the sealed file holds: the certificate in use, one that has yet to prove itself, and what is pinned.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use wardline_release::key::PublicKey;
use zeroize::Zeroizing;

use super::Failed;
use super::key::{KeyHome, PumpKey, StoredKey};
use super::request::Leaf;

/// The file's name in the state folder; what it holds is sealed to this name.
pub(crate) const FILE: &str = "identity";

/// The only version that was ever written.
const VERSION: u32 = 1;

/// A key and the certificate for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Credential {
    key: StoredKey,
    /// The pump's certificate and its issuers without the root, base64 of DER.
    chain: Vec<String>,
}

impl Credential {
    pub(super) fn new(key: StoredKey, chain: &[Vec<u8>]) -> Self {
        Self { key, chain: chain.iter().map(|der| STANDARD.encode(der)).collect() }
    }

    /// What its certificate says.
    pub(crate) fn leaf(&self) -> Result<Leaf, Failed> {
        Leaf::read(&self.der()?)
    }

    /// Its certificate, DER.
    pub(super) fn der(&self) -> Result<Vec<u8>, Failed> {
        decode(self.chain.first().ok_or_else(|| Failed::new("the certificate is missing"))?)
    }

    /// What the pump shows with it, and whom it believes.
    pub(crate) fn tls(&self, roots: &[Vec<u8>], home: &KeyHome) -> Result<Arc<ClientConfig>, Failed> {
        let chain =
            self.chain.iter().map(|text| Ok(CertificateDer::from(decode(text)?))).collect::<Result<_, Failed>>();
        let key = self.key(home)?.for_tls()?;
        crate::link::client_config_of(roots, chain?, key).map_err(|error| Failed::new(error.to_string()))
    }

    /// Its key.
    pub(crate) fn key(&self, home: &KeyHome) -> Result<PumpKey, Failed> {
        home.open(&self.key)
    }
}

/// What the hub told a freshly enrolled pump, and the pump believes from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pinned {
    /// The hub's goal key, hexadecimal.
    goal_key: String,
    /// The first release root, JSON text; absent until the hospital has published one.
    pub(crate) tuf_root: Option<String>,
}

impl Pinned {
    pub(super) fn new(goal_key: &PublicKey, tuf_root: Option<String>) -> Self {
        Self { goal_key: goal_key.to_hex(), tuf_root }
    }

    /// The goal key.
    pub(crate) fn goal_key(&self) -> Result<PublicKey, Failed> {
        PublicKey::from_hex(&self.goal_key).ok_or_else(|| Failed::new("the pinned goal key is not a key"))
    }
}

/// Everything that the pump keeps of its identity.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    version: u32,
    /// The fleet's root certificate, base64 of DER: pinned at the first enrolment. It counts until a signed set of trust
    /// anchors is active (`crate::trust`), and again if that is lost.
    root: String,
    /// In use.
    pub(crate) current: Credential,
    /// Issued, and not yet seen to work.
    pub(crate) next: Option<Credential>,
    /// Pinned at provisioning.
    pub(crate) pinned: Option<Pinned>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("pinned", &self.pinned.is_some()).finish_non_exhaustive()
    }
}

impl Kept {
    pub(super) fn first(root: &[u8], current: Credential) -> Self {
        Self { version: VERSION, root: STANDARD.encode(root), current, next: None, pinned: None }
    }

    /// The fleet's root certificate of the first enrolment, DER.
    pub(crate) fn root(&self) -> Result<Vec<u8>, Failed> {
        decode(&self.root)
    }

    /// Whether a certificate is there for this key.
    pub(super) fn has_key(&self, key: &StoredKey) -> bool {
        std::iter::once(&self.current).chain(&self.next).any(|credential| credential.key == *key)
    }

    /// As it is sealed.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(serde_json::to_vec(self).expect("text and numbers only"))
    }

    /// What was sealed, looked over: every certificate and key can be used.
    pub(crate) fn from_bytes(bytes: &[u8], home: &KeyHome) -> Result<Self, Failed> {
        let kept: Self = serde_json::from_slice(bytes).map_err(|error| Failed::new(error.to_string()))?;
        if kept.version != VERSION {
            return Err(Failed::new(format!("version {} is not known to this agent", kept.version)));
        }
        let root = [kept.root()?];
        for credential in std::iter::once(&kept.current).chain(&kept.next) {
            credential.leaf()?;
            credential.tls(&root, home)?;
        }
        if let Some(pinned) = &kept.pinned {
            pinned.goal_key()?;
        }
        Ok(kept)
    }
}

fn decode(text: &str) -> Result<Vec<u8>, Failed> {
    STANDARD.decode(text).map_err(|error| Failed::new(format!("not base64: {error}")))
}
