//! Taking in what people signed elsewhere: all of it verified, or nothing of it kept.
//!
//! An upload is one JSON file that `wardline release publish` writes: metadata files by name and artifacts by path, both
//! in Base64. The first upload ever brings the root that this hub will believe from then on; an administrator or
//! pharmacist vouches for it, and the audit says who. Every later one must follow from the root that is held.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use wardline_api::types::Uploaded as Answer;
use wardline_model::{Kind, Time, Version, covers};
use wardline_release::client::{Client, Need, Persist, Search, Stored};
use wardline_release::json::Value;
use wardline_release::meta::{TargetFile, Targets};
use wardline_release::{release_path, required_role, sha256};
use wardline_store::{Artifact, Decision, MetadataFile, NewRelease, Publication, ReleaseState, Store};

/// What `wardline release publish` sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uploaded {
    /// Metadata by the name that it is served by, Base64.
    pub metadata: BTreeMap<String, String>,
    /// Artifacts by target path, such as `drug-library/7.json`, Base64.
    pub artifacts: BTreeMap<String, String>,
}

/// The most files in one upload.
const MOST_FILES: usize = 1_000;

/// Verifies an upload and publishes it. Refused uploads are recorded by the caller with the reason that is returned.
///
/// # Errors
/// A sentence for the person who uploaded.
pub async fn accept(store: &Store, bytes: &[u8], by: &Decision, now: Time) -> Result<Answer, String> {
    covers!("N13", "N6");
    let upload = Upload::read(bytes)?;
    let mut verified = verify(store, &upload, now).await?;
    let releases = std::mem::take(&mut verified.releases);
    let withdrawn = std::mem::take(&mut verified.withdrawn);
    let new = publish(store, &upload, verified, &releases, by).await?;
    let mut gone = 0;
    for (kind, version) in withdrawn {
        let row = store.release(kind, version).await.map_err(|e| e.to_string())?;
        if row.is_some_and(|row| row.state == ReleaseState::Published) {
            store.withdraw_release(kind, version, by).await.map_err(|e| e.to_string())?;
            gone += 1;
        }
    }
    let says = match (new, gone) {
        (0, 0) => "fresh metadata; no new release".to_owned(),
        (new, 0) => format!("{new} new release(s), ready for a rollout"),
        (new, gone) => format!("{new} new release(s), {gone} withdrawn"),
    };
    Ok(Answer { name: "timestamp.json".to_owned(), length: bytes.len() as u64, says })
}

/// Reads an upload, for fuzzing.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_upload(bytes: &[u8]) {
    let _ = Upload::read(bytes);
}

struct Upload {
    metadata: BTreeMap<String, Vec<u8>>,
    artifacts: BTreeMap<String, Vec<u8>>,
}

impl Upload {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let upload: Uploaded = serde_json::from_slice(bytes).map_err(|error| {
            format!("this is not an upload of `wardline release publish` ({error}); send the file that it writes")
        })?;
        if upload.metadata.len() + upload.artifacts.len() > MOST_FILES {
            return Err(format!("an upload may hold {MOST_FILES} files at most"));
        }
        let decode = |files: BTreeMap<String, String>| {
            files
                .into_iter()
                .map(|(name, text)| {
                    let bytes = STANDARD.decode(&text).map_err(|error| format!("{name} is not Base64: {error}"))?;
                    Ok((name, bytes))
                })
                .collect::<Result<BTreeMap<_, _>, String>>()
        };
        Ok(Self { metadata: decode(upload.metadata)?, artifacts: decode(upload.artifacts)? })
    }
}

#[derive(Default)]
struct Checked {
    /// Every metadata file that the workflow went through, by its served name.
    files: BTreeMap<String, Vec<u8>>,
    releases: Vec<(NewRelease, TargetFile)>,
    withdrawn: Vec<(Kind, Version)>,
}

/// Runs the whole client workflow over the upload, with what the hub holds behind it.
async fn verify(store: &Store, upload: &Upload, now: Time) -> Result<Checked, String> {
    let held = held(store).await?;
    let mut checked = Checked::default();
    let root = match held.get("root") {
        Some(root) => root.clone(),
        None => {
            let first = upload.metadata.get("1.root.json");
            let first = first.ok_or("the first upload must bring 1.root.json: it is the root that pumps will pin")?;
            checked.files.insert("1.root.json".into(), first.clone());
            first.clone()
        }
    };
    let mut client = Client::start(&root, held, now).map_err(|refused| refused.to_string())?;
    while let Need::File { name, .. } = client.need() {
        give(store, upload, &mut client, &mut checked, &name).await?;
    }
    for kind in Kind::ALL {
        releases(store, upload, &mut client, &mut checked, kind).await?;
    }
    Ok(checked)
}

async fn give(
    store: &Store,
    upload: &Upload,
    client: &mut Client,
    checked: &mut Checked,
    name: &str,
) -> Result<(), String> {
    let bytes = match upload.metadata.get(name) {
        Some(bytes) => Some(bytes.clone()),
        None => store.metadata(name).await.map_err(|e| e.to_string())?,
    };
    let persist = client.give(bytes.as_deref()).map_err(|refused| refused.to_string())?;
    for step in persist {
        if let (Persist::Write { .. }, Some(bytes)) = (step, &bytes) {
            checked.files.insert(name.to_owned(), bytes.clone());
        }
    }
    Ok(())
}

