//! The signing desk: the folder in which a hospital's people make releases, on a machine that the hub never sees.
//!
//! ```text
//! DIR/
//!   people.json             who holds which duty, with their public keys
//!   keys/                   the sealed keys; each person takes theirs away
//!   metadata/               what was published: 1.root.json, 1.targets.json, N.drug-library.json, N.snapshot.json, timestamp.json
//!   artifacts/drug-library/ the libraries that were published
//!   draft/                  what waits for signatures
//! ```
//!
//! It refuses to publish what does not pass the same client that pumps run, and to let a person sign what differs from
//! the library's bytes that lie beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use wardline_hub::repo::Uploaded;
use wardline_library::Library;
use wardline_model::{Kind, Span, Time, Version};
use wardline_release::author::{self, Draft, Entry};
use wardline_release::json::Value;
use wardline_release::key::PublicKey;
use wardline_release::limits::MAX_TARGETS_BYTES;
use wardline_release::meta::{self, Signed, Targets};
use wardline_release::{release_path, sha256};

use super::check;
use super::key::{Duty, OpenKey};
use crate::data::{private_folder, write_private};
use crate::fault::{Exit, Fault};

/// How long root, targets and drug libraries may be used after they were signed.
const LONG: Span = Span::from_h(365 * 24);
/// How long a snapshot and a timestamp may be used: a month's routine, with days to spare.
const SHORT: Span = Span::from_h(35 * 24);
/// The role that answers for drug libraries.
pub const ROLE: &str = "drug-library";

/// A person with a duty, as `people.json` keeps them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Their name.
    pub holder: String,
    /// What they sign.
    pub duty: Duty,
    /// Their public key, in hexadecimal.
    pub public: String,
}

impl Person {
    /// The key's id in metadata.
    pub fn key_id(&self) -> Option<String> {
        PublicKey::from_hex(&self.public).map(|key| key.id())
    }
}

/// The keys that a new desk begins with: those of root and targets opened, because they sign at once.
pub struct Founders<'a> {
    /// At least two, all of whom sign the root.
    pub root: &'a [OpenKey],
    /// Signs the timestamp.
    pub timestamp: &'a OpenKey,
    /// Signs the snapshot.
    pub snapshot: &'a OpenKey,
    /// Signs which role answers for what.
    pub targets: &'a OpenKey,
    /// The pharmacists, at least two: name and public key.
    pub pharmacists: &'a [(String, PublicKey)],
}

/// How many have signed the draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Names of those who signed.
    pub have: Vec<String>,
    /// Names of those who could still sign.
    pub may: Vec<String>,
    /// How many are needed.
    pub need: u32,
}

impl Standing {
    /// Whether enough have signed.
    pub fn is_enough(&self) -> bool {
        self.have.len() as u64 >= u64::from(self.need)
    }
}

/// A signing desk.
#[derive(Clone, Debug)]
pub struct Desk {
    dir: PathBuf,
}

