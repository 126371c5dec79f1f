//! The files that hold the hub's private keys: each sealed with AES-256-GCM under the master key.
//!
//! | file in `keys/` | what it is |
//! |---|---|
//! | `master.key` | 32 random bytes, readable by the owner only; absent when the key comes from the environment |
//! | `root.sealed`, `issuing.sealed` | the CA's private keys, unless they are in a token ([`hsm`]) |
//! | `server.sealed` | the hub's own, for a start while the CA's key is away |
//! | `goal.sealed` | signs goals |
//! | `audit.sealed` | signs checkpoints of the audit |
//! | `master.key.next` | there only while the master key is being changed |
//!
//! Certificates lie beside them in clear. No key that could sign a *release* is ever here (N13). A sealed file names the
//! master key that seals it. A new master key is on the disk before anything is sealed under it and takes the old one's
//! place last, so a change can be interrupted at any point: both keys are there, everything opens, and doing it again
//! finishes it.

pub mod hsm;
pub mod place;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use ed25519_dalek::SigningKey;
use wardline_pki::key::Spki;
use wardline_pki::subordinate::Subordinate;
use wardline_pki::{Authority, Cert, P256Key, PkiError, Signer};
use wardline_store::MasterKey;
use zeroize::Zeroizing;

use hsm::DeviceKey;
use place::{CaKeys, KeyPlace, TokenKey};

/// The environment variable that may hold the master key, as 64 hexadecimal digits.
pub const ENVIRONMENT: &str = "WARDLINE_MASTER_KEY";

/// The issuing authority that was asked for and is not installed yet.
pub const NEXT_ISSUING: &str = "issuing.next";

/// Marks a sealed file of this form.
const MAGIC: &[u8; 4] = b"WLK1";
/// Bytes of SHA-256 of the master key by which a file names it.
const KEY_ID: usize = 8;

