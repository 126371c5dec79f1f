//! Making metadata: what `wardline release` writes on a machine that the hub has never seen.
//!
//! A file is built unsigned, shown to the people who answer for it, and signed by one after the other; each adds a
//! signature to the same bytes. Nothing here chooses versions or dates: the caller does, and people see them first.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use ed25519_dalek::{Signer as _, SigningKey};
use wardline_model::{Kind, ReleaseRef, Time};

use crate::date;
use crate::json::{Object, Value, int, object};
use crate::key::{PublicKey, hex};
use crate::refused::Why;
use crate::release::{release_path, required_role, sha256};

/// The version of the specification that the files claim.
const SPEC: &str = "1.0.31";

/// A role's keys and threshold.
#[derive(Clone, Debug)]
pub struct Role {
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// How many must sign.
    pub threshold: u32,
}

/// A file that is not signed by enough people yet, or is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    signed: Value,
    signatures: BTreeMap<String, Vec<u8>>,
}

impl Draft {
    /// An unsigned file around this object.
    #[must_use]
    pub const fn new(signed: Value) -> Self {
        Self { signed, signatures: BTreeMap::new() }
    }

    /// Reads a file with whatever signatures it has.
    ///
    /// # Errors
    /// When it is not signed metadata.
    pub fn parse(bytes: &[u8]) -> Result<Self, Why> {
        let value = Value::parse(bytes)?;
        let signed = value.get("signed").ok_or(Why::Shape("signed"))?.clone();
        let entries = value.get("signatures").and_then(Value::as_array).ok_or(Why::Shape("signatures"))?;
        let signatures = entries
            .iter()
            .map(|entry| {
                let text = |name: &str| entry.get(name).and_then(Value::as_str);
                let key_id = text("keyid").ok_or(Why::Shape("signatures.keyid"))?;
                let bytes = text("sig").and_then(crate::key::unhex).ok_or(Why::Shape("signatures.sig"))?;
                Ok((key_id.to_string(), bytes))
            })
            .collect::<Result<_, Why>>()?;
        Ok(Self { signed, signatures })
    }

    /// What is signed.
    #[must_use]
    pub const fn signed(&self) -> &Value {
        &self.signed
    }

    /// The ids of the keys that have signed.
    pub fn signers(&self) -> impl Iterator<Item = &str> {
        self.signatures.keys().map(String::as_str)
    }

    /// Adds one person's signature; the same person twice is still one.
    pub fn sign(&mut self, key: &SigningKey) {
        let id = PublicKey::from(key.verifying_key()).id();
        let signature = key.sign(&self.signed.to_canonical()).to_bytes();
        self.signatures.insert(id, signature.to_vec());
    }

    /// With one more signature.
    #[must_use]
    pub fn signed_by(mut self, keys: &[&SigningKey]) -> Self {
        keys.iter().for_each(|key| self.sign(key));
        self
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let entry =
            |(id, bytes): (&String, &Vec<u8>)| object([("keyid", id.as_str().into()), ("sig", hex(bytes).into())]);
        let signatures = Value::Array(self.signatures.iter().map(entry).collect());
        object([("signatures", signatures), ("signed", self.signed.clone())]).to_json()
    }
}

fn header(kind: &str, version: u64, expires: Time) -> Object {
    [
        ("_type".to_string(), kind.into()),
        ("expires".to_string(), date::print(expires).into()),
        ("spec_version".to_string(), SPEC.into()),
        ("version".to_string(), int(version)),
    ]
    .into()
}

fn file(kind: &str, version: u64, expires: Time, more: Vec<(&str, Value)>) -> Draft {
    let mut signed = header(kind, version, expires);
    signed.extend(more.into_iter().map(|(name, value)| (name.to_string(), value)));
    Draft::new(Value::Object(signed))
}

fn keys_value<'a>(roles: impl Iterator<Item = &'a Role>) -> Value {
    Value::Object(roles.flat_map(|role| &role.keys).map(|key| (key.id(), key.to_value())).collect())
}

fn role_value(role: &Role) -> Object {
    let ids = role.keys.iter().map(|key| key.id().into()).collect();
    [("keyids".to_string(), Value::Array(ids)), ("threshold".to_string(), int(role.threshold.into()))].into()
}

/// The four top-level roles.
#[derive(Clone, Debug)]
pub struct TopRoles {
    /// Who signs roots.
    pub root: Role,
    /// Who signs timestamps.
    pub timestamp: Role,
    /// Who signs snapshots.
    pub snapshot: Role,
    /// Who signs top-level targets.
    pub targets: Role,
}

