//! The TUF client workflow, complete (TUF specification 5.1 to 5.7), as a machine that is fed bytes.
//!
//! | state | needs | goes to |
//! |---|---|---|
//! | `Root` | `N+1.root.json`, until the repository has none | `Timestamp` |
//! | `Timestamp` | `timestamp.json` | `Snapshot`, or stays with what it knew |
//! | `Snapshot` | the snapshot that the timestamp names | `Targets` |
//! | `Targets` | the top-level targets that the snapshot names | `Ready` |
//! | `Ready` | nothing; or the delegated role that a search asks for | `Ready` |
//!
//! It fetches nothing itself: [`Client::need`] says what file is next and how long it may be, [`Client::give`] takes its
//! bytes and answers with what to persist. Whatever is refused changes nothing. The time is recorded once, at the
//! start (5.1).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use wardline_model::{ReleaseRef, Time, Version, covers};

use crate::limits::*;
use crate::meta::{MetaFile, Metadata, Root, Signed, Snapshot, TargetFile, Targets, Timestamp, read};
use crate::refused::{Refused, Why};
use crate::release::{Release, release_path, sha256};
use crate::threshold::{Keys, Signers};
use crate::verified::Verified;

/// The files that a client kept from earlier runs, by role name. They are verified again: a disk is not trusted.
pub type Stored = BTreeMap<String, Vec<u8>>;

/// What the machine needs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// This metadata file, of at most `limit` bytes. For a root, "there is none" is an ordinary answer.
    File {
        /// The role.
        role: String,
        /// The name in the repository.
        name: String,
        /// Longest allowed.
        limit: u64,
    },
    /// Nothing: everything is verified and fresh.
    Nothing,
}

/// What must be on the disk before going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Persist {
    /// Keep this file for this role.
    Write {
        /// The role.
        role: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Forget this role's file (fast-forward recovery, 5.3.11).
    Remove {
        /// The role.
        role: String,
    },
}

/// A target as the metadata lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path.
    pub path: String,
    /// What is signed about it.
    pub file: TargetFile,
    /// The role that lists it.
    pub role: String,
    /// That role's threshold.
    pub threshold: u32,
}

/// Where a search for a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// It is listed.
    Found(Listed),
    /// This delegated role must be given first ([`Client::give`]).
    Needs(Need),
    /// Nobody lists it.
    NotListed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Root,
    Timestamp,
    Snapshot,
    Targets,
    Ready,
}

/// One run of the workflow.
#[derive(Clone, Debug)]
pub struct Client {
    started: Time,
    stage: Stage,
    rotations: u32,
    root: Root,
    timestamp: Option<Timestamp>,
    snapshot: Option<Snapshot>,
    old_snapshot: Option<Snapshot>,
    targets: Option<Targets>,
    delegated: BTreeMap<String, Targets>,
    wanted: Option<(String, Signers, Keys)>,
    stored: Stored,
}

impl Client {
    /// Starts from a root that is already trusted and from what was kept. The time is fixed for the whole run.
    ///
    /// # Errors
    /// When the trusted root cannot be read or does not sign itself.
    pub fn start(trusted_root: &[u8], stored: Stored, started: Time) -> Result<Self, Refused> {
        let root: Signed<Root> = read(trusted_root, MAX_ROOT_BYTES).map_err(|why| why.about("root"))?;
        root.check(&root.meta.root, &root.meta.keys).map_err(|why| why.about("root"))?;
        Ok(Self {
            started,
            stage: Stage::Root,
            rotations: 0,
            root: root.meta,
            timestamp: None,
            snapshot: None,
            old_snapshot: None,
            targets: None,
            delegated: BTreeMap::new(),
            wanted: None,
            stored,
        })
    }

    /// The newest root that is trusted now.
    #[must_use]
    pub const fn root_version(&self) -> u64 {
        self.root.common.version
    }

    /// The root that is trusted now.
    #[must_use]
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The verified timestamp, once there is one.
    #[must_use]
    pub const fn timestamp(&self) -> Option<&Timestamp> {
        self.timestamp.as_ref()
    }

    /// The verified snapshot, once there is one.
    #[must_use]
    pub const fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// The verified top-level targets, once there are some.
    #[must_use]
    pub const fn targets(&self) -> Option<&Targets> {
        self.targets.as_ref()
    }

    /// A verified delegated role, once it was given.
    #[must_use]
    pub fn delegated(&self, role: &str) -> Option<&Targets> {
        self.delegated.get(role)
    }

