//! The four kinds of TUF metadata, read from bytes (TUF specification section 4).
//!
//! Reading checks shape only; a [`Signed`] value is not to be believed until [`Signed::check`] passed. Fields that this
//! crate does not know stay in the signed bytes, so they are still covered by the signatures.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use wardline_model::{Digest, Time};

use crate::date;
use crate::json::Value;
use crate::key::{PublicKey, unhex};
use crate::limits::MAX_SIGNATURES;
use crate::refused::Why;
use crate::threshold::{self, Keys, Signature, Signers};

/// A role's metadata with its signatures, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<T> {
    /// What was signed, read.
    pub meta: T,
    canonical: Vec<u8>,
    signatures: Vec<Signature>,
}

impl<T> Signed<T> {
    /// Checks the signatures against a role of the metadata that delegates to this one.
    ///
    /// # Errors
    /// [`Why::Signatures`].
    pub fn check(&self, signers: &Signers, keys: &Keys) -> Result<(), Why> {
        threshold::check(&self.canonical, &self.signatures, signers, keys)
    }

    /// The ids of the keys that claim to have signed, checked or not.
    pub fn claimed_key_ids(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|signature| signature.key_id.as_str())
    }

    /// The bytes that signatures are made over.
    #[must_use]
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }
}

/// What all four share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Common {
    /// The number of this file.
    pub version: u64,
    /// Until when it may be used.
    pub expires: Time,
}

/// The root of all trust: which keys speak for which top-level role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Version and expiry.
    pub common: Common,
    /// Whether files are named by version.
    pub consistent_snapshot: bool,
    /// All keys.
    pub keys: Keys,
    /// Who signs root files.
    pub root: Signers,
    /// Who signs timestamps.
    pub timestamp: Signers,
    /// Who signs snapshots.
    pub snapshot: Signers,
    /// Who signs the top-level targets.
    pub targets: Signers,
}

/// What is said of a metadata file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetaFile {
    /// Its version.
    pub version: u64,
    /// Its length, if said.
    pub length: Option<u64>,
    /// Its SHA-256, if said.
    pub sha256: Option<Digest>,
}

/// Which snapshot is the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Version and expiry.
    pub common: Common,
    /// What is said of the snapshot.
    pub snapshot: MetaFile,
}

/// Which version every targets file has: what belongs together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Version and expiry.
    pub common: Common,
    /// By role name, without `.json`.
    pub files: BTreeMap<String, MetaFile>,
}

/// What is said of one artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetFile {
    /// Its length in bytes.
    pub length: u64,
    /// Its SHA-256.
    pub sha256: Digest,
    /// What the signers add.
    pub custom: Option<Value>,
}

/// A role that a targets file hands some paths to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// The role.
    pub name: String,
    /// Who signs it.
    pub signers: Signers,
    /// Whether a search that reaches it ends with it.
    pub terminating: bool,
    /// Which paths it may list.
    pub paths: Paths,
}

/// Which paths a delegation covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paths {
    /// Shell patterns; `*` and `?` never cross a `/`.
    Patterns(Vec<String>),
    /// Beginnings of the path's SHA-256 in hexadecimal.
    HashPrefixes(Vec<String>),
}

/// Which artifacts there are, and who answers for the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    /// Version and expiry.
    pub common: Common,
    /// By path.
    pub targets: BTreeMap<String, TargetFile>,
    /// Keys of the delegations.
    pub keys: Keys,
    /// In the order in which they are searched.
    pub delegations: Vec<Delegation>,
}

/// Metadata that can be read from a signed object.
pub trait Metadata: Sized {
    /// The `_type` field.
    const TYPE: &'static str;
    /// Reads the signed object.
    ///
    /// # Errors
    /// [`Why::Shape`] names the field.
    fn read(signed: &Value) -> Result<Self, Why>;
}

/// Reads a file: an object of `signed` and `signatures`.
///
/// # Errors
/// What was wrong with it.
pub fn read<T: Metadata>(bytes: &[u8], limit: u64) -> Result<Signed<T>, Why> {
    if bytes.len() as u64 > limit {
        return Err(Why::TooLarge { limit });
    }
    let value = Value::parse(bytes)?;
    let signed = value.get("signed").ok_or(Why::Shape("signed"))?;
    if signed.get("_type").and_then(Value::as_str) != Some(T::TYPE) {
        return Err(Why::Shape("signed._type"));
    }
    let spec = signed.get("spec_version").and_then(Value::as_str).ok_or(Why::Shape("signed.spec_version"))?;
    if spec != "1.0" && !spec.starts_with("1.0.") && !spec.starts_with("1.") {
        return Err(Why::Unsupported("another major version of the TUF specification"));
    }
    let signatures = signatures(value.get("signatures").and_then(Value::as_array).ok_or(Why::Shape("signatures"))?)?;
    Ok(Signed { meta: T::read(signed)?, canonical: signed.to_canonical(), signatures })
}

