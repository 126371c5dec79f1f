//! A person's signing key as a file: its public half open, its private half under a passphrase.
//!
//! The passphrase goes through Argon2id (RFC 9106) and opens AES-256-GCM; name, duty and public half are bound to it, so
//! that nobody can give a key another name. A file is refused whole when anything of it was changed.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use wardline_release::key::{PublicKey, hex, unhex};
use zeroize::Zeroizing;

use crate::data::write_private;
use crate::fault::{Exit, Fault};

/// The least memory a file may ask for, so that nobody can make a file that is cheap to guess; 19 MiB is OWASP's floor.
const LEAST_KIB: u32 = 19 * 1024;
/// The most memory and passes that a file may ask of the machine that opens it.
const MOST: (u32, u32) = (1 << 20, 16);
/// RFC 9106's second recommendation: 64 MiB and three passes.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// Shorter passphrases fall to a graphics card.
const SHORTEST: usize = 12;

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Duty {
    /// Who holds which duty.
    Root,
    /// That the newest state is the newest.
    Timestamp,
    /// Which files belong together.
    Snapshot,
    /// Which role answers for which kind of release.
    Targets,
    /// Drug libraries: a pharmacist.
    DrugLibrary,
    /// Which authorities pumps believe: IT security.
    Trust,
}

impl Duty {
    /// The name in files and in metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Timestamp => "timestamp",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
            Self::DrugLibrary => "drug-library",
            Self::Trust => "trust",
        }
    }
}

/// How hard a passphrase is to try: real people's keys, or a demonstration's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// For keys that anybody relies on.
    Real,
    /// For invented people, whose passphrase lies beside the key anyway.
    Invented,
}

/// A key file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    wardline_key: u32,
    /// Whose it is.
    pub holder: String,
    /// What it signs.
    pub duty: Duty,
    /// The public half, 64 hexadecimal digits.
    pub public: String,
    memory_kib: u32,
    passes: u32,
    salt: String,
    nonce: String,
    sealed: String,
}

/// A key that was opened with its passphrase.
pub struct OpenKey {
    /// Whose it is.
    pub holder: String,
    /// What it signs.
    pub duty: Duty,
    /// The key itself; wiped when dropped.
    pub signing: SigningKey,
}

impl OpenKey {
    /// A new key from the system's random numbers.
    pub fn generate(holder: &str, duty: Duty) -> anyhow::Result<Self> {
        check_holder(holder)?;
        let mut seed = Zeroizing::new([0; 32]);
        random(&mut *seed)?;
        Ok(Self { holder: holder.to_owned(), duty, signing: SigningKey::from_bytes(&seed) })
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.signing.verifying_key().into()
    }

    /// Seals the key under a passphrase.
    pub fn seal(&self, passphrase: &str, cost: Cost) -> anyhow::Result<KeyFile> {
        if passphrase.chars().count() < SHORTEST {
            bail!("the passphrase for {} is too short: use at least {SHORTEST} characters", self.holder);
        }
        let (mut salt, mut nonce) = ([0; 16], [0; NONCE_LEN]);
        random(&mut salt)?;
        random(&mut nonce)?;
        let (memory_kib, passes) = match cost {
            Cost::Real => (MEMORY_KIB, PASSES),
            Cost::Invented => (LEAST_KIB, 1),
        };
        let mut file = KeyFile {
            wardline_key: 1,
            holder: self.holder.clone(),
            duty: self.duty,
            public: self.public().to_hex(),
            memory_kib,
            passes,
            salt: hex(&salt),
            nonce: hex(&nonce),
            sealed: String::new(),
        };
        let mut bytes = self.signing.to_bytes().to_vec();
        file.cipher(passphrase)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(file.bound()), &mut bytes)
            .map_err(|_| anyhow!("the key of {} could not be sealed", self.holder))?;
        file.sealed = hex(&bytes);
        Ok(file)
    }
}

impl KeyFile {
    /// Reads a key file; the private half stays sealed.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read the key {}", path.display()))?;
        let file: Self =
            serde_json::from_slice(&bytes).with_context(|| format!("{} is not a key of wardline", path.display()))?;
        let fair = (LEAST_KIB..=MOST.0).contains(&file.memory_kib) && (1..=MOST.1).contains(&file.passes);
        if file.wardline_key != 1 || !fair {
            bail!("{} is a key of another version of wardline, or was changed", path.display());
        }
        Ok(file)
    }

    /// Writes the file, readable by its owner only; never over another.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        if path.exists() {
            bail!("{} exists already: keys are never written over", path.display());
        }
        write_private(path, &serde_json::to_vec_pretty(self)?)
    }

    /// The public half.
    pub fn public(&self) -> anyhow::Result<PublicKey> {
        PublicKey::from_hex(&self.public).ok_or_else(|| anyhow!("the public key of {} is not one", self.holder))
    }

    /// Opens the private half.
    pub fn open(&self, passphrase: &str) -> anyhow::Result<OpenKey> {
        let wrong = || {
            let message =
                format!("the key of {} does not open: the passphrase is another, or the file was changed", self.holder);
            Fault::ends(Exit::NotAllowed, message)
        };
        let nonce: [u8; NONCE_LEN] = unhex(&self.nonce).and_then(|n| n.try_into().ok()).ok_or_else(wrong)?;
        let mut bytes = Zeroizing::new(unhex(&self.sealed).ok_or_else(wrong)?);
        let opened = self
            .cipher(passphrase)?
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(self.bound()), &mut bytes)
            .map_err(|_| wrong())?;
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new((&*opened).try_into().map_err(|_| wrong())?);
        let key = OpenKey { holder: self.holder.clone(), duty: self.duty, signing: SigningKey::from_bytes(&seed) };
        if key.public().to_hex() != self.public {
            return Err(wrong());
        }
        Ok(key)
    }

    fn cipher(&self, passphrase: &str) -> anyhow::Result<LessSafeKey> {
        let bad = || anyhow!("the key of {} asks for an impossible Argon2", self.holder);
        let params = Params::new(self.memory_kib, self.passes, 1, Some(32)).map_err(|_| bad())?;
        let salt = unhex(&self.salt).ok_or_else(bad)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), &salt, &mut *key)
            .map_err(|_| bad())?;
        let key = UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| bad())?;
        Ok(LessSafeKey::new(key))
    }

    /// What the passphrase vouches for beside the private half.
    fn bound(&self) -> Vec<u8> {
        format!("wardline key 1\n{}\n{}\n{}", self.duty.as_str(), self.public, self.holder).into_bytes()
    }
}

/// A name that fits a file's name and a line.
pub fn check_holder(holder: &str) -> anyhow::Result<()> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '.' | '\'');
    if holder.trim() != holder || holder.is_empty() || holder.len() > 64 || !holder.chars().all(plain) {
        bail!("{holder:?} is not a person's name: use up to 64 letters, digits, spaces, '-', '.' and \"'\"");
    }
    Ok(())
}

/// The name of a person's key file, such as `drug-library-ana-lima.key.json`.
pub fn file_name(holder: &str, duty: Duty) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    format!("{}-{}.key.json", duty.as_str(), holder.chars().map(plain).collect::<String>())
}

fn random(bytes: &mut [u8]) -> anyhow::Result<()> {
    getrandom::fill(bytes).map_err(|error| anyhow!("the system gives no random numbers: {error}"))
}