    /// What is needed next.
    #[must_use]
    pub fn need(&self) -> Need {
        let (role, name, limit) = match self.stage {
            Stage::Root => ("root", format!("{}.root.json", self.root.common.version + 1), MAX_ROOT_BYTES),
            Stage::Timestamp => ("timestamp", "timestamp.json".to_string(), MAX_TIMESTAMP_BYTES),
            Stage::Snapshot => match &self.timestamp {
                Some(timestamp) => return self.file("snapshot", &timestamp.snapshot, MAX_SNAPSHOT_BYTES),
                None => return Need::Nothing,
            },
            Stage::Targets => match self.snapshot.as_ref().and_then(|s| s.files.get("targets")) {
                Some(file) => return self.file("targets", file, MAX_TARGETS_BYTES),
                None => return Need::Nothing,
            },
            Stage::Ready => match &self.wanted {
                Some((role, ..)) => return self.role_file(role),
                None => return Need::Nothing,
            },
        };
        Need::File { role: role.to_string(), name, limit }
    }

    fn role_file(&self, role: &str) -> Need {
        self.snapshot
            .as_ref()
            .and_then(|snapshot| snapshot.files.get(role))
            .map_or(Need::Nothing, |file| self.file(role, file, MAX_TARGETS_BYTES))
    }

    fn file(&self, role: &str, file: &MetaFile, limit: u64) -> Need {
        let name = if self.root.consistent_snapshot {
            format!("{}.{role}.json", file.version)
        } else {
            format!("{role}.json")
        };
        Need::File { role: role.to_string(), name, limit: file.length.map_or(limit, |length| length.min(limit)) }
    }

    /// Takes the answer to [`Client::need`]: the bytes, or `None` when the repository has no such file.
    ///
    /// # Errors
    /// The file and what was wrong with it; nothing of it was believed.
    pub fn give(&mut self, answer: Option<&[u8]>) -> Result<Vec<Persist>, Refused> {
        covers!("N13");
        match self.stage {
            Stage::Root => self.give_root(answer).map_err(|why| why.about("root")),
            Stage::Timestamp => {
                let bytes = answer.ok_or_else(|| Why::Missing.about("timestamp"))?;
                self.give_timestamp(bytes).map_err(|why| why.about("timestamp"))
            }
            Stage::Snapshot => {
                let bytes = answer.ok_or_else(|| Why::Missing.about("snapshot"))?;
                self.give_snapshot(bytes).map_err(|why| why.about("snapshot"))
            }
            Stage::Targets => {
                let bytes = answer.ok_or_else(|| Why::Missing.about("targets"))?;
                self.give_targets(bytes).map_err(|why| why.about("targets"))
            }
            Stage::Ready => {
                let Some((role, signers, keys)) = self.wanted.clone() else { return Ok(Vec::new()) };
                let bytes = answer.ok_or_else(|| Why::Missing.about(&role))?;
                self.give_delegated(&role, &signers, &keys, bytes).map_err(|why| why.about(&role))
            }
        }
    }

    /// 5.3: roots one by one, each signed by the old and by the new.
    fn give_root(&mut self, answer: Option<&[u8]>) -> Result<Vec<Persist>, Why> {
        let Some(bytes) = answer else { return self.root_is_newest() };
        if self.rotations >= MAX_ROOT_ROTATIONS {
            return Err(Why::TooManySteps(MAX_ROOT_ROTATIONS));
        }
        let new = next_root(&self.root, bytes)?;
        let mut persist = vec![Persist::Write { role: "root".into(), bytes: bytes.to_vec() }];
        let changed = |old: &Signers, new_signers: &Signers| {
            old.key_ids.iter().any(|id| !new_signers.key_ids.contains(id) || self.root.keys.get(id) != new.keys.get(id))
        };
        if changed(&self.root.timestamp, &new.timestamp) || changed(&self.root.snapshot, &new.snapshot) {
            for role in ["timestamp", "snapshot"] {
                if self.stored.remove(role).is_some() {
                    persist.push(Persist::Remove { role: role.into() });
                }
            }
        }
        self.root = new;
        self.rotations += 1;
        Ok(persist)
    }

    fn root_is_newest(&mut self) -> Result<Vec<Persist>, Why> {
        if self.root.common.expires <= self.started {
            return Err(Why::Expired(self.root.common.expires));
        }
        self.stage = Stage::Timestamp;
        // What was kept speaks for rollback checks only if it still verifies; expiry does not matter for that (5.4.3).
        self.timestamp = self.kept("timestamp", &self.root.timestamp, &self.root.keys, MAX_TIMESTAMP_BYTES);
        self.old_snapshot = self.kept("snapshot", &self.root.snapshot, &self.root.keys, MAX_SNAPSHOT_BYTES);
        Ok(Vec::new())
    }

