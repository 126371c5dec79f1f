//! What the signing desk checks: that people are different people, that a draft says what its library says, and that what
//! will be published passes the very client that pumps run.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{anyhow, bail};
use wardline_library::Library;
use wardline_model::{Kind, ReleaseRef, Time, Version};
use wardline_pki::Cert;
use wardline_release::anchors::AnchorSet;
use wardline_release::author::{self, Draft, Entry};
use wardline_release::client::{Client, Need, Search, Stored};
use wardline_release::json::Value;
use wardline_release::key::PublicKey;
use wardline_release::limits::MAX_TARGETS_BYTES;
use wardline_release::meta::{self, Signed, Targets};
use wardline_release::therapy::{self, Bundle, Floors};
use wardline_release::{Why, release_path};

use super::desk::{Desk, Founders, KINDS, Person};
use super::key::{Duty, OpenKey, check_holder};

/// Everybody with a duty, for `people.json`.
pub fn people(founders: &Founders<'_>) -> Vec<Person> {
    let open = |key: &OpenKey| Person { holder: key.holder.clone(), duty: key.duty, public: key.public().to_hex() };
    let mut people: Vec<_> = founders.root.iter().map(open).collect();
    people.extend([founders.timestamp, founders.snapshot, founders.targets].map(open));
    people.extend(founders.pharmacists.iter().map(|(holder, key)| Person {
        holder: holder.clone(),
        duty: Duty::DrugLibrary,
        public: key.to_hex(),
    }));
    people.extend(founders.security.iter().map(|(holder, key)| Person {
        holder: holder.clone(),
        duty: Duty::Trust,
        public: key.to_hex(),
    }));
    people
}

/// Whether these people may be appointed beside those with another duty: everybody has a key of their own.
pub fn appointed(people: &[(String, PublicKey)], all: &[Person]) -> anyhow::Result<()> {
    if people.is_empty() {
        bail!("name at least one person who signs trust anchors; two are better");
    }
    for (index, (holder, key)) in people.iter().enumerate() {
        check_holder(holder)?;
        let others = all.iter().filter(|person| person.duty != Duty::Trust).map(|person| person.public.clone());
        if others.chain(people[..index].iter().map(|(_, key)| key.to_hex())).any(|other| other == key.to_hex()) {
            bail!("the key of {holder} is somebody's already: two signatures would be one person's");
        }
        if people[..index].iter().any(|(other, _)| other.to_lowercase() == holder.to_lowercase()) {
            bail!("{holder} is named twice: one person, one key");
        }
    }
    Ok(())
}

/// One key is one person's, and one person has one key in each duty; otherwise two signatures could be one person.
pub fn founders(founders: &Founders<'_>) -> anyhow::Result<()> {
    if founders.root.len() < 2 {
        bail!("the root needs two people at least, so that no single person can replace everybody");
    }
    if founders.pharmacists.len() < 2 {
        bail!("drug libraries need two pharmacists at least");
    }
    let people = people(founders);
    let mut keys = BTreeMap::new();
    let mut names = BTreeSet::new();
    for person in &people {
        check_holder(&person.holder)?;
        if let Some(other) = keys.insert(person.public.clone(), person.holder.clone()) {
            bail!("{other} and {} have the same key: two signatures would be one person's", person.holder);
        }
        if !names.insert((person.duty, person.holder.to_lowercase())) {
            bail!("{} is named twice for {}: one person, one key", person.holder, person.duty.as_str());
        }
    }
    Ok(())
}

/// A library as a release lists it.
pub fn entry(library: &Library, artifact: &[u8], notes: &str) -> Entry {
    let reference = author::reference(Kind::DrugLibrary, library.version(), artifact);
    Entry {
        reference,
        entries: Some(library.entry_count()),
        sample: Some(library.sample_text(&reference.digest)),
        notes: notes.to_owned(),
        withdrawn: None,
    }
}

/// A set of trust anchors as a release lists it: every certificate in it is one, and an authority's.
pub fn anchors_entry(set: &AnchorSet, artifact: &[u8], notes: &str) -> anyhow::Result<Entry> {
    certificates(set)?;
    Ok(Entry {
        reference: author::reference(Kind::TrustAnchors, set.version(), artifact),
        entries: Some(set.anchors().len() as u64),
        sample: None,
        notes: notes.to_owned(),
        withdrawn: None,
    })
}

/// The certificates of a set, each of which could sign others.
pub fn certificates(set: &AnchorSet) -> anyhow::Result<Vec<Cert>> {
    let read = |pem: &String| {
        let cert = Cert::from_pem(pem)?;
        wardline_pki::strict::authority(&cert, cert.not_before()).map_err(|fault| anyhow!("{cert:?}: {fault}"))?;
        anyhow::Ok(cert)
    };
    set.anchors().iter().map(read).collect()
}

/// The releases that a delegated file lists, by version.
pub fn entries(kind: Kind, bytes: &[u8]) -> anyhow::Result<Vec<Entry>> {
    let file: Signed<Targets> =
        meta::read(bytes, MAX_TARGETS_BYTES).map_err(|why| anyhow!("the file of {kind} releases {why}"))?;
    let mut entries = Vec::new();
    for (path, target) in &file.meta.targets {
        let about = target.custom.as_ref().and_then(|custom| custom.get("wardline"));
        let about = about.ok_or_else(|| anyhow!("{path} does not say what it is"))?;
        let text = |name: &str| about.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let version = about.get("version").and_then(Value::as_u64).map(Version);
        let version = version.ok_or_else(|| anyhow!("{path} has no version"))?;
        if text("kind").as_deref() != Some(kind.as_str()) || *path != release_path(kind, version) {
            bail!("{path} is not the path of the {kind} release that it says it is");
        }
        let reference = ReleaseRef { kind, version, digest: target.sha256, length: target.length };
        entries.push(Entry {
            reference,
            entries: about.get("entries").and_then(Value::as_u64),
            sample: text("sample"),
            notes: text("notes").unwrap_or_default(),
            withdrawn: text("withdrawn"),
        });
    }
    entries.sort_by_key(|entry| entry.reference.version);
    Ok(entries)
}

