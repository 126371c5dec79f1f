//! `wardline keys root`: takes the fleet's root key off the hub, and brings it back for the day when it signs again.
//!
//! A running hub never needs the root key: the issuing authority signs everything. So it can lie in a safe, in a file that
//! opens with a passphrase (Argon2id and AES-256-GCM). It leaves the hub only after the file was written, read back and
//! opened, and it comes back only beside the certificate that it belongs to.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use wardline_hub::keys::Keys;
use wardline_pki::{Authority, P256Key};
use wardline_release::key::{hex, unhex};
use wardline_store::Entry;
use zeroize::Zeroizing;

use crate::data::{self, write_private};
use crate::fault::{Exit, Fault};
use crate::init::{at_the_command_line, open_store, read_config};
use crate::print;
use crate::release::pass::{Asked, From};

/// RFC 9106's second recommendation: 64 MiB and three passes.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// Shorter passphrases fall to a graphics card.
const SHORTEST: usize = 12;
/// The fleet's root key.
#[derive(Subcommand)]
pub enum RootCommand {
    /// Take the root key off the hub into a file that opens with a passphrase; the hub goes on without it
    Export(Export),
    /// Put the root key back, from the file that `export` wrote
    Import(Import),
}

/// Where it goes.
#[derive(Args)]
pub struct Export {
    /// The new file: keep it in two safes, away from the hub
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    common: Common,
}

/// Where it comes from.
#[derive(Args)]
pub struct Import {
    /// The file that `export` wrote
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Common {
    /// The data folder of a hub that is not running
    #[arg(long, default_value = data::DEFAULT, value_name = "FOLDER")]
    data: PathBuf,
    /// Why: it is kept in the audit trail
    #[arg(long, short)]
    reason: String,
    #[command(flatten)]
    passphrase: From,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RootFile {
    wardline_root_key: u32,
    /// SHA-256 of the certificate that the key belongs to; bound to what is sealed.
    certificate: String,
    salt: String,
    nonce: String,
    sealed: String,
}

impl RootFile {
    fn seal(secret: &[u8], certificate: String, passphrase: &str) -> anyhow::Result<Self> {
        if passphrase.chars().count() < SHORTEST {
            bail!("the passphrase is too short: use at least {SHORTEST} characters");
        }
        let (mut salt, mut nonce) = ([0; 16], [0; NONCE_LEN]);
        for bytes in [&mut salt[..], &mut nonce[..]] {
            getrandom::fill(bytes).map_err(|error| anyhow!("no random numbers: {error}"))?;
        }
        let mut bytes = secret.to_vec();
        cipher(passphrase, &salt)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(certificate.as_bytes()),
                &mut bytes,
            )
            .map_err(|_| anyhow!("the root key could not be sealed"))?;
        let (salt, nonce, sealed) = (hex(&salt), hex(&nonce), hex(&bytes));
        Ok(Self { wardline_root_key: 1, certificate, salt, nonce, sealed })
    }

    fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let file: Self = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is not a root key that wardline exported", path.display()))?;
        if file.wardline_root_key != 1 {
            bail!("{} was written by another version of wardline", path.display());
        }
        Ok(file)
    }

    fn open(&self, passphrase: &str) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        let wrong = || {
            let why = "the root key does not open: the passphrase is another, or the file was changed".to_owned();
            Fault::ends(Exit::NotAllowed, why)
        };
        let salt = unhex(&self.salt).ok_or_else(wrong)?;
        let nonce: [u8; NONCE_LEN] = unhex(&self.nonce).and_then(|n| n.try_into().ok()).ok_or_else(wrong)?;
        let mut bytes = Zeroizing::new(unhex(&self.sealed).ok_or_else(wrong)?);
        let aad = Aad::from(self.certificate.as_bytes());
        let opened = cipher(passphrase, &salt)?
            .open_in_place(Nonce::assume_unique_for_key(nonce), aad, &mut bytes)
            .map_err(|_| wrong())?;
        Ok(Zeroizing::new(opened.to_vec()))
    }
}

fn cipher(passphrase: &str, salt: &[u8]) -> anyhow::Result<LessSafeKey> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| anyhow!("impossible parameters"))?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
        .map_err(|_| anyhow!("the passphrase cannot be used"))?;
    let key = UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| anyhow!("the passphrase cannot be used"))?;
    Ok(LessSafeKey::new(key))
}

impl RootCommand {
    /// Moves the key, with an audit record before it is gone.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Export(export) => export.run(),
            Self::Import(import) => import.run(),
        }
    }
}

impl Export {
    fn run(self) -> anyhow::Result<()> {
        let (folder, config) = read_config(&self.common.data)?;
        let _lock = folder.lock()?;
        let keys = Keys::open(&config.folder.join("keys"))?;
        let name = &name_of(&config)?;
        let certificate = keys.cert(name)?.fingerprint().to_string();
        if !keys.has(name) {
            bail!("the root key is not on this hub: it was exported before");
        }
        let secret = keys.unseal(name)?;
        let passphrase = self.common.passphrase.get("the root key", Asked::New)?;
        if self.to.exists() {
            bail!("{} exists already: keys are never written over", self.to.display());
        }
        let file = RootFile::seal(&secret, certificate.clone(), &passphrase)?;
        write_private(&self.to, &serde_json::to_vec_pretty(&file)?)?;
        // Read back from the disk and opened, before the hub lets go of its own.
        if *RootFile::read(&self.to)?.open(&passphrase)? != *secret {
            bail!("{} does not hold what was written; the key is still on the hub", self.to.display());
        }
        record(&self.common, &config, "keys.root-export", &certificate)?;
        keys.remove(name)?;
        println!("The root key is in {} and no longer on the hub, which goes on without it.", self.to.display());
        println!("Backups of the folder of keys that were made before still hold it: destroy them.");
        Ok(())
    }
}

impl Import {
    fn run(self) -> anyhow::Result<()> {
        let (folder, config) = read_config(&self.common.data)?;
        let _lock = folder.lock()?;
        let keys = Keys::open(&config.folder.join("keys"))?;
        let name = &name_of(&config)?;
        let passphrase = self.common.passphrase.get("the root key", Asked::Known)?;
        let secret = RootFile::read(&self.from)?.open(&passphrase)?;
        // An authority is made only of a key and the certificate that it belongs to.
        let authority = Authority::new(keys.cert(name)?, P256Key::from_pkcs8(&secret)?)
            .context("this key is not the one of this fleet's root certificate")?;
        record(&self.common, &config, "keys.root-import", &authority.cert().fingerprint().to_string())?;
        keys.seal(name, &secret)?;
        println!("The root key is on the hub again. Export it when it has signed what it must.");
        Ok(())
    }
}

/// The name under which the key of the root in use lies: another one after each change of roots.
fn name_of(config: &wardline_hub::config::Config) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (_, store) = open_store(config, print::now()).await?;
        let names = wardline_hub::trust::names_in_use(&store).await;
        store.close().await;
        let [root, _] = names?;
        anyhow::Ok(root)
    })
}

fn record(
    common: &Common,
    config: &wardline_hub::config::Config,
    action: &str,
    certificate: &str,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (_, store) = open_store(config, print::now()).await?;
        let entry = Entry::done(action, None, format!("root certificate {certificate}"));
        let done = store.record(&at_the_command_line(&common.reason), &entry).await;
        store.close().await;
        done?;
        anyhow::Ok(())
    })
}