/// A root file.
#[must_use]
pub fn root(version: u64, expires: Time, roles: &TopRoles) -> Draft {
    let all = [
        ("root", &roles.root),
        ("snapshot", &roles.snapshot),
        ("targets", &roles.targets),
        ("timestamp", &roles.timestamp),
    ];
    let named = all.iter().map(|(name, role)| ((*name).to_string(), Value::Object(role_value(role)))).collect();
    file(
        "root",
        version,
        expires,
        vec![
            ("consistent_snapshot", Value::Bool(true)),
            ("keys", keys_value(all.iter().map(|(_, role)| *role))),
            ("roles", Value::Object(named)),
        ],
    )
}

/// The top-level targets file: it lists nothing itself and hands each kind's paths to the role that answers for it.
#[must_use]
pub fn targets(version: u64, expires: Time, delegations: &[(Kind, Role)]) -> Draft {
    let roles = delegations
        .iter()
        .map(|(kind, role)| {
            let mut value = role_value(role);
            value.insert("name".into(), required_role(*kind).0.into());
            value.insert("paths".into(), Value::Array(vec![alloc::format!("{kind}/*").into()]));
            value.insert("terminating".into(), Value::Bool(true));
            Value::Object(value)
        })
        .collect();
    let delegated = object([("keys", keys_value(delegations.iter().map(|(_, r)| r))), ("roles", Value::Array(roles))]);
    file("targets", version, expires, vec![("delegations", delegated), ("targets", Value::Object(Object::new()))])
}

/// A release as its role lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Kind, version, digest, length.
    pub reference: ReleaseRef,
    /// Number of entries, where the kind has entries.
    pub entries: Option<u64>,
    /// What a read-back must print, where the kind has entries.
    pub sample: Option<String>,
    /// What people wrote about it.
    pub notes: String,
    /// Why it was withdrawn, if it was.
    pub withdrawn: Option<String>,
}

/// A delegated role's file: every release of its kind that may still be asked for.
#[must_use]
pub fn delegated(version: u64, expires: Time, releases: &[Entry]) -> Draft {
    let listed = releases
        .iter()
        .map(|entry| (release_path(entry.reference.kind, entry.reference.version), target(entry)))
        .collect();
    file("targets", version, expires, vec![("targets", Value::Object(listed))])
}

fn target(entry: &Entry) -> Value {
    let ReleaseRef { kind, version, digest, length } = entry.reference;
    let mut about = Object::from([
        ("kind".to_string(), Value::from(kind.as_str())),
        ("version".to_string(), int(version.0)),
        ("notes".to_string(), entry.notes.as_str().into()),
    ]);
    if let Some(entries) = entry.entries {
        about.insert("entries".into(), int(entries));
    }
    if let Some(sample) = &entry.sample {
        about.insert("sample".into(), sample.as_str().into());
    }
    if let Some(reason) = &entry.withdrawn {
        about.insert("withdrawn".into(), reason.as_str().into());
    }
    object([
        ("custom", object([("wardline", Value::Object(about))])),
        ("hashes", object([("sha256", digest.to_string().into())])),
        ("length", int(length)),
    ])
}

fn meta(version: u64, bytes: &[u8]) -> Value {
    object([
        ("hashes", object([("sha256", sha256(bytes).to_string().into())])),
        ("length", int(bytes.len() as u64)),
        ("version", int(version)),
    ])
}

/// A snapshot of these files: role name, version, bytes.
#[must_use]
pub fn snapshot(version: u64, expires: Time, files: &[(&str, u64, &[u8])]) -> Draft {
    let listed = files.iter().map(|(role, version, bytes)| (alloc::format!("{role}.json"), meta(*version, bytes)));
    file("snapshot", version, expires, vec![("meta", Value::Object(listed.collect()))])
}

/// A timestamp of this snapshot.
#[must_use]
pub fn timestamp(version: u64, expires: Time, snapshot: (u64, &[u8])) -> Draft {
    let listed = object([("snapshot.json", meta(snapshot.0, snapshot.1))]);
    file("timestamp", version, expires, vec![("meta", listed)])
}

/// The reference of an artifact that is about to be released.
#[must_use]
pub fn reference(kind: Kind, version: wardline_model::Version, artifact: &[u8]) -> ReleaseRef {
    ReleaseRef { kind, version, digest: sha256(artifact), length: artifact.len() as u64 }
}
