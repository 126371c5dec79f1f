//! One step from what is kept to what is kept next. Each talks to the hub once; the caller makes its result durable
//! before it takes the next.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use wardline_model::{Serial, Time, covers};
use wardline_pump::identity::{self, Held, IdentityRules, IdentityStep as Step, Pins, Successor};
use wardline_wire::enrolment_code::EnrolmentCode;
use zeroize::Zeroizing;

use super::Failed;
use super::est::{self, Est, Provision};
use super::kept::{Credential, Kept, Pinned};
use super::key::{KeyHome, PumpKey, StoredKey};
use super::request::{self, Leaf};
use crate::config::{Config, Enrolment};
use crate::sealed::{SealedError, Sealing};

/// The file's name in the state folder.
const KEY_FILE: &str = "enrolment-key";

/// What the steps need of the configuration.
pub(crate) struct Settings {
    est: String,
    name: String,
    serial: Serial,
    enrolment: Enrolment,
    sealing: Sealing,
    /// Where the pump's keys are made and kept.
    pub(crate) home: KeyHome,
    /// Where the key waits whose first certificate has not come yet.
    key: PathBuf,
}

impl Settings {
    pub(crate) fn new(config: &Config, sealing: &Sealing) -> Self {
        Self {
            est: config.hub.est.clone(),
            name: config.hub.name.clone(),
            serial: config.serial.clone(),
            enrolment: config.enrolment.clone(),
            sealing: sealing.clone(),
            home: KeyHome::of(sealing),
            key: config.state.join(KEY_FILE),
        }
    }

    /// Host and port of the enrolment listener.
    pub(super) fn est(&self) -> &str {
        &self.est
    }

    /// The name that the hub must prove.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The key to enrol with. A pump keeps it before the hub hears of it: when the answer is lost, or the power, or a
    /// person must approve first, it asks again with the same key, and gets what was meant for it.
    fn enrolment_key(&self, kept: Option<&Kept>) -> Result<PumpKey, Failed> {
        // A file that does not open holds no key that anybody waits for; one that should have gone, no new key.
        if let Ok(Some(bytes)) = self.sealing.read(&self.key)
            && let Ok(stored) = serde_json::from_slice::<StoredKey>(&bytes)
            && !kept.is_some_and(|kept| kept.has_key(&stored))
            && let Ok(key) = self.home.open(&stored)
        {
            return Ok(key);
        }
        let key = self.home.make()?;
        let bytes = Zeroizing::new(serde_json::to_vec(&key.stored()?).expect("text only"));
        let kept = self.sealing.write(&self.key, &bytes);
        kept.map_err(|error| Failed::new(format!("the new key could not be kept, so it is not used: {error}")))?;
        Ok(key)
    }

    /// Lets go of that key once the identity is kept.
    /// The code is used up then, and goes too.
    pub(crate) fn forget_key(&self) -> Result<(), SealedError> {
        if let Enrolment::CodeFile { file, .. } = &self.enrolment
            && file.exists()
        {
            self.sealing.disk().shred(file)?;
        }
        if self.key.exists() { self.sealing.remove(&self.key) } else { Ok(()) }
    }

    /// A place where a test may let the agent die, between two messages.
    fn effect(&self) -> Result<(), Failed> {
        self.sealing.fault().effect().map_err(|killed| Failed::new(killed.to_string()))
    }
}

/// The next step, and when it is due if not now: decided by crate `pump` from what is kept.
pub(crate) fn next_step(kept: Option<&Kept>, now: Time) -> (Step, Option<Time>) {
    // What is kept was looked over when it was read or made; what no longer reads is as good as none.
    let held = kept.and_then(|kept| {
        let leaf = kept.current.leaf().ok()?;
        let pins = match &kept.pinned {
            None => Pins::None,
            Some(pinned) if pinned.tuf_root.is_none() => Pins::GoalKey,
            Some(_) => Pins::All,
        };
        let successor = if kept.next.is_some() { Successor::Waits } else { Successor::None };
        let Leaf { not_before, not_after, spread, .. } = leaf;
        Some(Held { not_before, not_after, spread, pins, successor })
    });
    identity::next_step(held.as_ref(), now, IdentityRules::all())
}

