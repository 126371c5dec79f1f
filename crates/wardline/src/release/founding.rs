//! `wardline release init` and `key`: how people come to their keys.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use wardline_release::key::PublicKey;

use super::desk::{Desk, Founders, digest};
use super::key::{Cost, Duty, KeyFile, OpenKey, check_holder, file_name};
use super::pass::{Asked, From};
use crate::data::private_folder;
use crate::print;

/// Makes a signing desk: a key for each person, each in its own sealed file, and the first root.
///
/// The root's people together can replace everybody's keys. Two pharmacists sign every drug library. Snapshot, timestamp
/// and targets are the desk's own keys; they say what is new and who answers for what, and cannot make a library.
#[derive(Args)]
pub struct Init {
    /// A person who holds the root; name two at least
    #[arg(long, value_name = "NAME", required = true)]
    root: Vec<String>,
    /// A pharmacist whose key is made here
    #[arg(long, value_name = "NAME")]
    pharmacist: Vec<String>,
    /// A pharmacist's key file, made by `wardline release key` on their own machine; only its public half is read
    #[arg(long, value_name = "FILE")]
    pharmacist_key: Vec<PathBuf>,
    /// A person of IT security who says which authorities pumps believe; where there are two, both sign
    #[arg(long, value_name = "NAME")]
    security: Vec<String>,
    #[command(flatten)]
    pass: From,
}

/// Appoints the people of IT security who sign trust anchors (`wardline ca roll-over`), in place of those before. Where two
/// are named, two sign.
#[derive(Args)]
pub struct Appoint {
    /// A person whose key is made here
    #[arg(long, value_name = "NAME")]
    security: Vec<String>,
    /// A person's key file, made by `wardline release key --duty trust`; only its public half is read
    #[arg(long, value_name = "FILE")]
    security_key: Vec<PathBuf>,
    /// The key that says who answers for what [default: the one in the desk's keys folder]
    #[arg(long, value_name = "FILE")]
    targets_key: Option<PathBuf>,
    /// The key that signs snapshots [default: the one in the desk's keys folder]
    #[arg(long, value_name = "FILE")]
    snapshot_key: Option<PathBuf>,
    /// The key that signs timestamps [default: the one in the desk's keys folder]
    #[arg(long, value_name = "FILE")]
    timestamp_key: Option<PathBuf>,
    #[command(flatten)]
    pass: From,
}

impl Appoint {
    /// Makes keys where they are asked for, and signs who answers for trust anchors.
    pub fn run(self, desk: &Desk, dir: &Path) -> anyhow::Result<()> {
        let new: Vec<_> =
            self.security.iter().map(|name| OpenKey::generate(name, Duty::Trust)).collect::<Result<_, _>>()?;
        let mut people: Vec<_> = new.iter().map(|key| (key.holder.clone(), key.public())).collect();
        people.extend(public_halves(&self.security_key, Duty::Trust)?);
        let open = |path: &Option<PathBuf>, duty: Duty| {
            let path = path.clone().map_or_else(|| only_key(dir, duty), Ok)?;
            let file = KeyFile::read(&path)?;
            file.open(&self.pass.get(&format!("{} ({})", file.holder, duty.as_str()), Asked::Known)?)
        };
        let targets = open(&self.targets_key, Duty::Targets)?;
        let (snapshot, timestamp) =
            (open(&self.snapshot_key, Duty::Snapshot)?, open(&self.timestamp_key, Duty::Timestamp)?);
        for key in &new {
            let whose = format!("{} ({})", key.holder, key.duty.as_str());
            let sealed = key.seal(&self.pass.get(&whose, Asked::New)?, Cost::Real)?;
            sealed.write(&Desk::keys(dir).join(file_name(&key.holder, key.duty)))?;
        }
        desk.appoint(&people, &targets, (&snapshot, &timestamp), print::now())?;
        let names: Vec<_> = people.iter().map(|(holder, _)| holder.as_str()).collect();
        println!(
            "{} sign trust anchors from now on. Give the hub the news: wardline release publish",
            names.join(" and ")
        );
        Ok(())
    }
}

/// The people of these key files, who must have this duty.
fn public_halves(files: &[PathBuf], duty: Duty) -> anyhow::Result<Vec<(String, PublicKey)>> {
    let read = |path: &PathBuf| {
        let file = KeyFile::read(path)?;
        if file.duty != duty {
            bail!("{} is a key for {}, not for {}", path.display(), file.duty.as_str(), duty.as_str());
        }
        Ok((file.holder.clone(), file.public()?))
    };
    files.iter().map(read).collect()
}