/// The newest file of every role, as a client would have kept it.
async fn held(store: &Store) -> Result<Stored, String> {
    let mut newest: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for name in store.metadata_names().await.map_err(|e| e.to_string())? {
        let parts = name.strip_suffix(".json").map(|stem| stem.split_once('.').unwrap_or(("0", stem)));
        let Some((version, role)) = parts.and_then(|(v, role)| Some((v.parse::<u64>().ok()?, role.to_owned()))) else {
            continue;
        };
        if newest.get(&role).is_none_or(|(known, _)| *known < version) {
            newest.insert(role, (version, name));
        }
    }
    let mut stored = Stored::new();
    for (role, (_, name)) in newest {
        if let Some(bytes) = store.metadata(&name).await.map_err(|e| e.to_string())? {
            stored.insert(role, bytes);
        }
    }
    Ok(stored)
}

/// The releases of one kind: its role is loaded, every artifact that it lists must be here, byte for byte.
async fn releases(
    store: &Store,
    upload: &Upload,
    client: &mut Client,
    checked: &mut Checked,
    kind: Kind,
) -> Result<(), String> {
    let (role, _) = required_role(kind);
    // A role that was appointed and has released nothing yet is in no snapshot.
    if client.snapshot().is_some_and(|snapshot| !snapshot.files.contains_key(role)) {
        return Ok(());
    }
    let any = release_path(kind, Version(0));
    loop {
        match client.search(&any).map_err(|refused| refused.to_string())? {
            Search::Needs(Need::File { name, .. }) => give(store, upload, client, checked, &name).await?,
            Search::Needs(Need::Nothing) => {}
            Search::Found(_) | Search::NotListed => break,
        }
    }
    let Some(targets) = client.delegated(role).cloned() else { return Ok(()) };
    let top = client.targets().and_then(|top| top.delegations.iter().find(|d| d.name == role).cloned());
    let signers: Vec<String> = top.map(|d| d.signers.key_ids.into_iter().collect()).unwrap_or_default();
    for (path, file) in &targets.targets {
        let about = described(&targets, kind, path)?;
        let Some((version, entries, notes, withdrawn)) = about else { continue };
        if withdrawn {
            checked.withdrawn.push((kind, version));
        }
        let bytes = match upload.artifacts.get(path) {
            Some(bytes) => bytes.clone(),
            None => store
                .artifact(&file.sha256)
                .await
                .map_err(|e| e.to_string())?
                .ok_or_else(|| format!("{path} is listed, but its artifact was not sent"))?,
        };
        if bytes.len() as u64 != file.length || sha256(&bytes) != file.sha256 {
            return Err(format!("{path} is not the artifact that was signed: its digest or length differs"));
        }
        let release = NewRelease {
            kind,
            version,
            path: path.clone(),
            digest: file.sha256,
            length: file.length,
            entries,
            notes,
            signers: signers.clone(),
        };
        checked.releases.push((release, file.clone()));
    }
    Ok(())
}

type Described = (Version, Option<u64>, String, bool);

/// What a listed target says of itself. `None` when it is of another kind that shares the role.
fn described(targets: &Targets, kind: Kind, path: &str) -> Result<Option<Described>, String> {
    let about =
        targets.targets.get(path).and_then(|file| file.custom.as_ref()).and_then(|custom| custom.get("wardline"));
    let about = about.ok_or_else(|| format!("{path} does not say what it is (custom.wardline)"))?;
    let text = |name: &str| about.get(name).and_then(Value::as_str);
    if text("kind") != Some(kind.as_str()) {
        return Ok(None);
    }
    let version = about.get("version").and_then(Value::as_u64).map(Version);
    let version = version.ok_or_else(|| format!("{path} has no version (custom.wardline.version)"))?;
    if path != release_path(kind, version) {
        return Err(format!("{path} says that it is {kind} version {version}, whose path is another"));
    }
    let entries = about.get("entries").and_then(Value::as_u64);
    Ok(Some((version, entries, text("notes").unwrap_or_default().to_owned(), text("withdrawn").is_some())))
}

/// One transaction for everything; answers with how many releases were new.
async fn publish(
    store: &Store,
    upload: &Upload,
    checked: Checked,
    releases: &[(NewRelease, TargetFile)],
    by: &Decision,
) -> Result<usize, String> {
    let mut publication = Publication::default();
    for (name, bytes) in checked.files {
        publication.metadata.push(MetadataFile { name, bytes });
    }
    for (release, file) in releases {
        let known = store.release(release.kind, release.version).await.map_err(|e| e.to_string())?;
        match known {
            Some(row) if row.release.digest != release.digest => {
                let (kind, version) = (release.kind, release.version);
                return Err(format!("{kind} version {version} exists already with other bytes; give it a new number"));
            }
            Some(_) => continue,
            None => {}
        }
        publication.releases.push(release.clone());
        if let Some(bytes) = upload.artifacts.get(&release.path) {
            let artifact = Artifact { path: release.path.clone(), digest: file.sha256, bytes: bytes.clone() };
            publication.artifacts.push(artifact);
        }
    }
    let new = publication.releases.len();
    store.publish(&publication, by).await.map_err(|e| e.to_string())?;
    Ok(new)
}