/// Why a key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Reading or writing failed.
    #[error("the key file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others may read it.
    #[error("the key file {path} can be read by others: run `chmod 600 {path}`")]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// The file does not open.
    #[error("the key file {path} does not open: it is damaged, or sealed under another master key")]
    Sealed {
        /// The file.
        path: PathBuf,
    },
    /// The master key is not one.
    #[error("the master key in {0} is not right: expected 32 bytes (64 hexadecimal digits in the environment)")]
    Master(String),
    /// The master key is not ours to change.
    #[error(
        "the master key comes from the environment variable {ENVIRONMENT}: a new one made here would be lost with this \
         process. Change it where it is kept"
    )]
    NotOurs,
    /// A hub below the hospital's root whose certificate is not here yet.
    #[error(
        "this hub waits for its certificate from the hospital's own authority: give the PKI team the request, and when \
         their answer is here run `wardline ca install`"
    )]
    Waiting,
    /// A key in a token.
    #[error(transparent)]
    Hsm(#[from] hsm::HsmError),
    /// A key or certificate that cannot be used.
    #[error("a key of the hub cannot be used: {0}")]
    Pki(#[from] PkiError),
}

/// The folder of keys, open.
#[derive(Debug)]
pub struct Keys {
    folder: PathBuf,
    master: MasterKey,
    places: CaKeys,
    /// The new master key of a change that is under way or was interrupted.
    next: Option<MasterKey>,
}

/// The file of [`Keys::next`].
const NEXT: &str = "master.key.next";

impl Keys {
    /// Makes the folder and a new master key, unless the environment holds one.
    ///
    /// # Errors
    /// [`KeyError::File`] when there is one already or it cannot be written.
    pub fn create(folder: &Path) -> Result<Self, KeyError> {
        std::fs::create_dir_all(folder).map_err(|source| KeyError::File { path: folder.to_owned(), source })?;
        let master = match from_environment()? {
            Some(master) => master,
            None => {
                let master = MasterKey::generate();
                write_new(&folder.join("master.key"), master.as_bytes())?;
                master
            }
        };
        Ok(Self { folder: folder.to_owned(), master, places: CaKeys::default(), next: None })
    }

    /// Opens the folder: the master key comes from the environment, else from its file.
    ///
    /// # Errors
    /// [`KeyError`] naming the file.
    pub fn open(folder: &Path) -> Result<Self, KeyError> {
        let master = match from_environment()? {
            Some(master) => master,
            None => read_master(&folder.join("master.key"))?,
        };
        let next = folder.join(NEXT);
        let next = if next.exists() { Some(read_master(&next)?) } else { None };
        Ok(Self { folder: folder.to_owned(), master, places: CaKeys::default(), next })
    }

    /// Says where authorities' keys lie; sealed here when nobody says.
    #[must_use]
    pub fn placed(mut self, places: &CaKeys) -> Self {
        self.places = places.clone();
        self
    }

    /// The master key, which also opens the database's data keys.
    #[must_use]
    pub const fn master(&self) -> &MasterKey {
        &self.master
    }

    /// Seals a secret into `<name>.sealed`: afterwards the file is whole and new, or as it was.
    ///
    /// # Errors
    /// [`KeyError::File`].
    pub fn seal(&self, name: &str, secret: &[u8]) -> Result<(), KeyError> {
        seal_under(&self.master, &self.path(name), name, secret)
    }

    /// Opens `<name>.sealed`.
    ///
    /// # Errors
    /// [`KeyError::File`], [`KeyError::Sealed`].
    pub fn unseal(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let masters: Vec<&MasterKey> = [&self.master].into_iter().chain(&self.next).collect();
        open_under(&masters, &self.path(name), name)
    }

    /// Whether `<name>.sealed` is here.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Removes `<name>.sealed` for good.
    ///
    /// # Errors
    /// [`KeyError::File`].
    pub fn remove(&self, name: &str) -> Result<(), KeyError> {
        let path = self.path(name);
        std::fs::remove_file(&path).map_err(|source| KeyError::File { path, source })?;
        flush_folder(&self.folder)
    }

    /// The new master key of a change that was begun and not finished.
    #[must_use]
    pub const fn next(&self) -> Option<&MasterKey> {
        self.next.as_ref()
    }

    /// Begins to change the master key, or goes on with a change that was interrupted: afterwards the new key is on the
    /// disk, flushed. The caller tells the database next, and then calls [`Keys::finish_change`].
    ///
    /// # Errors
    /// [`KeyError::NotOurs`], [`KeyError::File`].
    pub fn begin_change(&mut self) -> Result<&MasterKey, KeyError> {
        if from_environment()?.is_some() {
            return Err(KeyError::NotOurs);
        }
        let next = match self.next.take() {
            Some(next) => next,
            None => {
                let next = MasterKey::generate();
                // Whole or not there: a power cut in the middle must not leave a key that nobody can read.
                replace(&self.folder.join(NEXT), next.as_bytes())?;
                next
            }
        };
        Ok(self.next.insert(next))
    }

    /// Seals every file under the new master key and puts that in the place of the old one. A file that is sealed under
    /// the new key already is sealed again and no worse for it.
    ///
    /// # Errors
    /// [`KeyError`] naming the file.
    pub fn finish_change(&mut self) -> Result<(), KeyError> {
        let Some(next) = &self.next else { return Ok(()) };
        let listing = |source| KeyError::File { path: self.folder.clone(), source };
        for entry in std::fs::read_dir(&self.folder).map_err(listing)? {
            let path = entry.map_err(listing)?.path();
            let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_owned();
            if path.extension().is_some_and(|e| e == "sealed") {
                let secret = open_under(&[&self.master, next], &path, &name)?;
                seal_under(next, &path, &name, &secret)?;
            }
        }
        let (from, to) = (self.folder.join(NEXT), self.folder.join("master.key"));
        std::fs::rename(&from, &to).map_err(|source| KeyError::File { path: to, source })?;
        flush_folder(&self.folder)?;
        if let Some(next) = self.next.take() {
            self.master = next;
        }
        Ok(())
    }

    /// A new key for the authority of this name, where the configuration puts it: made here, or in a token that never
    /// gives it out (one that was made there before under its label is taken).
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new_signer(&self, name: &str) -> Result<Signer, KeyError> {
        match self.place(name)? {
            KeyPlace::Sealed => Ok(P256Key::generate()?.into()),
            KeyPlace::Pkcs11(mut place) => {
                let label = self.folder.join(format!("{name}.token"));
                if name == NEXT_ISSUING && !label.exists() {
                    // Each request is for a key of its own; the label is on the disk before the key is in the token.
                    let base = place.key.trim_end_matches(".next");
                    place.key = format!("{base}-{}", crate::clock::now().as_unix_s());
                    replace(&label, place.key.as_bytes())?;
                }
                Ok(Signer::elsewhere(Box::new(DeviceKey::find_or_make(place)?))?)
            }
        }
    }

    /// The key of the authority of this name, which has this public half. One in a token is opened when it is first
    /// asked.
    ///
    /// # Errors
    /// [`KeyError`] naming the file.
    pub fn signer(&self, name: &str, spki: &Spki) -> Result<Signer, KeyError> {
        match self.place(name)? {
            KeyPlace::Sealed => Ok(P256Key::from_pkcs8(&self.unseal(name)?)?.into()),
            KeyPlace::Pkcs11(place) => Ok(Signer::elsewhere(Box::new(DeviceKey::new(place, spki.clone())))?),
        }
    }

    /// Where the key of the authority of this name lies. One in a token may have another label than the configuration's:
    /// `<name>.token` says so.
    ///
    /// # Errors
    /// [`KeyError::File`].
    pub fn place(&self, name: &str) -> Result<KeyPlace, KeyError> {
        let file = self.folder.join(format!("{name}.token"));
        match (self.places.of(name), std::fs::read_to_string(&file)) {
            (KeyPlace::Sealed, _) => Ok(KeyPlace::Sealed),
            (KeyPlace::Pkcs11(place), Ok(label)) => {
                Ok(KeyPlace::Pkcs11(TokenKey { key: label.trim().into(), ..place }))
            }
            (place, Err(source)) if source.kind() == std::io::ErrorKind::NotFound => Ok(place),
            (_, Err(source)) => Err(KeyError::File { path: file, source }),
        }
    }

    /// Whether a key is kept for an authority of this name that has no certificate yet.
    #[must_use]
    pub fn has_signer(&self, name: &str) -> bool {
        self.has(name) || self.folder.join(format!("{name}.token")).exists()
    }

    /// Keeps the key of an authority that has no certificate yet. One in a token stays there.
    ///
    /// # Errors
    /// [`KeyError`] naming the file.
    pub fn keep_signer(&self, name: &str, key: &Signer) -> Result<(), KeyError> {
        key.software().map_or(Ok(()), |key| self.seal(name, &key.to_pkcs8()?))
    }

    /// Whether the key of the authority of this name can sign here: it is sealed here, or its place is a token.
    ///
    /// # Errors
    /// [`KeyError::File`].
    pub fn can_sign(&self, name: &str) -> Result<bool, KeyError> {
        Ok(self.has(name) || matches!(self.place(name)?, KeyPlace::Pkcs11(_)))
    }

    /// The key that [`Keys::keep_signer`] kept.
    ///
    /// # Errors
    /// [`KeyError`] naming the file.
    pub fn kept_signer(&self, name: &str) -> Result<Signer, KeyError> {
        match self.place(name)? {
            KeyPlace::Sealed => Ok(P256Key::from_pkcs8(&self.unseal(name)?)?.into()),
            KeyPlace::Pkcs11(place) => Ok(Signer::elsewhere(Box::new(DeviceKey::find(place)?))?),
        }
    }

    /// Puts an issuing authority below somebody else's root into place; its key is kept under `name`. Interrupted
    /// anywhere, doing it again finishes it.
    ///
    /// # Errors
    /// [`KeyError`] naming the file.
    pub fn install(&self, name: &str, [root, issuing]: [&str; 2], found: &Subordinate) -> Result<(), KeyError> {
        self.keep_cert(root, found.root())?;
        let chain: String = found.between().iter().map(Cert::to_pem).collect();
        let file = issuing.replacen("issuing", "chain", 1);
        replace(&self.folder.join(format!("{file}.pem")), chain.as_bytes())?;
        self.keep_cert(issuing, found.cert())?;
        if name == issuing {
            return Ok(());
        }
        // The key whose place it takes signed for no pump that is still good, and the old root signs no more.
        let file = |name: &str, ending: &str| self.folder.join(format!("{name}.{ending}"));
        if self.has(name) {
            // The name is bound to what is sealed.
            self.seal(issuing, &self.unseal(name)?)?;
            self.remove(name)?;
            let _ = std::fs::remove_file(file(issuing, "token"));
        } else {
            let (from, to) = (file(name, "token"), file(issuing, "token"));
            std::fs::rename(&from, &to).map_err(|source| KeyError::File { path: to, source })?;
            let _ = std::fs::remove_file(file(issuing, "sealed"));
        }
        let _ = std::fs::remove_file(file(root, "sealed"));
        flush_folder(&self.folder)
    }

    /// The certificates between the issuing authority and the root, the nearest first; none below our own root.
    ///
    /// # Errors
    /// [`KeyError`] naming the file.
    pub fn chain(&self, name: &str) -> Result<Vec<Cert>, KeyError> {
        let path = self.folder.join(format!("{name}.pem"));
        match std::fs::read(&path) {
            Ok(bytes) if bytes.is_empty() => Ok(Vec::new()),
            Ok(bytes) => Ok(wardline_pki::subordinate::read_file(&bytes)?),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(KeyError::File { path, source }),
        }
    }

    /// Refuses a hub whose own authority is not here yet.
    ///
    /// # Errors
    /// [`KeyError::Waiting`].
    pub fn ready(&self) -> Result<(), KeyError> {
        let is_waiting = self.has_signer(NEXT_ISSUING) && !self.folder.join("issuing.pem").exists();
        if is_waiting { Err(KeyError::Waiting) } else { Ok(()) }
    }

    /// Keeps a CA: key sealed, certificate in clear beside it.
    ///
    /// # Errors
    /// [`KeyError`] naming the file.
    pub fn keep_authority(&self, name: &str, authority: &Authority) -> Result<(), KeyError> {
        // A key that is in a device stays there.
        if let Some(key) = authority.key().software() {
            self.seal(name, &key.to_pkcs8()?)?;
        }
        self.keep_cert(name, authority.cert())
    }

    /// The CA kept under this name.
    ///
    /// # Errors
    /// [`KeyError`] naming the file.
    pub fn authority(&self, name: &str) -> Result<Authority, KeyError> {
        let cert = self.cert(name)?;
        let key = self.signer(name, &cert.parsed().tbs_certificate.subject_public_key_info)?;
        Ok(Authority::new(cert, key)?)
    }

    /// Keeps a certificate in clear.
    ///
    /// # Errors
    /// [`KeyError::File`].
    pub fn keep_cert(&self, name: &str, cert: &Cert) -> Result<(), KeyError> {
        replace(&self.folder.join(format!("{name}.pem")), cert.to_pem().as_bytes())
    }

    /// A certificate kept under this name.
    ///
    /// # Errors
    /// [`KeyError`] naming the file.
    pub fn cert(&self, name: &str) -> Result<Cert, KeyError> {
        let path = self.folder.join(format!("{name}.pem"));
        let pem = std::fs::read_to_string(&path).map_err(|source| KeyError::File { path, source })?;
        Ok(Cert::from_pem(&pem)?)
    }

    /// Keeps the hub's own certificate with its key.
    ///
    /// # Errors
    /// [`KeyError`] naming the file.
    pub fn keep_own(&self, cert: &Cert, key: &P256Key) -> Result<(), KeyError> {
        self.seal("server", &key.to_pkcs8()?)?;
        self.keep_cert("server", cert)
    }

    /// The hub's own certificate that was kept last.
    ///
    /// # Errors
    /// [`KeyError`] naming the file; also when certificate and key are of two times, after a crash between the two.
    pub fn own(&self) -> Result<(Cert, P256Key), KeyError> {
        let (cert, key) = (self.cert("server")?, P256Key::from_pkcs8(&self.unseal("server")?)?);
        if cert.parsed().tbs_certificate.subject_public_key_info != *key.spki() {
            return Err(PkiError::Refused("the hub's last certificate and its key do not belong together").into());
        }
        Ok((cert, key))
    }

    /// Makes and keeps an Ed25519 key.
    ///
    /// # Errors
    /// [`KeyError::File`].
    pub fn new_ed25519(&self, name: &str) -> Result<SigningKey, KeyError> {
        let mut seed = Zeroizing::new([0u8; 32]);
        getrandom::fill(seed.as_mut()).map_err(|_| PkiError::Crypto("making an Ed25519 key"))?;
        self.seal(name, seed.as_ref())?;
        Ok(SigningKey::from_bytes(&seed))
    }

    /// The Ed25519 key kept under this name.
    ///
    /// # Errors
    /// [`KeyError`] naming the file.
    pub fn ed25519(&self, name: &str) -> Result<SigningKey, KeyError> {
        let seed = self.unseal(name)?;
        let seed: &[u8; 32] = seed.as_slice().try_into().map_err(|_| KeyError::Sealed { path: self.path(name) })?;
        Ok(SigningKey::from_bytes(seed))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.sealed"))
    }
}

fn from_environment() -> Result<Option<MasterKey>, KeyError> {
    let Ok(text) = std::env::var(ENVIRONMENT) else { return Ok(None) };
    let text = Zeroizing::new(text);
    let digest: wardline_model::Digest =
        text.trim().parse().map_err(|_| KeyError::Master(format!("the environment variable {ENVIRONMENT}")))?;
    Ok(Some(MasterKey::from_bytes(*digest.as_bytes())))
}

fn read_master(path: &Path) -> Result<MasterKey, KeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let file = |source| KeyError::File { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(file)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyError::Open { path: path.to_owned() });
    }
    let bytes = Zeroizing::new(std::fs::read(path).map_err(file)?);
    let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyError::Master(path.display().to_string()))?;
    Ok(MasterKey::from_bytes(*bytes))
}