/// Does one step. `roots` are those that the pump believes; a pump without an identity believes the file of its
/// configuration.
pub(crate) async fn act(
    step: Step,
    settings: Arc<Settings>,
    kept: Option<Kept>,
    roots: Arc<[Vec<u8>]>,
) -> Result<Kept, Failed> {
    match (step, kept) {
        (Step::Enrol, kept) => est::in_time(enrol(&settings, kept, &roots)).await,
        (Step::Provision | Step::AskRoot, Some(kept)) => est::in_time(provision(&settings, kept, &roots)).await,
        (Step::Prove, Some(kept)) => prove(&settings, kept, &roots).await,
        (Step::Check, Some(kept)) => check(&settings, kept, &roots).await,
        (Step::Renew, Some(kept)) => est::in_time(renew(&settings, kept, &roots)).await,
        (_, None) => Err(Failed::new("the pump has no certificate yet")),
    }
}

async fn enrol(settings: &Settings, kept: Option<Kept>, believed: &[Vec<u8>]) -> Result<Kept, Failed> {
    // What the pump has come to believe counts, whatever the file says now.
    let first = match (&kept, &settings.enrolment) {
        (Some(kept), _) => kept.root()?,
        (None, Enrolment::Birth { root, .. } | Enrolment::Code { root, .. } | Enrolment::CodeFile { root, .. }) => {
            CertificateDer::from_pem_file(root)
                .map_err(|error| unreadable("the hospital's root", root, &error))?
                .to_vec()
        }
        (None, Enrolment::Scanned { scan }) => {
            super::bootstrap::root(&settings.est, &settings.name, label(scan)?.root).await?
        }
    };
    let roots = if kept.is_some() { believed.to_vec() } else { vec![first.clone()] };
    let (tls, credentials) = match &settings.enrolment {
        Enrolment::Birth { certificate, key, .. } => (born(&roots, certificate, key)?, None),
        Enrolment::Code { code, .. } => (est::stranger(&roots)?, Some(est::basic(&settings.serial, code)?)),
        Enrolment::CodeFile { file, .. } => {
            let code = std::fs::read_to_string(file).map(Zeroizing::new);
            let code = code.map_err(|error| Failed::new(format!("the one-time code {}: {error}", file.display())))?;
            (est::stranger(&roots)?, Some(est::basic(&settings.serial, code.trim())?))
        }
        Enrolment::Scanned { scan } => {
            (est::stranger(&roots)?, Some(est::basic(&settings.serial, &label(scan)?.code)?))
        }
    };
    let mut est = Est::open(&settings.est, &settings.name, tls).await?;
    let issuers = est.cacerts().await?;
    let key = settings.enrolment_key(kept.as_ref())?;
    settings.effect()?;
    let came = est
        .enrol("simpleenroll", request::request(&key, request::first_subject(&settings.serial)?)?, credentials)
        .await?;
    settings.effect()?;
    let fresh = credential(settings, &key, &came, &issuers, &roots)?;
    let Some(mut kept) = kept else { return Ok(Kept::first(&first, fresh)) };
    same_pump(&kept, &fresh)?;
    if kept.pinned.is_some() {
        kept.next = Some(fresh);
    } else {
        // It never worked, so there is nothing to fall back on.
        kept.current = fresh;
    }
    Ok(kept)
}

/// The label that was scanned; the configuration was checked when it was read.
fn label(scan: &str) -> Result<EnrolmentCode, Failed> {
    scan.parse().map_err(|why| Failed::new(format!("the scanned text {why}")))
}

/// A pump with its birth certificate.
fn born(roots: &[Vec<u8>], certificate: &Path, key: &Path) -> Result<Arc<ClientConfig>, Failed> {
    let wrong = |error| unreadable("the birth certificate", certificate, &error);
    let chain = CertificateDer::pem_file_iter(certificate).map_err(wrong)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("the birth key", key, &error))?;
    let roots: Vec<_> = roots.iter().map(|root| CertificateDer::from(root.as_slice())).collect();
    crate::link::client_config(&roots, chain, secret).map_err(|error| Failed::new(error.to_string()))
}