fn signatures(list: &[Value]) -> Result<Vec<Signature>, Why> {
    if list.len() > MAX_SIGNATURES {
        return Err(Why::Shape("signatures (too many)"));
    }
    let mut seen = BTreeSet::new();
    list.iter()
        .map(|entry| {
            let key_id = entry.get("keyid").and_then(Value::as_str).ok_or(Why::Shape("signatures.keyid"))?;
            if !seen.insert(key_id) {
                return Err(Why::Shape("signatures.keyid (the same id twice)"));
            }
            let text = entry.get("sig").and_then(Value::as_str).ok_or(Why::Shape("signatures.sig"))?;
            Ok(Signature { key_id: key_id.to_string(), bytes: unhex(text).unwrap_or_default() })
        })
        .collect()
}

fn common(signed: &Value) -> Result<Common, Why> {
    let version = signed.get("version").and_then(Value::as_u64).filter(|v| *v > 0).ok_or(Why::Shape("version"))?;
    let expires = signed.get("expires").and_then(Value::as_str).and_then(date::parse).ok_or(Why::Shape("expires"))?;
    Ok(Common { version, expires })
}

/// Keys of other types than Ed25519 are left out: they never count.
fn keys(value: Option<&Value>) -> Result<Keys, Why> {
    let members = value.and_then(Value::as_object).ok_or(Why::Shape("keys"))?;
    let read = |(id, key): (&String, &Value)| {
        let kind = key.get("keytype").and_then(Value::as_str)?;
        let scheme = key.get("scheme").and_then(Value::as_str)?;
        let public = key.get("keyval")?.get("public")?.as_str()?;
        (kind == "ed25519" && scheme == "ed25519")
            .then(|| PublicKey::from_hex(public))
            .flatten()
            .map(|k| (id.clone(), k))
    };
    Ok(members.iter().filter_map(read).collect())
}

fn signers(value: &Value) -> Result<Signers, Why> {
    let ids = value.get("keyids").and_then(Value::as_array).ok_or(Why::Shape("keyids"))?;
    let key_ids: BTreeSet<String> = ids.iter().filter_map(Value::as_str).map(ToString::to_string).collect();
    if key_ids.len() != ids.len() {
        return Err(Why::Shape("keyids (the same id twice)"));
    }
    let threshold = value.get("threshold").and_then(Value::as_u64).and_then(|t| u32::try_from(t).ok());
    let threshold = threshold.filter(|t| *t > 0).ok_or(Why::Shape("threshold"))?;
    Ok(Signers { key_ids, threshold })
}

fn sha256_of(value: &Value) -> Result<Option<Digest>, Why> {
    let Some(hashes) = value.get("hashes") else { return Ok(None) };
    let text = hashes.get("sha256").and_then(Value::as_str).ok_or(Why::Shape("hashes.sha256"))?;
    text.parse().map(Some).map_err(|_| Why::Shape("hashes.sha256"))
}

fn meta_file(value: &Value) -> Result<MetaFile, Why> {
    let version = value.get("version").and_then(Value::as_u64).filter(|v| *v > 0).ok_or(Why::Shape("meta.version"))?;
    let length = value.get("length").map(|l| l.as_u64().ok_or(Why::Shape("meta.length"))).transpose()?;
    Ok(MetaFile { version, length, sha256: sha256_of(value)? })
}

impl Metadata for Root {
    const TYPE: &'static str = "root";

    fn read(signed: &Value) -> Result<Self, Why> {
        let roles = signed.get("roles").ok_or(Why::Shape("roles"))?;
        let role = |name: &'static str| roles.get(name).ok_or(Why::Shape(name)).and_then(signers);
        Ok(Self {
            common: common(signed)?,
            consistent_snapshot: signed.get("consistent_snapshot").and_then(Value::as_bool).unwrap_or(false),
            keys: keys(signed.get("keys"))?,
            root: role("root")?,
            timestamp: role("timestamp")?,
            snapshot: role("snapshot")?,
            targets: role("targets")?,
        })
    }
}

impl Metadata for Timestamp {
    const TYPE: &'static str = "timestamp";