fn key_id(master: &MasterKey) -> [u8; KEY_ID] {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, master.as_bytes());
    let mut id = [0; KEY_ID];
    id.copy_from_slice(&hash.as_ref()[..KEY_ID]);
    id
}

fn seal_under(master: &MasterKey, path: &Path, name: &str, secret: &[u8]) -> Result<(), KeyError> {
    let sealed = || KeyError::Sealed { path: path.to_owned() };
    let key = RandomizedNonceKey::new(&AES_256_GCM, master.as_bytes()).map_err(|_| sealed())?;
    let mut body = secret.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut body).map_err(|_| sealed())?;
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&key_id(master));
    file.extend_from_slice(nonce.as_ref());
    file.extend_from_slice(&body);
    replace(path, &file)
}

fn open_under(masters: &[&MasterKey], path: &Path, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let sealed = || KeyError::Sealed { path: path.to_owned() };
    let file = std::fs::read(path).map_err(|source| KeyError::File { path: path.to_owned(), source })?;
    let rest = file.strip_prefix(MAGIC).ok_or_else(sealed)?;
    let (id, rest) = rest.split_at_checked(KEY_ID).ok_or_else(sealed)?;
    let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or_else(sealed)?;
    let master = masters.iter().find(|master| key_id(master) == *id).ok_or_else(sealed)?;
    let key = RandomizedNonceKey::new(&AES_256_GCM, master.as_bytes()).map_err(|_| sealed())?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| sealed())?;
    let mut body = Zeroizing::new(body.to_vec());
    let length = key.open_in_place(nonce, Aad::from(name.as_bytes()), &mut body).map_err(|_| sealed())?.len();
    body.truncate(length);
    Ok(body)
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let file = |source| KeyError::File { path: path.to_owned(), source };
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(file)?;
    to.write_all(bytes).and_then(|()| to.sync_all()).map_err(file)
}

/// Puts a file in place of another at once: beside it, flushed, renamed over it.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let beside = path.with_extension("new");
    match std::fs::remove_file(&beside) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(KeyError::File { path: beside, source });
        }
        _ => {}
    }
    write_new(&beside, bytes)?;
    std::fs::rename(&beside, path).map_err(|source| KeyError::File { path: path.to_owned(), source })?;
    path.parent().map_or(Ok(()), flush_folder)
}

/// A rename survives a power cut only when the folder was flushed too.
fn flush_folder(folder: &Path) -> Result<(), KeyError> {
    let file = |source| KeyError::File { path: folder.to_owned(), source };
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(file)
}

#[cfg(test)]
mod tests;
