//! `wardline backup`, `wardline restore` and `wardline keys`: everything in one file and back, and new keys over old data.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use wardline_hub::keys::Keys;
use wardline_store::{Store, StoreError};

use crate::data;
use crate::init::{at_the_command_line, open_store, read_config};
use crate::print;
use crate::root_key::RootCommand;

/// Writes everything that the hub knows at this moment into one new file, while the hub runs on. What is sensitive stays encrypted: the file opens only with
/// the hub's master key, of which you keep a copy apart.
#[derive(Args)]
pub struct Backup {
    /// The data folder
    #[arg(long, default_value = data::DEFAULT, value_name = "FOLDER")]
    data: PathBuf,
    /// The new file
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Makes a database out of a backup, for the hub in this data folder, whose database must be gone. The file is checked
/// whole before anything is written.
#[derive(Args)]
pub struct Restore {
    /// The backup
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The data folder, with the hub's configuration and keys
    #[arg(long, default_value = data::DEFAULT, value_name = "FOLDER")]
    data: PathBuf,
}

/// The hub's own keys.
#[derive(Args)]
pub struct KeysCommand {
    #[command(subcommand)]
    command: KeysAct,
}

#[derive(Subcommand)]
enum KeysAct {
    /// Encrypt what is sensitive under a new data key; with --master, seal every key file under a new master key too
    Rotate(Rotate),
    /// The fleet's root key, which a running hub does not need
    #[command(subcommand)]
    Root(RootCommand),
}

#[derive(Args)]
struct Rotate {
    /// The data folder of a hub that is not running
    #[arg(long, default_value = data::DEFAULT, value_name = "FOLDER")]
    data: PathBuf,
    /// Make a new master key as well. Older backups keep needing the old one
    #[arg(long)]
    master: bool,
    /// Why: it is kept in the audit trail
    #[arg(long, short)]
    reason: String,
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

impl Backup {
    /// Writes the file.
    pub fn run(self) -> anyhow::Result<()> {
        let (_, config) = read_config(&self.data)?;
        let keys = Keys::open(&config.folder.join("keys"))?;
        let url = config.database_url();
        let made = runtime()?.block_on(async {
            let with = |master| Store::backup_beside(&url, master, &self.to, print::now());
            // When a change of the master key was interrupted, either of the two may be the one.
            match (with(keys.master()).await, keys.next()) {
                (Err(StoreError::WrongKey { .. }), Some(next)) => with(next).await,
                (made, _) => made,
            }
        })?;
        println!(
            "{}: {} rows, {} KiB, as of {}.",
            self.to.display(),
            made.rows,
            made.bytes >> 10,
            print::moment(made.made)
        );
        println!("It opens only with the master key in {}.", config.folder.join("keys").display());
        Ok(())
    }
}

impl Restore {
    /// Makes the database.
    pub fn run(self) -> anyhow::Result<()> {
        let (folder, config) = read_config(&self.data)?;
        let _lock = folder.lock()?;
        let keys = Keys::open(&config.folder.join("keys"))?;
        let runtime = runtime()?;
        let made = runtime.block_on(Store::restore(&self.from, &config.database_url(), keys.master()))?;
        println!("Restored {} rows as of {}.", made.rows, print::moment(made.made));
        println!("Pumps that got newer goals since then are given goals above those: nothing goes back.");
        // The file was whole; whether what it holds was tampered with before it was made is another question.
        crate::audit::verify_database(&runtime, &config)
    }
}

impl KeysCommand {
    /// Rotates.
    pub fn run(self) -> anyhow::Result<()> {
        let rotate = match self.command {
            KeysAct::Rotate(rotate) => rotate,
            KeysAct::Root(root) => return root.run(),
        };
        let (folder, config) = read_config(&rotate.data)?;
        let _lock = folder.lock()?;
        let by = at_the_command_line(&rotate.reason);
        runtime()?.block_on(async {
            let (mut keys, store) = open_store(&config, print::now()).await?;
            let number = store.rotate_data_key(&by).await?;
            println!("What is sensitive is encrypted under a new data key now ({number}).");
            if rotate.master {
                // The new key is on the disk before the database or a file depends on it.
                store.change_master_key(keys.begin_change()?, &by).await?;
                keys.finish_change()?;
                println!("Every key file is sealed under a new master key. Keep a copy of it apart from backups.");
            }
            store.close().await;
            anyhow::Ok(())
        })
    }
}