    fn kept<T: Metadata>(&self, role: &str, signers: &Signers, keys: &Keys, limit: u64) -> Option<T> {
        let signed: Signed<T> = read(self.stored.get(role)?, limit).ok()?;
        signed.check(signers, keys).ok()?;
        Some(signed.meta)
    }

    /// 5.4
    fn give_timestamp(&mut self, bytes: &[u8]) -> Result<Vec<Persist>, Why> {
        let new: Signed<Timestamp> = read(bytes, MAX_TIMESTAMP_BYTES)?;
        new.check(&self.root.timestamp, &self.root.keys)?;
        let mut persist = Vec::new();
        match &self.timestamp {
            Some(old) if new.meta.common.version < old.common.version => {
                return Err(Why::Rollback { got: new.meta.common.version, known: old.common.version });
            }
            Some(old) if new.meta.snapshot.version < old.snapshot.version => {
                return Err(Why::Rollback { got: new.meta.snapshot.version, known: old.snapshot.version });
            }
            Some(old) if new.meta.common.version == old.common.version => fresh(old.common.expires, self.started)?,
            Some(_) | None => {
                fresh(new.meta.common.expires, self.started)?;
                persist.push(self.keep("timestamp", bytes));
                self.timestamp = Some(new.meta);
            }
        }
        self.stage = Stage::Snapshot;
        self.use_kept_snapshot(&mut persist);
        Ok(persist)
    }

    fn use_kept_snapshot(&mut self, persist: &mut Vec<Persist>) {
        if let Some(bytes) = self.stored.get("snapshot").cloned()
            && let Ok(more) = self.give_snapshot(&bytes)
        {
            persist.extend(more);
        }
    }

    /// 5.5
    fn give_snapshot(&mut self, bytes: &[u8]) -> Result<Vec<Persist>, Why> {
        let announced = self.timestamp.as_ref().ok_or(Why::Missing)?.snapshot;
        as_announced(bytes, &announced)?;
        let new: Signed<Snapshot> = read(bytes, MAX_SNAPSHOT_BYTES)?;
        new.check(&self.root.snapshot, &self.root.keys)?;
        right_version(new.meta.common.version, announced.version)?;
        if let Some(old) = &self.old_snapshot {
            for (role, known) in &old.files {
                let file = new.meta.files.get(role).ok_or_else(|| Why::Vanished(role.clone()))?;
                if file.version < known.version {
                    return Err(Why::Rollback { got: file.version, known: known.version });
                }
            }
        }
        fresh(new.meta.common.expires, self.started)?;
        if !new.meta.files.contains_key("targets") {
            return Err(Why::Shape("meta.targets.json"));
        }
        let mut persist = vec![self.keep("snapshot", bytes)];
        self.snapshot = Some(new.meta);
        self.stage = Stage::Targets;
        if let Some(kept) = self.stored.get("targets").cloned()
            && let Ok(more) = self.give_targets(&kept)
        {
            persist.extend(more);
        }
        Ok(persist)
    }

    /// 5.6
    fn give_targets(&mut self, bytes: &[u8]) -> Result<Vec<Persist>, Why> {
        let (signers, keys) = (self.root.targets.clone(), self.root.keys.clone());
        let targets = self.targets_file("targets", &signers, &keys, bytes)?;
        self.targets = Some(targets);
        self.stage = Stage::Ready;
        Ok(vec![self.keep("targets", bytes)])
    }

    fn give_delegated(
        &mut self,
        role: &str,
        signers: &Signers,
        keys: &Keys,
        bytes: &[u8],
    ) -> Result<Vec<Persist>, Why> {
        let targets = self.targets_file(role, signers, keys, bytes)?;
        self.delegated.insert(role.to_string(), targets);
        self.wanted = None;
        Ok(vec![self.keep(role, bytes)])
    }

    fn targets_file(&self, role: &str, signers: &Signers, keys: &Keys, bytes: &[u8]) -> Result<Targets, Why> {
        let announced = self.snapshot.as_ref().and_then(|s| s.files.get(role)).ok_or(Why::Missing)?;
        as_announced(bytes, announced)?;
        let new: Signed<Targets> = read(bytes, MAX_TARGETS_BYTES)?;
        new.check(signers, keys)?;
        right_version(new.meta.common.version, announced.version)?;
        fresh(new.meta.common.expires, self.started)?;
        Ok(new.meta)
    }

    fn keep(&mut self, role: &str, bytes: &[u8]) -> Persist {
        self.stored.insert(role.to_string(), bytes.to_vec());
        Persist::Write { role: role.to_string(), bytes: bytes.to_vec() }
    }