/// Makes one person's key in a sealed file.
#[derive(Args)]
pub struct NewKey {
    /// Their name
    #[arg(long)]
    holder: String,
    /// What they will sign
    #[arg(long, value_enum, default_value = "drug-library")]
    duty: Duty,
    /// The file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    pass: From,
}

impl NewKey {
    /// Makes the key.
    pub fn run(self) -> anyhow::Result<()> {
        let key = OpenKey::generate(&self.holder, self.duty)?;
        key.seal(&self.pass.get(&self.holder, Asked::New)?, Cost::Real)?.write(&self.out)?;
        println!("{} holds a key for {} in {}.", self.holder, self.duty.as_str(), self.out.display());
        println!("Public key {}", key.public().to_hex());
        Ok(())
    }
}

impl Init {
    /// Makes everybody's keys and the desk.
    pub fn run(self, dir: &Path) -> anyhow::Result<()> {
        if dir.join("metadata").exists() {
            bail!("{} is a signing desk already", dir.display());
        }
        for holder in self.root.iter().chain(&self.pharmacist).chain(&self.security) {
            check_holder(holder)?;
        }
        let make = |holder: &str, duty| OpenKey::generate(holder, duty);
        let root: Vec<_> = self.root.iter().map(|holder| make(holder, Duty::Root)).collect::<Result<_, _>>()?;
        let desk = |duty| make("Signing desk", duty);
        let (timestamp, snapshot, targets) = (desk(Duty::Timestamp)?, desk(Duty::Snapshot)?, desk(Duty::Targets)?);
        let new: Vec<_> = self.pharmacist.iter().map(|h| make(h, Duty::DrugLibrary)).collect::<Result<_, _>>()?;
        let mut pharmacists: Vec<(String, PublicKey)> =
            new.iter().map(|key| (key.holder.clone(), key.public())).collect();
        pharmacists.extend(public_halves(&self.pharmacist_key, Duty::DrugLibrary)?);
        let security: Vec<_> =
            self.security.iter().map(|holder| make(holder, Duty::Trust)).collect::<Result<_, _>>()?;
        let trusted: Vec<_> = security.iter().map(|key| (key.holder.clone(), key.public())).collect();
        let founders = Founders {
            root: &root,
            timestamp: &timestamp,
            snapshot: &snapshot,
            targets: &targets,
            pharmacists: &pharmacists,
            security: &trusted,
        };
        super::check::founders(&founders)?;
        let mut sealed = Vec::new();
        for key in root.iter().chain([&timestamp, &snapshot, &targets]).chain(&new).chain(&security) {
            let whose = format!("{} ({})", key.holder, key.duty.as_str());
            sealed.push(key.seal(&self.pass.get(&whose, Asked::New)?, Cost::Real)?);
        }
        private_folder(dir)?;
        let keys = Desk::keys(dir);
        private_folder(&keys)?;
        for file in &sealed {
            file.write(&keys.join(file_name(&file.holder, file.duty)))?;
        }
        let desk = Desk::found(dir, &founders, print::now())?;
        founded(dir, &desk, &sealed)
    }
}

fn founded(dir: &Path, desk: &Desk, sealed: &[KeyFile]) -> anyhow::Result<()> {
    println!("The signing desk is {}. These keys were made:", dir.display());
    let row =
        |file: &KeyFile| vec![file.holder.clone(), file.duty.as_str().to_owned(), file_name(&file.holder, file.duty)];
    println!("{}", print::table(&["whose", "signs", "file"], sealed.iter().map(row).collect()));
    println!(
        "Give each person their file out of {} and delete it there; keep a copy of the root",
        Desk::keys(dir).display()
    );
    println!("keys in two safes. Nobody needs another's passphrase, and the hub needs none of this.");
    println!("\nPumps pin {}, SHA-256", dir.join("metadata/1.root.json").display());
    println!("  {}", digest(&desk.first_root()?));
    Ok(())
}

/// The desk's own key of a duty, which lies in its keys folder.
pub fn only_key(dir: &Path, duty: Duty) -> anyhow::Result<PathBuf> {
    let folder = Desk::keys(dir);
    let prefix = format!("{}-", duty.as_str());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(&prefix) && name.ends_with(".key.json") {
            found.push(path);
        }
    }
    match found.pop() {
        Some(path) if found.is_empty() => Ok(path),
        Some(_) => bail!("{} holds several {} keys: name one", folder.display(), duty.as_str()),
        None => bail!("{} holds no {1} key: name it with --{1}-key FILE", folder.display(), duty.as_str()),
    }
}
