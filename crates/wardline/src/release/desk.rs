//! The signing desk: the folder in which a hospital's people make releases, on a machine that the hub never sees.
//!
//! ```text
//! DIR/
//!   people.json             who holds which duty, with their public keys
//!   keys/                   the sealed keys; each person takes theirs away
//!   metadata/               what was published: 1.root.json, 1.targets.json, N.drug-library.json, N.trust.json, …
//!   artifacts/drug-library/ the libraries that were published
//!   artifacts/trust-anchors/ the sets of trust anchors that were published
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
use wardline_release::anchors::AnchorSet;
use wardline_release::author::{self, Draft, Entry};
use wardline_release::json::Value;
use wardline_release::key::PublicKey;
use wardline_release::limits::MAX_TARGETS_BYTES;
use wardline_release::meta::{self, Signed, Targets};
use wardline_release::{release_path, required_role, sha256};

use super::check;
use super::key::{Duty, OpenKey};
use crate::data::{private_folder, write_private};
use crate::fault::{Exit, Fault};

/// How long root, targets and drug libraries may be used after they were signed.
const LONG: Span = Span::from_h(365 * 24);
/// How long a snapshot and a timestamp may be used: a month's routine, with days to spare.
const SHORT: Span = Span::from_h(35 * 24);
/// The kinds that people release here.
pub const KINDS: [Kind; 2] = [Kind::DrugLibrary, Kind::TrustAnchors];

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
    /// Those who say which authorities pumps believe; none when they are appointed later.
    pub security: &'a [(String, PublicKey)],
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

/// A signing desk, and the kind of release that is worked on.
#[derive(Clone, Debug)]
pub struct Desk {
    dir: PathBuf,
    kind: Kind,
}

