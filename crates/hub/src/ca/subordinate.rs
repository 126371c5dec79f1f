//! An issuing authority below the hospital's own root: request out, certificate in.
//!
//! ```text
//! wardline ca request ─► issuing.csr ─► the hospital's PKI team signs ─► wardline ca install CERT CHAIN… --root ROOT
//! ```
//!
//! What comes back is checked ([`wardline_pki::subordinate`]), and then the new authority does everything once as in a
//! rehearsal ([`super::rehearsal`]), before one file of the hub is changed. Pumps that hold a certificate of another root
//! would be lost by the change: it is refused for them, and a roll-over is the way.

use wardline_model::Time;
use wardline_pki::subordinate::{Subordinate, Wrong};
use wardline_pki::{Authority, Cert, PkiError, Signer, request};
use wardline_store::{Decision, Entry, Store, StoreError};

use crate::config::Config;
use crate::keys::{KeyError, Keys, NEXT_ISSUING};

/// Why an authority was not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// What the hospital gave is not right.
    #[error("the certificate cannot be used: {0}")]
    Wrong(#[from] Wrong),
    /// It would not work.
    #[error("the certificate was tried and would not work: {0}")]
    Rehearsal(String),
    /// Nobody asked.
    #[error("no request is open here: run `wardline ca request` first")]
    NoRequest,
    /// Pumps would be lost.
    #[error(
        "{pumps} pumps hold a certificate of another authority and would be refused from then on, and would not believe \
         this hub. Change the authority under a running fleet by a roll-over (docs/manual/ca.md)"
    )]
    Pumps {
        /// How many.
        pumps: u64,
    },
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A certificate.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The authority's name in its request: what RADIUS servers and people see as the issuer.
pub const NAME: &str = "Wardline issuing CA";

/// The request for a new issuing authority, PEM, with its audit record. Asked again it is the same key, so that a late
/// answer still fits.
///
/// # Errors
/// [`InstallError`].
pub async fn request(config: &Config, keys: &Keys, store: &Store, by: &Decision) -> Result<String, InstallError> {
    let key = if keys.has(NEXT_ISSUING) {
        keys.kept_signer(NEXT_ISSUING)?
    } else {
        let key = keys.new_signer(NEXT_ISSUING)?;
        keys.keep_signer(NEXT_ISSUING, &key)?;
        key
    };
    let pem = request::issuing(&key, NAME, &config.hospital)?;
    let subject = format!("{NAME}, {}", config.hospital);
    store.record(by, &Entry::done("ca.request", None, subject)).await?;
    Ok(pem)
}

/// Checks and installs what the hospital's authority answered. `others` are the certificates between it and `root`, in
/// any order.
///
/// # Errors
/// [`InstallError`]; nothing was changed then.
pub async fn install(
    (config, keys, store): (&Config, &Keys, &Store),
    cert: Cert,
    others: &[Cert],
    root: Cert,
    by: &Decision,
) -> Result<Subordinate, InstallError> {
    let [root_name, issuing_name] = crate::trust::names_in_use(store).await?;
    let (name, key) = key_of(keys, &issuing_name, &cert)?;
    let found = Subordinate::check(cert, others, root, key.spki(), by.at)?;
    let ca = Authority::new(found.cert().clone(), key)?;
    super::rehearsal::rehearse(&found, &ca, config, by.at).map_err(InstallError::Rehearsal)?;
    let is_renewed = name == issuing_name && keys.cert(&root_name).is_ok_and(|root| root == *found.root());
    if !is_renewed {
        refuse_for_pumps(store, by.at).await?;
    }
    let subject = format!("{} under {}", found.cert().fingerprint(), found.root().fingerprint());
    store.record(by, &Entry::done("ca.install", None, subject)).await?;
    keys.install(&name, [&root_name, &issuing_name], &found)?;
    Ok(found)
}

/// The key that a certificate is for: the one that was asked with, or the one in use, whose certificate was renewed.
fn key_of(keys: &Keys, in_use: &str, cert: &Cert) -> Result<(String, Signer), InstallError> {
    let wanted = &cert.parsed().tbs_certificate.subject_public_key_info;
    if keys.has_signer(NEXT_ISSUING) {
        let next = keys.kept_signer(NEXT_ISSUING)?;
        if next.spki() == wanted {
            return Ok((NEXT_ISSUING.to_owned(), next));
        }
    }
    match keys.cert(in_use) {
        Ok(current) if current.parsed().tbs_certificate.subject_public_key_info == *wanted => {
            Ok((in_use.to_owned(), keys.kept_signer(in_use)?))
        }
        _ if keys.has_signer(NEXT_ISSUING) => Err(Wrong::Key.into()),
        _ => Err(InstallError::NoRequest),
    }
}

async fn refuse_for_pumps(store: &Store, at: Time) -> Result<(), InstallError> {
    match store.good_certificates(at).await? {
        0 => Ok(()),
        pumps => Err(InstallError::Pumps { pumps }),
    }
}