impl Desk {
    /// The folder of an existing desk.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        if !dir.join("metadata").join("1.root.json").is_file() {
            let message = format!("{} is no signing desk: make one with `wardline release init`", dir.display());
            return Err(Fault::ends(Exit::NotFound, message));
        }
        Ok(Self { dir: dir.to_owned() })
    }

    /// Makes a desk: the first root and the first targets are signed, and everybody's public key is written down.
    pub fn found(dir: &Path, founders: &Founders<'_>, now: Time) -> anyhow::Result<Self> {
        check::founders(founders)?;
        for folder in ["", "metadata", "artifacts", "artifacts/drug-library", "draft", "keys"] {
            private_folder(&dir.join(folder))?;
        }
        let desk = Self { dir: dir.to_owned() };
        if desk.path("1.root.json").exists() {
            bail!("{} is a signing desk already; a second root would not be the one that pumps pin", dir.display());
        }
        let role = |keys: Vec<PublicKey>, threshold| author::Role { keys, threshold };
        let roots = u32::try_from(founders.root.len()).context("too many root keys")?;
        let roles = author::TopRoles {
            root: role(founders.root.iter().map(OpenKey::public).collect(), roots),
            timestamp: role(vec![founders.timestamp.public()], 1),
            snapshot: role(vec![founders.snapshot.public()], 1),
            targets: role(vec![founders.targets.public()], 1),
        };
        let pharmacists = role(founders.pharmacists.iter().map(|(_, key)| key.clone()).collect(), 2);
        let signers: Vec<_> = founders.root.iter().map(|key| &key.signing).collect();
        let root = author::root(1, now + LONG, &roles).signed_by(&signers);
        let targets = author::targets(1, now + LONG, &[(Kind::DrugLibrary, pharmacists)]);
        let targets = targets.signed_by(&[&founders.targets.signing]);
        write_private(&desk.dir.join("people.json"), &serde_json::to_vec_pretty(&check::people(founders))?)?;
        write_private(&desk.path("1.targets.json"), &targets.to_bytes())?;
        write_private(&desk.path("1.root.json"), &root.to_bytes())?;
        Ok(desk)
    }

    /// Where sealed keys are written at first.
    pub fn keys(dir: &Path) -> PathBuf {
        dir.join("keys")
    }

    /// The root that pumps and their therapy controllers pin.
    pub fn first_root(&self) -> anyhow::Result<Vec<u8>> {
        read(&self.path("1.root.json"))
    }

    /// Everybody with a duty.
    pub fn people(&self) -> anyhow::Result<Vec<Person>> {
        let path = self.dir.join("people.json");
        serde_json::from_slice(&read(&path)?).with_context(|| format!("{} cannot be read", path.display()))
    }

    /// Every metadata file by its name.
    pub fn metadata(&self) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        let folder = self.dir.join("metadata");
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let entry = entry?;
            if let Some(name) = entry.file_name().to_str().filter(|name| name.ends_with(".json")) {
                files.insert(name.to_owned(), read(&entry.path())?);
            }
        }
        Ok(files)
    }

    /// The newest published file of a role, with its number.
    pub fn newest(&self, role: &str) -> anyhow::Result<Option<(u64, Vec<u8>)>> {
        let files = self.metadata()?;
        let numbered = |(name, bytes): (String, Vec<u8>)| {
            let (number, rest) = name.strip_suffix(".json")?.split_once('.')?;
            Some((number.parse::<u64>().ok().filter(|_| rest == role)?, bytes))
        };
        Ok(files.into_iter().filter_map(numbered).max_by_key(|(number, _)| *number))
    }

    /// The releases that the newest published metadata lists, by version.
    pub fn published(&self) -> anyhow::Result<Vec<Entry>> {
        self.newest(ROLE)?.map_or_else(|| Ok(Vec::new()), |(_, bytes)| check::entries(&bytes))
    }

    /// The bytes of a published or drafted library.
    pub fn artifact(&self, version: Version) -> anyhow::Result<Vec<u8>> {
        let kept = self.artifact_path(version);
        if kept.exists() { read(&kept) } else { read(&self.drafted_path(version)) }
    }

    /// A published or drafted library.
    pub fn library(&self, version: Version) -> anyhow::Result<Library> {
        Library::from_canonical_bytes(&self.artifact(version)?)
            .map_err(|error| anyhow!("library {version} on this desk is not as it was published: {error}"))
    }

    /// Drafts a release of this library: nobody has signed it yet.
    pub fn draft(&self, library: &Library, notes: &str, now: Time) -> anyhow::Result<()> {
        self.no_draft()?;
        let mut entries = self.published()?;
        let version = library.version();
        if let Some(last) = entries.iter().map(|entry| entry.reference.version).max().filter(|last| version <= *last) {
            bail!("library {version} is not newer than {last}, which was released: give --version {}", last.0 + 1);
        }
        let artifact = library.to_canonical_bytes();
        entries.push(check::entry(library, &artifact, notes));
        write_private(&self.drafted_path(version), &artifact)?;
        self.write_draft(&entries, now)
    }

    /// Drafts the withdrawal of a release; pumps that run it keep it, and no other takes it.
    pub fn withdraw(&self, version: Version, reason: &str, now: Time) -> anyhow::Result<()> {
        self.no_draft()?;
        let mut entries = self.published()?;
        let found = entries.iter_mut().find(|entry| entry.reference.version == version);
        let found =
            found.ok_or_else(|| Fault::ends(Exit::NotFound, format!("library {version} was never released here")))?;
        found.withdrawn = Some(reason.to_owned());
        self.write_draft(&entries, now)
    }

    /// The draft's bytes with its number, if one waits.
    pub fn drafted(&self) -> anyhow::Result<Option<(PathBuf, u64, Vec<u8>)>> {
        let number = self.newest(ROLE)?.map_or(1, |(number, _)| number + 1);
        let path = self.dir.join("draft").join(format!("{number}.{ROLE}.json"));
        if path.exists() { Ok(Some((path.clone(), number, read(&path)?))) } else { Ok(None) }
    }

    /// Gives a draft up.
    pub fn drop_draft(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir(self.dir.join("draft"))? {
            fs::remove_file(entry?.path())?;
        }
        Ok(())
    }

    /// Adds one person's signature, after the draft was checked against the bytes that it speaks of.
    pub fn sign(&self, key: &OpenKey) -> anyhow::Result<Standing> {
        let (path, _, bytes) = self.drafted()?.ok_or_else(nothing_drafted)?;
        check::draft(self, &bytes)?;
        if !self.standing()?.may.contains(&key.holder) && !self.standing()?.have.contains(&key.holder) {
            let message = format!("{} is not one of the pharmacists who sign drug libraries here", key.holder);
            return Err(Fault::ends(Exit::NotAllowed, message));
        }
        let mut draft = Draft::parse(&bytes).map_err(|why| anyhow!("{} {why}", path.display()))?;
        let id = key.public().id();
        if !self.pharmacists()?.iter().any(|(known, _)| *known == id) {
            let message = format!("this key of {} is not the one that the root's people vouched for", key.holder);
            return Err(Fault::ends(Exit::NotAllowed, message));
        }
        draft.sign(&key.signing);
        write_private(&path, &draft.to_bytes())?;
        self.standing()
    }

    /// Who has signed the draft and who may; only signatures that are right count.
    pub fn standing(&self) -> anyhow::Result<Standing> {
        let (_, _, bytes) = self.drafted()?.ok_or_else(nothing_drafted)?;
        let file: Signed<Targets> = meta::read(&bytes, MAX_TARGETS_BYTES).map_err(|why| anyhow!("the draft {why}"))?;
        let top = self.top()?;
        let role = top.delegations.iter().find(|role| role.name == ROLE).context("targets name no pharmacists")?;
        let mut standing = Standing { have: Vec::new(), may: Vec::new(), need: role.signers.threshold };
        for (id, holder) in self.pharmacists()? {
            let alone = wardline_release::threshold::Signers { key_ids: [id].into(), threshold: 1 };
            match file.check(&alone, &top.keys) {
                Ok(()) => standing.have.push(holder),
                Err(_) => standing.may.push(holder),
            }
        }
        Ok(standing)
    }

    /// Publishes the draft on the desk: signed by enough people, with a new snapshot and timestamp, all of it verified as
    /// a pump would before one file is written.
    pub fn publish(&self, snapshot: &OpenKey, timestamp: &OpenKey, now: Time) -> anyhow::Result<()> {
        let (path, number, bytes) = self.drafted()?.ok_or_else(nothing_drafted)?;
        let standing = self.standing()?;
        if !standing.is_enough() {
            let message = format!(
                "{} of {} pharmacists have signed; still possible: {}",
                standing.have.len(),
                standing.need,
                standing.may.join(", ")
            );
            return Err(Fault::ends(Exit::NotAllowed, message));
        }
        check::draft(self, &bytes)?;
        let drafted = check::entries(&bytes)?;
        let files = self.sealed((number, &bytes), (snapshot, timestamp), now)?;
        for entry in &drafted {
            let version = entry.reference.version;
            if !self.artifact_path(version).exists() {
                write_private(&self.artifact_path(version), &read(&self.drafted_path(version))?)?;
            }
        }
        self.write_all(files)?;
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        self.drop_draft()
    }

    /// Signs snapshot and timestamp anew, so that pumps can go on proving that what they see is fresh.
    pub fn refresh(&self, snapshot: &OpenKey, timestamp: &OpenKey, now: Time) -> anyhow::Result<()> {
        let (number, bytes) = self.newest(ROLE)?.ok_or_else(|| anyhow!("nothing was published yet"))?;
        let files = self.sealed((number, &bytes), (snapshot, timestamp), now)?;
        self.write_all(files)
    }

    /// What the hub takes in: every metadata file and every artifact that is listed.
    pub fn upload(&self) -> anyhow::Result<Uploaded> {
        let mut upload = Uploaded::default();
        if !self.path("timestamp.json").exists() {
            bail!("nothing was published yet: `wardline release draft`, then let two pharmacists sign");
        }
        let newest =
            |role: &str| self.newest(role).map(|found| found.map(|(number, _)| format!("{number}.{role}.json")));
        let current = [newest("targets")?, newest(ROLE)?, newest("snapshot")?, Some("timestamp.json".to_owned())];
        for (name, bytes) in self.metadata()? {
            if name.ends_with(".root.json") || current.iter().flatten().any(|known| *known == name) {
                upload.metadata.insert(name, STANDARD.encode(bytes));
            }
        }
        for entry in self.published()? {
            let version = entry.reference.version;
            let path = release_path(Kind::DrugLibrary, version);
            upload.artifacts.insert(path, STANDARD.encode(self.artifact(version)?));
        }
        Ok(upload)
    }

    /// The signed targets at the top.
    pub fn top(&self) -> anyhow::Result<Targets> {
        let (_, bytes) = self.newest("targets")?.context("there is no targets metadata")?;
        let signed: Signed<Targets> = meta::read(&bytes, MAX_TARGETS_BYTES).map_err(|why| anyhow!("targets {why}"))?;
        Ok(signed.meta)
    }

    /// The pharmacists' key ids and names.
    fn pharmacists(&self) -> anyhow::Result<Vec<(String, String)>> {
        let people = self.people()?;
        let top = self.top()?;
        let role = top.delegations.iter().find(|role| role.name == ROLE).context("targets name no pharmacists")?;
        let name = |id: &String| {
            let found = people.iter().find(|person| person.key_id().as_ref() == Some(id));
            (id.clone(), found.map_or_else(|| id.chars().take(8).collect(), |person| person.holder.clone()))
        };
        Ok(role.signers.key_ids.iter().map(name).collect())
    }

    /// The new files, verified together with those that stay.
    fn sealed(
        &self,
        (number, delegated): (u64, &[u8]),
        (snapshot, timestamp): (&OpenKey, &OpenKey),
        now: Time,
    ) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let (top, targets) = self.newest("targets")?.context("there is no targets metadata")?;
        let next = self.newest("snapshot")?.map_or(1, |(number, _)| number + 1);
        let before = self.metadata()?.get("timestamp.json").map(|bytes| check::number(bytes)).transpose()?;
        let listed = [("targets", top, targets.as_slice()), (ROLE, number, delegated)];
        let shot = author::snapshot(next, now + SHORT, &listed).signed_by(&[&snapshot.signing]).to_bytes();
        let stamp = author::timestamp(before.unwrap_or(0) + 1, now + SHORT, (next, &shot));
        let stamp = stamp.signed_by(&[&timestamp.signing]).to_bytes();
        let files = vec![
            (format!("{number}.{ROLE}.json"), delegated.to_vec()),
            (format!("{next}.snapshot.json"), shot),
            ("timestamp.json".to_owned(), stamp),
        ];
        let mut all = self.metadata()?;
        all.extend(files.iter().cloned());
        check::as_a_pump(self, &all, now)?;
        Ok(files)
    }

    /// In the order in which a reader may see them: the timestamp last.
    fn write_all(&self, files: Vec<(String, Vec<u8>)>) -> anyhow::Result<()> {
        for (name, bytes) in files {
            write_private(&self.path(&name), &bytes)?;
        }
        Ok(())
    }

    fn write_draft(&self, entries: &[Entry], now: Time) -> anyhow::Result<()> {
        let number = self.newest(ROLE)?.map_or(1, |(number, _)| number + 1);
        let draft = author::delegated(number, now + LONG, entries);
        write_private(&self.dir.join("draft").join(format!("{number}.{ROLE}.json")), &draft.to_bytes())
    }

    fn no_draft(&self) -> anyhow::Result<()> {
        if self.drafted()?.is_some() {
            bail!(
                "a draft waits for signatures already: publish it, or give it up with `wardline release draft --drop`"
            );
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join("metadata").join(name)
    }

    fn artifact_path(&self, version: Version) -> PathBuf {
        self.dir.join("artifacts").join(ROLE).join(format!("{version}.json"))
    }

    fn drafted_path(&self, version: Version) -> PathBuf {
        self.dir.join("draft").join(format!("library-{version}.json"))
    }
}

fn nothing_drafted() -> anyhow::Error {
    Fault::ends(Exit::NotFound, "nothing waits for signatures: `wardline release draft --library FILE` makes a draft")
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The text of a field of signed metadata.
pub fn field<'a>(draft: &'a Draft, name: &str) -> &'a str {
    draft.signed().get(name).and_then(Value::as_str).unwrap_or("?")
}

/// The digest of some bytes, as people compare it.
pub fn digest(bytes: &[u8]) -> String {
    sha256(bytes).to_string()
}