/// Whether a draft says of every library what the library's bytes say, and keeps every release that was published.
pub fn draft(desk: &Desk, bytes: &[u8]) -> anyhow::Result<()> {
    let drafted = entries(desk.kind(), bytes)?;
    for entry in &drafted {
        let version = entry.reference.version;
        let artifact = desk.artifact(version)?;
        let mut expected = match desk.kind() {
            Kind::TrustAnchors => anchors_entry(&anchors(desk, version)?, &artifact, &entry.notes)?,
            _ => self::entry(&desk.library(version)?, &artifact, &entry.notes),
        };
        expected.withdrawn.clone_from(&entry.withdrawn);
        if expected != *entry {
            let noun = desk.noun();
            bail!("the draft says of {noun} {version} what its bytes do not say: do not sign it; draft it anew");
        }
    }
    for old in desk.published()? {
        let kept = drafted.iter().find(|entry| entry.reference == old.reference);
        let gone = kept.is_none_or(|entry| old.withdrawn.is_some() && entry.withdrawn != old.withdrawn);
        if gone {
            let noun = desk.noun();
            bail!("the draft changes {noun} {}, which was published: draft it anew", old.reference.version);
        }
    }
    Ok(())
}

/// A published or drafted set of trust anchors.
pub fn anchors(desk: &Desk, version: Version) -> anyhow::Result<AnchorSet> {
    let bytes = desk.of(Kind::TrustAnchors).artifact(version)?;
    let set = AnchorSet::parse(&bytes)
        .map_err(|why| anyhow!("trust anchors {version} on this desk are not as they were published: {why}"))?;
    if set.version() != version {
        bail!("trust anchors {version} say that they are {}", set.version());
    }
    Ok(set)
}

/// The number of a metadata file.
pub fn number(bytes: &[u8]) -> anyhow::Result<u64> {
    let draft = Draft::parse(bytes).map_err(|why| anyhow!("a metadata file {why}"))?;
    draft.signed().get("version").and_then(Value::as_u64).ok_or_else(|| anyhow!("a metadata file has no number"))
}

/// Goes through these files as a new pump would, and through every release as its therapy controller would.
pub fn as_a_pump(desk: &Desk, files: &BTreeMap<String, Vec<u8>>, now: Time) -> anyhow::Result<Vec<Entry>> {
    let file = |name: &str| files.get(name).map(Vec::as_slice);
    let first = file("1.root.json").ok_or_else(|| anyhow!("there is no 1.root.json"))?;
    let mut client = Client::start(first, Stored::new(), now).map_err(|refused| anyhow!("{refused}"))?;
    while let Need::File { name, .. } = client.need() {
        client.give(file(&name)).map_err(|refused| anyhow!("{refused}"))?;
    }
    let mut all = Vec::new();
    for kind in KINDS {
        let desk = desk.of(kind);
        if client.snapshot().is_some_and(|snapshot| snapshot.files.contains_key(desk.role())) {
            all.extend(of_a_kind(&desk, &mut client, first, files)?);
        }
    }
    Ok(all)
}

/// Goes through the releases of one kind.
fn of_a_kind(
    desk: &Desk,
    client: &mut Client,
    first: &[u8],
    files: &BTreeMap<String, Vec<u8>>,
) -> anyhow::Result<Vec<Entry>> {
    let file = |name: &str| files.get(name).map(Vec::as_slice);
    let any = release_path(desk.kind(), Version(0));
    let mut delegated = None;
    loop {
        match client.search(&any).map_err(|refused| anyhow!("{refused}"))? {
            Search::Needs(Need::File { name, .. }) => {
                client.give(file(&name)).map_err(|refused| anyhow!("{refused}"))?;
                delegated = file(&name);
            }
            Search::Needs(Need::Nothing) => bail!("the snapshot does not name {}", desk.role()),
            Search::Found(_) | Search::NotListed => break,
        }
    }
    let delegated = delegated.ok_or_else(|| anyhow!("nobody answers for {} releases", desk.kind()))?;
    let targets = client.snapshot().and_then(|snapshot| snapshot.files.get("targets"));
    let targets = targets.and_then(|listed| file(&format!("{}.targets.json", listed.version)));
    let targets = targets.ok_or_else(|| anyhow!("the targets metadata is missing"))?;
    let roots: Vec<_> =
        (2..=client.root_version()).filter_map(|n| file(&format!("{n}.root.json")).map(<[u8]>::to_vec)).collect();
    let listed = entries(desk.kind(), delegated)?;
    for entry in &listed {
        let artifact = desk.artifact(entry.reference.version)?;
        let bundle = Bundle { roots: &roots, targets, delegated, artifact: &artifact };
        // What a therapy controller checks is the stricter of the two, for every kind.
        match therapy::verify(first, &bundle, &entry.reference, &Floors::default()) {
            Ok(_) => {}
            Err(refused) if entry.withdrawn.is_some() && matches!(refused.why, Why::Withdrawn(_)) => {}
            Err(refused) => bail!("{refused}"),
        }
    }
    Ok(listed)
}