async fn renew(settings: &Settings, mut kept: Kept, roots: &[Vec<u8>]) -> Result<Kept, Failed> {
    let mut est = Est::open(&settings.est, &settings.name, kept.current.tls(roots, &settings.home)?).await?;
    let issuers = est.cacerts().await?;
    let key = settings.home.make()?;
    let request = request::request(&key, kept.current.leaf()?.subject)?;
    settings.effect()?;
    let came = est.enrol("simplereenroll", request, None).await?;
    settings.effect()?;
    let fresh = credential(settings, &key, &came, &issuers, roots)?;
    same_pump(&kept, &fresh)?;
    kept.next = Some(fresh);
    Ok(kept)
}

fn credential(
    settings: &Settings,
    key: &PumpKey,
    came: &[x509_cert::Certificate],
    issuers: &[x509_cert::Certificate],
    roots: &[Vec<u8>],
) -> Result<Credential, Failed> {
    let leaf = request::certificate(key, came, &settings.serial)?;
    let fresh = Credential::new(key.stored()?, &request::chain(leaf, issuers, roots)?);
    fresh.leaf()?;
    fresh.tls(roots, &settings.home)?;
    Ok(fresh)
}

/// A pump stays who it is: its slots and events belong to that name.
fn same_pump(kept: &Kept, fresh: &Credential) -> Result<(), Failed> {
    let (old, new) = (kept.current.leaf()?.pump, fresh.leaf()?.pump);
    if old == new {
        return Ok(());
    }
    Err(Failed::new(format!(
        "the hub's new certificate names pump {new}, this is {old}. To make it another pump, empty its state folder"
    )))
}

async fn provision(settings: &Settings, mut kept: Kept, roots: &[Vec<u8>]) -> Result<Kept, Failed> {
    let told = ask(settings, roots, &kept.current).await?;
    kept.pinned = Some(pin(kept.pinned.take(), told)?);
    Ok(kept)
}

/// Uses the next certificate if it works; lets go of it if the hub refuses it.
async fn prove(settings: &Settings, mut kept: Kept, roots: &[Vec<u8>]) -> Result<Kept, Failed> {
    let Some(next) = kept.next.take() else { return Ok(kept) };
    match est::in_time(ask(settings, roots, &next)).await {
        Ok(told) => {
            kept.pinned = Some(pin(kept.pinned.take(), told)?);
            kept.current = next;
            Ok(kept)
        }
        Err(failed) if failed.is_refusal => {
            tracing::warn!(why = %failed, "the hub refuses the new certificate; the old one stays in use");
            Ok(kept)
        }
        Err(failed) => Err(failed),
    }
}

/// Enrols again only when the hub says to the certificate itself that it no longer counts.
async fn check(settings: &Settings, kept: Kept, roots: &[Vec<u8>]) -> Result<Kept, Failed> {
    match est::in_time(ask(settings, roots, &kept.current)).await {
        Ok(_) => Ok(kept),
        Err(failed) if failed.is_refusal => {
            tracing::warn!(why = %failed, "the hub refuses this pump's certificate; enrolling again");
            est::in_time(enrol(settings, Some(kept), roots)).await
        }
        Err(failed) => Err(failed),
    }
}

async fn ask(settings: &Settings, roots: &[Vec<u8>], credential: &Credential) -> Result<Provision, Failed> {
    let pump = credential.leaf()?.pump;
    let mut est = Est::open(&settings.est, &settings.name, credential.tls(roots, &settings.home)?).await?;
    let told = est.provision().await?;
    if told.pump != pump {
        return Err(Failed::new(format!("the hub provisions pump {}, this is {pump}", told.pump)));
    }
    Ok(told)
}

/// What is pinned already stays; only what was never told is added.
pub(super) fn pin(pinned: Option<Pinned>, told: Provision) -> Result<Pinned, Failed> {
    covers!("N13");
    let Some(mut pinned) = pinned else { return Ok(Pinned::new(&told.goal_key, told.tuf_root)) };
    if pinned.goal_key()? != told.goal_key {
        tracing::error!(
            "the hub shows another goal key than the pinned one; it is not believed, and goals by it are refused"
        );
        return Ok(pinned);
    }
    if pinned.tuf_root.is_none() {
        pinned.tuf_root = told.tuf_root;
    }
    Ok(pinned)
}

fn unreadable(what: &str, path: &Path, error: &rustls_pki_types::pem::Error) -> Failed {
    Failed::new(format!("{what} {} cannot be read: {error}", path.display()))
}