impl Desk {
    /// The folder of an existing desk.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        if !dir.join("metadata").join("1.root.json").is_file() {
            let message = format!("{} is no signing desk: make one with `wardline release init`", dir.display());
            return Err(Fault::ends(Exit::NotFound, message));
        }
        Ok(Self { dir: dir.to_owned(), kind: Kind::DrugLibrary })
    }

    /// Makes a desk: the first root and the first targets are signed, and everybody's public key is written down.
    pub fn found(dir: &Path, founders: &Founders<'_>, now: Time) -> anyhow::Result<Self> {
        check::founders(founders)?;
        for folder in
            ["", "metadata", "artifacts", "artifacts/drug-library", "artifacts/trust-anchors", "draft", "keys"]
        {
            private_folder(&dir.join(folder))?;
        }
        let desk = Self { dir: dir.to_owned(), kind: Kind::DrugLibrary };
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
        let mut delegations = vec![(Kind::DrugLibrary, pharmacists)];
        if !founders.security.is_empty() {
            delegations
                .push((Kind::TrustAnchors, security(founders.security.iter().map(|(_, key)| key.clone()).collect())));
        }
        let targets = author::targets(1, now + LONG, &delegations);
        let targets = targets.signed_by(&[&founders.targets.signing]);
        write_private(&desk.dir.join("people.json"), &serde_json::to_vec_pretty(&check::people(founders))?)?;
        write_private(&desk.path("1.targets.json"), &targets.to_bytes())?;
        write_private(&desk.path("1.root.json"), &root.to_bytes())?;
        Ok(desk)
    }

    /// The same desk for releases of another kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> Self {
        Self { dir: self.dir.clone(), kind }
    }

    /// The kind of release that is worked on.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The role that answers for this kind.
    pub const fn role(&self) -> &'static str {
        required_role(self.kind).0
    }

    /// What a release of this kind is called.
    pub const fn noun(&self) -> &'static str {
        match self.kind {
            Kind::TrustAnchors => "set of trust anchors",
            Kind::DrugLibrary | Kind::Firmware | Kind::WirelessProfile | Kind::FirewallPolicy => "library",
        }
    }

    /// Who signs releases of this kind.
    pub const fn signers_noun(&self) -> &'static str {
        match self.kind {
            Kind::TrustAnchors => "people of IT security who sign trust anchors",
            Kind::DrugLibrary | Kind::Firmware | Kind::WirelessProfile | Kind::FirewallPolicy => {
                "pharmacists who sign drug libraries"
            }
        }
    }

    /// Appoints those who say which authorities pumps believe, in place of those before: the desk's own targets key signs
    /// that, and snapshot and timestamp are made anew.
    pub fn appoint(
        &self,
        people: &[(String, PublicKey)],
        targets: &OpenKey,
        (snapshot, timestamp): (&OpenKey, &OpenKey),
        now: Time,
    ) -> anyhow::Result<()> {
        check::appointed(people, &self.people()?)?;
        let (number, _) = self.newest("targets")?.context("there is no targets metadata")?;
        let top = self.top()?;
        let mut delegations = Vec::new();
        for kind in KINDS {
            let known = top.delegations.iter().find(|role| role.name == required_role(kind).0);
            let role = |role: &meta::Delegation| {
                let keys = role.signers.key_ids.iter().filter_map(|id| top.keys.get(id).cloned()).collect();
                author::Role { keys, threshold: role.signers.threshold }
            };
            match kind {
                Kind::TrustAnchors => {
                    delegations.push((kind, security(people.iter().map(|(_, key)| key.clone()).collect())));
                }
                _ => delegations.extend(known.map(|found| (kind, role(found)))),
            }
        }
        let signed = author::targets(number + 1, now + LONG, &delegations).signed_by(&[&targets.signing]).to_bytes();
        let new = vec![(format!("{}.targets.json", number + 1), signed)];
        let files = self.sealed(new, (snapshot, timestamp), now)?;
        let mut all: Vec<_> = self.people()?.into_iter().filter(|person| person.duty != Duty::Trust).collect();
        all.extend(people.iter().map(|(holder, key)| Person {
            holder: holder.clone(),
            duty: Duty::Trust,
            public: key.to_hex(),
        }));
        write_private(&self.dir.join("people.json"), &serde_json::to_vec_pretty(&all)?)?;
        private_folder(&self.dir.join("artifacts/trust-anchors"))?;
        self.write_all(files)
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
        Ok(newest_of(&files, role).map(|(number, bytes)| (number, bytes.clone())))
    }

    /// The releases that the newest published metadata lists, by version.
    pub fn published(&self) -> anyhow::Result<Vec<Entry>> {
        self.newest(self.role())?.map_or_else(|| Ok(Vec::new()), |(_, bytes)| check::entries(self.kind, &bytes))
    }

    /// The bytes of a published or drafted release.
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
        let artifact = library.to_canonical_bytes();
        self.draft_entry(check::entry(library, &artifact, notes), &artifact, now)
    }

    /// Drafts a release of this set of trust anchors: nobody has signed it yet.
    pub fn draft_anchors(&self, set: &AnchorSet, notes: &str, now: Time) -> anyhow::Result<()> {
        let artifact = set.to_bytes();
        self.of(Kind::TrustAnchors).draft_entry(check::anchors_entry(set, &artifact, notes)?, &artifact, now)
    }

    fn draft_entry(&self, entry: Entry, artifact: &[u8], now: Time) -> anyhow::Result<()> {
        self.no_draft()?;
        let mut entries = self.published()?;
        let version = entry.reference.version;
        if let Some(last) = entries.iter().map(|entry| entry.reference.version).max().filter(|last| version <= *last) {
            let noun = self.noun();
            bail!("{noun} {version} is not newer than {last}, which was released: give --version {}", last.0 + 1);
        }
        entries.push(entry);
        write_private(&self.drafted_path(version), artifact)?;
        self.write_draft(&entries, now)
    }

    /// Drafts the withdrawal of a release; pumps that run it keep it, and no other takes it.
    pub fn withdraw(&self, version: Version, reason: &str, now: Time) -> anyhow::Result<()> {
        self.no_draft()?;
        let mut entries = self.published()?;
        let found = entries.iter_mut().find(|entry| entry.reference.version == version);
        let found = found
            .ok_or_else(|| Fault::ends(Exit::NotFound, format!("{} {version} was never released here", self.noun())))?;
        found.withdrawn = Some(reason.to_owned());
        self.write_draft(&entries, now)
    }

    /// The draft's bytes with its number, if one waits.
    pub fn drafted(&self) -> anyhow::Result<Option<(PathBuf, u64, Vec<u8>)>> {
        let role = self.role();
        let number = self.newest(role)?.map_or(1, |(number, _)| number + 1);
        let path = self.dir.join("draft").join(format!("{number}.{role}.json"));
        if path.exists() { Ok(Some((path.clone(), number, read(&path)?))) } else { Ok(None) }
    }

    /// Gives the draft of this kind up.
    pub fn drop_draft(&self) -> anyhow::Result<()> {
        let (role, artifact) = (format!(".{}.json", self.role()), format!("{}-", self.draft_word()));
        for entry in fs::read_dir(self.dir.join("draft"))? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(&role) || name.starts_with(&artifact) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// Adds one person's signature, after the draft was checked against the bytes that it speaks of.
    pub fn sign(&self, key: &OpenKey) -> anyhow::Result<Standing> {
        let (path, _, bytes) = self.drafted()?.ok_or_else(nothing_drafted)?;
        check::draft(self, &bytes)?;
        if !self.standing()?.may.contains(&key.holder) && !self.standing()?.have.contains(&key.holder) {
            let message = format!("{} is not one of the {} here", key.holder, self.signers_noun());
            return Err(Fault::ends(Exit::NotAllowed, message));
        }
        let mut draft = Draft::parse(&bytes).map_err(|why| anyhow!("{} {why}", path.display()))?;
        let id = key.public().id();
        if !self.signers()?.iter().any(|(known, _)| *known == id) {
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
        let role = self.delegation(&top)?;
        let mut standing = Standing { have: Vec::new(), may: Vec::new(), need: role.signers.threshold };
        for (id, holder) in self.signers()? {
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
                "{} of {} {} have signed; still possible: {}",
                standing.have.len(),
                standing.need,
                self.signers_noun(),
                standing.may.join(", ")
            );
            return Err(Fault::ends(Exit::NotAllowed, message));
        }
        check::draft(self, &bytes)?;
        let drafted = check::entries(self.kind, &bytes)?;
        let files = self.sealed(vec![(format!("{number}.{}.json", self.role()), bytes)], (snapshot, timestamp), now)?;
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
        if !self.path("timestamp.json").exists() {
            bail!("nothing was published yet");
        }
        let files = self.sealed(Vec::new(), (snapshot, timestamp), now)?;
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
        let mut current = vec![newest("targets")?, newest("snapshot")?, Some("timestamp.json".to_owned())];
        for kind in KINDS {
            current.push(newest(required_role(kind).0)?);
        }
        for (name, bytes) in self.metadata()? {
            if name.ends_with(".root.json") || current.iter().flatten().any(|known| *known == name) {
                upload.metadata.insert(name, STANDARD.encode(bytes));
            }
        }
        for desk in KINDS.map(|kind| self.of(kind)) {
            for entry in desk.published()? {
                let version = entry.reference.version;
                let path = release_path(desk.kind, version);
                upload.artifacts.insert(path, STANDARD.encode(desk.artifact(version)?));
            }
        }
        Ok(upload)
    }

    /// The signed targets at the top.
    pub fn top(&self) -> anyhow::Result<Targets> {
        let (_, bytes) = self.newest("targets")?.context("there is no targets metadata")?;
        let signed: Signed<Targets> = meta::read(&bytes, MAX_TARGETS_BYTES).map_err(|why| anyhow!("targets {why}"))?;
        Ok(signed.meta)
    }

    /// The role of this kind, as targets name it.
    fn delegation<'a>(&self, top: &'a Targets) -> anyhow::Result<&'a meta::Delegation> {
        let found = top.delegations.iter().find(|role| role.name == self.role());
        found.with_context(|| match self.kind {
            Kind::TrustAnchors => "nobody was appointed to sign trust anchors: `wardline release appoint`",
            _ => "targets name no pharmacists",
        })
    }

    /// The key ids and names of those who sign this kind.
    fn signers(&self) -> anyhow::Result<Vec<(String, String)>> {
        let people = self.people()?;
        let top = self.top()?;
        let name = |id: &String| {
            let found = people.iter().find(|person| person.key_id().as_ref() == Some(id));
            (id.clone(), found.map_or_else(|| id.chars().take(8).collect(), |person| person.holder.clone()))
        };
        Ok(self.delegation(&top)?.signers.key_ids.iter().map(name).collect())
    }

    /// The new files with a new snapshot and timestamp, verified together with those that stay.
    fn sealed(
        &self,
        mut files: Vec<(String, Vec<u8>)>,
        (snapshot, timestamp): (&OpenKey, &OpenKey),
        now: Time,
    ) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let mut all = self.metadata()?;
        let before = all.get("timestamp.json").map(|bytes| check::number(bytes)).transpose()?;
        let next = newest_of(&all, "snapshot").map_or(1, |(number, _)| number + 1);
        all.extend(files.iter().cloned());
        let roles = ["targets"].into_iter().chain(KINDS.map(|kind| required_role(kind).0));
        let listed: Vec<_> = roles
            .filter_map(|role| newest_of(&all, role).map(|(number, bytes)| (role, number, bytes.as_slice())))
            .collect();
        let shot = author::snapshot(next, now + SHORT, &listed).signed_by(&[&snapshot.signing]).to_bytes();
        let stamp = author::timestamp(before.unwrap_or(0) + 1, now + SHORT, (next, &shot));
        let stamp = stamp.signed_by(&[&timestamp.signing]).to_bytes();
        files.push((format!("{next}.snapshot.json"), shot));
        files.push(("timestamp.json".to_owned(), stamp));
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
        let role = self.role();
        let number = self.newest(role)?.map_or(1, |(number, _)| number + 1);
        let draft = author::delegated(number, now + LONG, entries);
        write_private(&self.dir.join("draft").join(format!("{number}.{role}.json")), &draft.to_bytes())
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
        self.dir.join("artifacts").join(self.kind.as_str()).join(format!("{version}.json"))
    }

    fn drafted_path(&self, version: Version) -> PathBuf {
        self.dir.join("draft").join(format!("{}-{version}.json", self.draft_word()))
    }

    /// What the drafted artifact's file begins with.
    const fn draft_word(&self) -> &'static str {
        match self.kind {
            Kind::TrustAnchors => "anchors",
            Kind::DrugLibrary | Kind::Firmware | Kind::WirelessProfile | Kind::FirewallPolicy => "library",
        }
    }
}

/// The newest file of a role among these, with its number.
fn newest_of<'a>(files: &'a BTreeMap<String, Vec<u8>>, role: &str) -> Option<(u64, &'a Vec<u8>)> {
    let numbered = |(name, bytes): (&String, &'a Vec<u8>)| {
        let (number, rest) = name.strip_suffix(".json")?.split_once('.')?;
        Some((number.parse::<u64>().ok().filter(|_| rest == role)?, bytes))
    };
    files.iter().filter_map(numbered).max_by_key(|(number, _)| *number)
}

/// The role of those who say which authorities pumps believe: two of them sign where there are two.
fn security(keys: Vec<PublicKey>) -> author::Role {
    let threshold = if keys.len() > 1 { 2 } else { 1 };
    author::Role { keys, threshold }
}

fn nothing_drafted() -> anyhow::Error {
    Fault::ends(Exit::NotFound, "nothing waits for signatures: `wardline release draft` makes a draft")
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
