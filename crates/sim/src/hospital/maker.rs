//! An invented pump maker: a CA that gives every simulated pump its birth certificate (IDevID, IEEE 802.1AR).

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wardline_model::{Model, Serial, Time};
use wardline_pki::name::UNKNOWN_HARDWARE;
use wardline_pki::{Authority, Cert, CertSerial, P256Key, PkiError, profile};

/// The invented maker's name.
const MAKER: &str = "Halcyon Invented Devices";

/// Why the maker made nothing.
#[derive(Debug, thiserror::Error)]
pub enum MakerError {
    /// A certificate could not be made.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No randomness.
    #[error("the system gave no random bytes")]
    Random,
}

/// Where a pump's birth certificate lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Birth {
    /// The certificate and its chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

/// The maker.
pub struct Maker {
    authority: Authority,
}

impl Maker {
    /// The maker whose CA lies in this folder; a new one when there is none.
    ///
    /// # Errors
    /// [`MakerError`].
    pub fn open_or_invent(folder: &Path, now: Time) -> Result<Self, MakerError> {
        let (root, key) = (folder.join("root.pem"), folder.join("root.key"));
        if root.exists() && key.exists() {
            let cert = Cert::from_pem(&String::from_utf8_lossy(&read(&root)?))?;
            return Ok(Self { authority: Authority::new(cert, P256Key::from_pkcs8(&read(&key)?)?)? });
        }
        fs::create_dir_all(folder).map_err(|source| MakerError::Io { path: folder.to_owned(), source })?;
        let made = P256Key::generate()?;
        let pkcs8 = made.to_pkcs8()?;
        let content = profile::maker_root(made.spki(), "Halcyon Invented Root", MAKER)?;
        let authority = Authority::self_signed(&content, made, &serial()?, now)?;
        write(&key, &pkcs8)?;
        write(&root, authority.cert().to_pem().as_bytes())?;
        Ok(Self { authority })
    }

    /// The maker's root, PEM: what the hub is told to believe.
    #[must_use]
    pub fn root_pem(&self) -> String {
        self.authority.cert().to_pem()
    }

    /// Gives a pump its birth certificate; one that it has already stays.
    ///
    /// # Errors
    /// [`MakerError`].
    pub fn birth(&self, folder: &Path, model: &Model, number: &Serial, now: Time) -> Result<Birth, MakerError> {
        let birth = Birth { certificate: folder.join("birth.pem"), key: folder.join("birth.key.pem") };
        if birth.certificate.exists() && birth.key.exists() {
            return Ok(birth);
        }
        let key = P256Key::generate()?;
        let content = profile::birth(key.spki(), MAKER, model, number, UNKNOWN_HARDWARE)?;
        let cert = self.authority.sign(&content, &serial()?, now)?;
        write(&birth.key, pem("PRIVATE KEY", &key.to_pkcs8()?).as_bytes())?;
        write(&birth.certificate, format!("{}{}", cert.to_pem(), self.root_pem()).as_bytes())?;
        Ok(birth)
    }
}

fn serial() -> Result<CertSerial, MakerError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| MakerError::Random)?;
    Ok(CertSerial::from_random(bytes))
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out + &format!("-----END {label}-----\n")
}

fn read(path: &Path) -> Result<Vec<u8>, MakerError> {
    fs::read(path).map_err(|source| MakerError::Io { path: path.to_owned(), source })
}

/// Written so that only this user reads it: some of it is a key.
fn write(path: &Path, bytes: &[u8]) -> Result<(), MakerError> {
    use std::io::Write as _;
    let io = |source| MakerError::Io { path: path.to_owned(), source };
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(io)?;
    file.write_all(bytes).map_err(io)
}
