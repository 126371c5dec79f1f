//! The demonstration's invented people: two who hold the root, two pharmacists, and a signing desk.
//!
//! They work with the same code and the same files as `wardline release`. Their keys lie under `people/`, which the hub
//! never reads. The one thing that no hospital may copy: their passphrase lies beside them, so that the demonstration can
//! sign without asking.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use wardline_library::Library;
use wardline_release::key::hex;
use zeroize::Zeroizing;

use crate::client::Client;
use crate::data::{private_folder, write_private};
use crate::print;
use crate::release::{self, Cost, Desk, Duty, Founders, KeyFile, OpenKey, file_name};

/// Who holds the root.
const ROOT: [&str; 2] = ["Ana Lima", "Bo Berg"];
/// The pharmacists.
const PHARMACISTS: [&str; 2] = ["Cy Dahl", "Di Eng"];
/// Whose the desk's own keys are.
const DESK: &str = "Signing desk";

/// The people, with the keys that the demonstration needs now.
pub struct People {
    desk: Desk,
    pharmacists: Vec<OpenKey>,
    snapshot: OpenKey,
    timestamp: OpenKey,
}

impl People {
    /// Finds them, or invents them.
    pub fn open_or_make(folder: &Path) -> anyhow::Result<Self> {
        let dir = folder.join("release-desk");
        if !dir.join("people.json").exists() {
            return Self::make(folder, &dir);
        }
        let passphrase = fs::read_to_string(beside(folder)).context("the invented people's passphrase is gone")?;
        let passphrase = Zeroizing::new(passphrase);
        let open = |holder: &str, duty| {
            KeyFile::read(&Desk::keys(&dir).join(file_name(holder, duty)))?.open(passphrase.trim())
        };
        Ok(Self {
            desk: Desk::open(&dir)?,
            pharmacists: PHARMACISTS.iter().map(|name| open(name, Duty::DrugLibrary)).collect::<Result<_, _>>()?,
            snapshot: open(DESK, Duty::Snapshot)?,
            timestamp: open(DESK, Duty::Timestamp)?,
        })
    }

    fn make(folder: &Path, dir: &Path) -> anyhow::Result<Self> {
        let make = OpenKey::generate;
        let root: Vec<_> = ROOT.iter().map(|name| make(name, Duty::Root)).collect::<Result<_, _>>()?;
        let pharmacists: Vec<_> =
            PHARMACISTS.iter().map(|name| make(name, Duty::DrugLibrary)).collect::<Result<_, _>>()?;
        let (timestamp, snapshot) = (make(DESK, Duty::Timestamp)?, make(DESK, Duty::Snapshot)?);
        let targets = make(DESK, Duty::Targets)?;
        let public: Vec<_> = pharmacists.iter().map(|key| (key.holder.clone(), key.public())).collect();
        let founders = Founders {
            root: &root,
            timestamp: &timestamp,
            snapshot: &snapshot,
            targets: &targets,
            pharmacists: &public,
            security: &[],
        };
        let passphrase = passphrase()?;
        write_private(&beside(folder), passphrase.as_bytes())?;
        // What an interrupted first run left is nobody's: no pump has pinned it.
        let _ = fs::remove_dir_all(dir);
        private_folder(dir)?;
        private_folder(&Desk::keys(dir))?;
        for key in root.iter().chain(&pharmacists).chain([&timestamp, &snapshot, &targets]) {
            let path = Desk::keys(dir).join(file_name(&key.holder, key.duty));
            key.seal(&passphrase, Cost::Invented)?.write(&path)?;
        }
        let desk = Desk::found(dir, &founders, print::now())?;
        Ok(Self { desk, pharmacists, snapshot, timestamp })
    }

    /// The root that pumps and their therapy controllers pin.
    pub fn first_root(&self) -> anyhow::Result<Vec<u8>> {
        self.desk.first_root()
    }

    /// The newest library that was published.
    pub fn newest(&self) -> anyhow::Result<Option<Library>> {
        let newest = self.desk.published()?.iter().map(|entry| entry.reference.version).max();
        newest.map(|version| self.desk.library(version)).transpose()
    }

    /// The first library that was published.
    pub fn oldest(&self) -> anyhow::Result<Option<Library>> {
        let oldest = self.desk.published()?.iter().map(|entry| entry.reference.version).min();
        oldest.map(|version| self.desk.library(version)).transpose()
    }

    /// Gives the hub what is published here; what it has already changes nothing.
    pub fn send(&self, client: &Client) -> anyhow::Result<()> {
        release::send(client, serde_json::to_vec(&self.desk.upload()?)?)?;
        Ok(())
    }

    /// Drafts, signs twice, publishes, and gives it to the hub. What an earlier run published is only sent again.
    pub fn publish(&self, client: &Client, library: &Library) -> anyhow::Result<()> {
        let known = self.desk.published()?.iter().any(|entry| entry.reference.version == library.version());
        if !known {
            self.desk.drop_draft()?;
            self.desk.draft(library, "made for the demonstration", print::now())?;
            for pharmacist in &self.pharmacists {
                self.desk.sign(pharmacist)?;
            }
            self.desk.publish(&self.snapshot, &self.timestamp, print::now())?;
        }
        self.send(client)
    }

    /// Both pharmacists, as a sentence names them.
    pub fn names(&self) -> String {
        self.pharmacists.iter().map(|key| key.holder.as_str()).collect::<Vec<_>>().join(" and ")
    }
}

fn beside(folder: &Path) -> PathBuf {
    folder.join("passphrase-of-invented-people")
}

fn passphrase() -> anyhow::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; 16]);
    getrandom::fill(&mut *bytes).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    Ok(Zeroizing::new(hex(&*bytes)))
}