    fn read(signed: &Value) -> Result<Self, Why> {
        let files = signed.get("meta").and_then(Value::as_object).ok_or(Why::Shape("meta"))?;
        let snapshot = files.get("snapshot.json").ok_or(Why::Shape("meta.snapshot.json")).and_then(meta_file)?;
        if files.len() != 1 {
            return Err(Why::Shape("meta (a timestamp speaks of the snapshot only)"));
        }
        Ok(Self { common: common(signed)?, snapshot })
    }
}

impl Metadata for Snapshot {
    const TYPE: &'static str = "snapshot";

    fn read(signed: &Value) -> Result<Self, Why> {
        let files = signed.get("meta").and_then(Value::as_object).ok_or(Why::Shape("meta"))?;
        let file = |(name, value): (&String, &Value)| {
            let role = name.strip_suffix(".json").ok_or(Why::Shape("meta (a name without .json)"))?;
            Ok((role.to_string(), meta_file(value)?))
        };
        Ok(Self { common: common(signed)?, files: files.iter().map(file).collect::<Result<_, Why>>()? })
    }
}

impl Metadata for Targets {
    const TYPE: &'static str = "targets";

    fn read(signed: &Value) -> Result<Self, Why> {
        let listed = signed.get("targets").and_then(Value::as_object).ok_or(Why::Shape("targets"))?;
        let target = |(path, value): (&String, &Value)| {
            let length = value.get("length").and_then(Value::as_u64).ok_or(Why::Shape("targets.length"))?;
            let sha256 = sha256_of(value)?.ok_or(Why::Shape("targets.hashes"))?;
            Ok((path.clone(), TargetFile { length, sha256, custom: value.get("custom").cloned() }))
        };
        let targets = listed.iter().map(target).collect::<Result<_, Why>>()?;
        let (keys, delegations) = match signed.get("delegations") {
            None => (Keys::new(), Vec::new()),
            Some(value) if value.get("succinct_roles").is_some() => {
                return Err(Why::Unsupported("succinct delegations"));
            }
            Some(value) => {
                let roles = value.get("roles").and_then(Value::as_array).ok_or(Why::Shape("delegations.roles"))?;
                (keys(value.get("keys"))?, roles.iter().map(delegation).collect::<Result<_, Why>>()?)
            }
        };
        Ok(Self { common: common(signed)?, targets, keys, delegations })
    }
}

fn delegation(value: &Value) -> Result<Delegation, Why> {
    let name = value.get("name").and_then(Value::as_str).ok_or(Why::Shape("delegations.name"))?;
    if name.is_empty() || matches!(name, "root" | "timestamp" | "snapshot" | "targets") {
        return Err(Why::Shape("delegations.name (a top-level role)"));
    }
    let texts = |list: &[Value]| list.iter().filter_map(Value::as_str).map(ToString::to_string).collect();
    let paths = match (value.get("paths"), value.get("path_hash_prefixes")) {
        (Some(list), None) => Paths::Patterns(texts(list.as_array().ok_or(Why::Shape("delegations.paths"))?)),
        (None, Some(list)) => Paths::HashPrefixes(texts(list.as_array().ok_or(Why::Shape("path_hash_prefixes"))?)),
        _ => return Err(Why::Shape("delegations (paths or path_hash_prefixes, one of them)")),
    };
    let terminating = value.get("terminating").and_then(Value::as_bool).ok_or(Why::Shape("delegations.terminating"))?;
    Ok(Delegation { name: name.to_string(), signers: signers(value)?, terminating, paths })
}

impl Delegation {
    /// Whether this delegation may speak of a path.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        match &self.paths {
            Paths::Patterns(patterns) => patterns.iter().any(|pattern| matches_path(pattern, path)),
            Paths::HashPrefixes(prefixes) => {
                let digest = crate::release::sha256(path.as_bytes()).to_string();
                prefixes.iter().any(|prefix| digest.starts_with(prefix.as_str()))
            }
        }
    }
}

/// Shell pattern, segment by segment: `*` and `?` never cross a `/` (TUF specification 4.5).
fn matches_path(pattern: &str, path: &str) -> bool {
    let (patterns, segments) = (pattern.split('/'), path.split('/'));
    patterns.clone().count() == segments.clone().count()
        && patterns.zip(segments).all(|(pattern, segment)| matches_segment(pattern.as_bytes(), segment.as_bytes()))
}

/// Linear time: only the last `*` is ever tried again.
fn matches_segment(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == b'?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}
