//! A published drug library: invented people sign it, and the hub takes it in as it takes in any other.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use wardline_hub::repo::{Uploaded, accept};
use wardline_model::{Kind, ReleaseRef, Span, Time, Version};
use wardline_release::author::{self, Entry, Role, TopRoles};
use wardline_release::key::PublicKey;
use wardline_release::release_path;
use wardline_store::Store;

use super::why;

/// The first root, which pumps pin.
pub const ROOT: &str = "1.root.json";

/// How long the measurement's metadata is good.
const LASTS: Span = Span::from_days(1);

/// Signs and publishes a library of this many bytes, and writes what the pumps pin beside the hub's folder.
pub async fn publish(folder: &Path, store: &Store, bytes: usize, now: Time) -> Result<()> {
    let artifact = artifact(bytes)?;
    let key = || -> Result<SigningKey> {
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret).context("a key")?;
        Ok(SigningKey::from_bytes(&secret))
    };
    let (desk, one, other) = (key()?, key()?, key()?);
    let role = |keys: &[&SigningKey], threshold| Role {
        keys: keys.iter().map(|key| PublicKey::from(key.verifying_key())).collect(),
        threshold,
    };
    let expires = now + LASTS;
    let roles = TopRoles {
        root: role(&[&desk], 1),
        timestamp: role(&[&desk], 1),
        snapshot: role(&[&desk], 1),
        targets: role(&[&desk], 1),
    };
    let entry = Entry {
        reference: reference(&artifact),
        entries: Some(1),
        sample: None,
        notes: String::new(),
        withdrawn: None,
    };
    let root = author::root(1, expires, &roles).signed_by(&[&desk]).to_bytes();
    let pharmacy = role(&[&one, &other], 2);
    let targets = author::targets(1, expires, &[(Kind::DrugLibrary, pharmacy)]).signed_by(&[&desk]).to_bytes();
    let library = author::delegated(1, expires, &[entry]).signed_by(&[&one, &other]).to_bytes();
    let files = [("targets", 1, targets.as_slice()), ("drug-library", 1, library.as_slice())];
    let snapshot = author::snapshot(1, expires, &files).signed_by(&[&desk]).to_bytes();
    let timestamp = author::timestamp(1, expires, (1, &snapshot)).signed_by(&[&desk]).to_bytes();
    let metadata = [
        (ROOT, &root),
        ("1.targets.json", &targets),
        ("1.drug-library.json", &library),
        ("1.snapshot.json", &snapshot),
        ("timestamp.json", &timestamp),
    ];
    let upload = Uploaded {
        metadata: metadata.iter().map(|(name, bytes)| ((*name).to_owned(), STANDARD.encode(bytes))).collect(),
        artifacts: [(release_path(Kind::DrugLibrary, Version(1)), STANDARD.encode(&artifact))].into(),
    };
    accept(store, &serde_json::to_vec(&upload)?, &why(now), now).await.map_err(|why| anyhow!("not taken in: {why}"))?;
    std::fs::write(folder.join(ROOT), root)?;
    Ok(std::fs::write(folder.join("library.ref"), serde_json::to_vec(&reference(&artifact))?)?)
}

fn reference(artifact: &[u8]) -> ReleaseRef {
    author::reference(Kind::DrugLibrary, Version(1), artifact)
}

/// Bytes that do not compress, as text: nobody on the way reads them.
fn artifact(bytes: usize) -> Result<Vec<u8>> {
    let mut random = vec![0; bytes / 2 + 1];
    aws_lc_rs::rand::fill(&mut random).context("random bytes")?;
    let mut text = wardline_release::key::hex(&random).into_bytes();
    text.truncate(bytes);
    Ok(text)
}