    /// 5.6.7 and 5.7: pre-order, depth first, in the listed order. Call again after giving what it needs.
    ///
    /// # Errors
    /// [`Why::TooManySteps`] when the delegations are a maze; [`Why::Missing`] before the run reached `Ready`.
    pub fn search(&mut self, path: &str) -> Result<Search, Refused> {
        let top = self.targets.as_ref().ok_or_else(|| Why::Missing.about("targets"))?;
        let mut todo: Vec<(String, u32, &Targets)> = vec![("targets".to_string(), self.root.targets.threshold, top)];
        let mut visited = Vec::new();
        let mut queue: Vec<(String, Signers, Keys)> = Vec::new();
        loop {
            let (role, threshold, targets) = match todo.pop() {
                Some(next) => next,
                None => {
                    let Some((role, signers, keys)) = queue.pop() else { return Ok(Search::NotListed) };
                    if visited.contains(&role) {
                        continue;
                    }
                    match self.delegated.get(&role) {
                        Some(targets) => (role, signers.threshold, targets),
                        None => return self.want(role, signers, keys),
                    }
                }
            };
            if visited.len() as u32 > MAX_DELEGATIONS {
                return Err(Why::TooManySteps(MAX_DELEGATIONS).about(path));
            }
            if let Some(file) = targets.targets.get(path) {
                return Ok(Search::Found(Listed { path: path.to_string(), file: file.clone(), role, threshold }));
            }
            let mut children = Vec::new();
            for delegation in targets.delegations.iter().filter(|delegation| delegation.covers(path)) {
                children.push((delegation.name.clone(), delegation.signers.clone(), targets.keys.clone()));
                if delegation.terminating {
                    queue.clear();
                    break;
                }
            }
            queue.extend(children.into_iter().rev());
            visited.push(role);
        }
    }

    /// Uses the kept file of a delegated role if it still fits, else asks for it.
    fn want(&mut self, role: String, signers: Signers, keys: Keys) -> Result<Search, Refused> {
        if self.snapshot.as_ref().is_none_or(|snapshot| !snapshot.files.contains_key(&role)) {
            return Err(Why::Missing.about(&role));
        }
        self.wanted = Some((role.clone(), signers.clone(), keys.clone()));
        if let Some(kept) = self.stored.get(&role).cloned()
            && let Ok(targets) = self.targets_file(&role, &signers, &keys, &kept)
        {
            self.delegated.insert(role.clone(), targets);
            self.wanted = None;
            return Ok(Search::Needs(Need::Nothing));
        }
        Ok(Search::Needs(self.role_file(&role)))
    }

    /// Judges a found target as the release that a goal asks for.
    ///
    /// # Errors
    /// Wrong role, withdrawn, below the floor, or not what was asked for.
    pub fn release(&self, listed: &Listed, asked: &ReleaseRef, floor: Version) -> Result<Verified<Release>, Refused> {
        if listed.path != release_path(asked.kind, asked.version) {
            return Err(Why::NotWhatWasAsked(asked.kind).about(&listed.path));
        }
        Release::from_listed(asked, &listed.file, (&listed.role, listed.threshold), floor)
            .map(Verified::proven)
            .map_err(|why| why.about(&listed.path))
    }
}

/// An artifact's bytes that are exactly what was signed.
///
/// # Errors
/// Length or digest.
pub fn artifact(release: &Verified<Release>, bytes: Vec<u8>) -> Result<Verified<Vec<u8>>, Refused> {
    covers!("N4");
    release.check_artifact(&bytes).map_err(|why| why.about(&release.path))?;
    Ok(Verified::proven(bytes))
}

/// 5.3.4 and 5.3.5: signed by the threshold of the old root and of the new one, and exactly the next number.
pub(crate) fn next_root(trusted: &Root, bytes: &[u8]) -> Result<Root, Why> {
    let new: Signed<Root> = read(bytes, MAX_ROOT_BYTES)?;
    new.check(&trusted.root, &trusted.keys)?;
    new.check(&new.meta.root, &new.meta.keys)?;
    right_version(new.meta.common.version, trusted.common.version + 1)?;
    Ok(new.meta)
}

fn as_announced(bytes: &[u8], announced: &MetaFile) -> Result<(), Why> {
    if let Some(expected) = announced.length
        && bytes.len() as u64 != expected
    {
        return Err(Why::Length { got: bytes.len() as u64, expected });
    }
    if let Some(expected) = announced.sha256 {
        let got = sha256(bytes);
        if got != expected {
            return Err(Why::Digest { got, expected });
        }
    }
    Ok(())
}

const fn right_version(got: u64, expected: u64) -> Result<(), Why> {
    if got == expected { Ok(()) } else { Err(Why::WrongVersion { got, expected }) }
}

fn fresh(expires: Time, now: Time) -> Result<(), Why> {
    if expires <= now { Err(Why::Expired(expires)) } else { Ok(()) }
}
