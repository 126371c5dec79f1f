//! The ledger of certificates: the hub's own, counts and forecast of the pumps', the state of the authority's key and of
//! the revocation list, and the alarms that follow from them.
//!
//! A sheet of it is made at most every ten seconds, whoever asks: overview, page, monitoring and API read the same one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use wardline_model::{Span, Time};
use wardline_pki::Cert;
use wardline_store::{
    Actor, CertificateCounts, Decision, Entry, ForecastWeek, OwnCertificate, OwnKind, Store, StoreError, WEEKS,
};

use super::alarms::{self, Alarm, Facts};
use crate::door::until;
use crate::state::{Hub, now};

/// How long a sheet is shown. Counting a year's certificates of 20,000 pumps takes tens of milliseconds.
const KEPT: Span = Span::from_s(10);

/// How often the device that holds the authority's key is asked whether it would sign. It reads one attribute.
const EVERY: Duration = Duration::from_secs(15);

/// What the ledger says at one moment.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// When it was made.
    pub taken: Time,
    /// The hub's own certificates, those in use first.
    pub own: Vec<OwnCertificate>,
    /// How many certificates of pumps there are.
    pub counts: CertificateCounts,
    /// How many of them end in which week.
    pub weeks: [ForecastWeek; WEEKS],
    /// What is wrong or will be, the worst first.
    pub alarms: Vec<Alarm>,
    /// When the revocation list has to be replaced at the latest; nothing when none was asked for yet.
    pub list_until: Option<Time>,
}

/// The device does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceTrouble {
    /// Since when.
    pub since: Time,
    /// What it said.
    pub why: String,
}

/// What is kept in memory.
#[derive(Debug, Default)]
struct Known {
    device: Option<DeviceTrouble>,
    list_until: Option<Time>,
}

/// The ledger. One per hub process.
#[derive(Debug)]
pub struct Ledger {
    store: Store,
    node: String,
    known: Mutex<Known>,
    sheet: tokio::sync::Mutex<Option<Arc<Sheet>>>,
}

impl Ledger {
    /// The ledger of the hub process with this name.
    #[must_use]
    pub fn new(store: Store, node: String) -> Self {
        Self { store, node, known: Mutex::default(), sheet: tokio::sync::Mutex::default() }
    }

    /// What it says now.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn sheet(&self, at: Time) -> Result<Arc<Sheet>, StoreError> {
        let mut kept = self.sheet.lock().await;
        if let Some(sheet) = kept.as_ref().filter(|sheet| at >= sheet.taken && at.since(sheet.taken) < KEPT) {
            return Ok(Arc::clone(sheet));
        }
        let own = self.store.own_certificates(at).await?;
        let counts = self.store.certificate_counts(at).await?;
        let weeks = self.store.certificate_forecast(at).await?;
        let (device, list_until) = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            (known.device.clone(), known.list_until)
        };
        let facts = Facts { node: &self.node, own: &own, counts, device: device.as_ref(), list_until };
        let alarms = alarms::of(&facts, at);
        let sheet = Arc::new(Sheet { taken: at, own, counts, weeks, alarms, list_until });
        *kept = Some(Arc::clone(&sheet));
        Ok(sheet)
    }

    /// A revocation list was signed that is good until then.
    pub fn list_signed(&self, until: Time) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).list_until = Some(until);
    }

    /// Keeps one of the hub's own certificates, with its audit record.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn keep(&self, kind: OwnKind, cert: &Cert, at: Time) -> Result<(), StoreError> {
        let node = match kind {
            OwnKind::Root | OwnKind::Between | OwnKind::Issuing => String::new(),
            OwnKind::Server | OwnKind::ServerNewRoot | OwnKind::Responder => self.node.clone(),
        };
        let own = OwnCertificate {
            fingerprint: cert.fingerprint(),
            serial: cert.serial().to_string(),
            kind,
            subject: cert.parsed().tbs_certificate.subject.to_string(),
            node,
            not_before: cert.not_before(),
            not_after: cert.not_after(),
            issued: at,
            replaced: None,
        };
        self.store.own_certificate(&own, cert.der(), &decision("in use from now on", at)).await?;
        *self.sheet.lock().await = None;
        Ok(())
    }

    /// What the device said when it was asked. The first failure and the first success after it are in the audit.
    async fn device(&self, said: Result<(), String>, at: Time) -> Result<(), StoreError> {
        let was = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let since = known.device.as_ref().map_or(at, |trouble| trouble.since);
            let is = said.clone().err().map(|why| DeviceTrouble { since, why });
            std::mem::replace(&mut known.device, is)
        };
        let (action, why) = match (&was, &said) {
            (None, Err(why)) => ("ca.device-away", why.as_str()),
            (Some(_), Ok(())) => ("ca.device-back", "the device signs again"),
            (None, Ok(())) | (Some(_), Err(_)) => return Ok(()),
        };
        *self.sheet.lock().await = None;
        self.store.record(&decision(why, at), &Entry::done(action, None, "the issuing authority's key")).await?;
        Ok(())
    }
}

fn decision(reason: &str, at: Time) -> Decision {
    Decision { by: Actor::Hub("certificate authority".to_owned()), reason: reason.chars().take(500).collect(), at }
}

/// Writes the authorities in use into the ledger, and that others are not any more.
pub(crate) async fn open(hub: &Hub) -> Result<(), StoreError> {
    let (at, authorities) = (now(), hub.trust.now());
    let mut in_use = Vec::new();
    for side in authorities.sides() {
        let above = side.between.iter().map(|cert| (OwnKind::Between, cert));
        let own = [(OwnKind::Root, &side.root), (OwnKind::Issuing, side.issuing.cert())];
        for (kind, cert) in own.into_iter().chain(above) {
            hub.ledger.keep(kind, cert, at).await?;
            in_use.push(cert.fingerprint());
        }
    }
    hub.store.own_authorities(&in_use, at).await
}

/// Asks the device again and again whether it would sign, and follows a change of authorities, until the hub stops.
pub(crate) async fn watch(hub: Arc<Hub>, stop: watch::Receiver<bool>) {
    let mut stopped = std::pin::pin!(until(stop));
    let mut changed = hub.trust.watch();
    loop {
        let issuing = hub.issuing();
        if issuing.key().is_elsewhere() {
            let said = super::desk::check(&issuing).await.map_err(|error| error.to_string());
            if let Err(why) = &said {
                tracing::error!(
                    why,
                    "no certificate can be issued: the authority's key is away; links and pumps go on"
                );
            }
            tell(hub.ledger.device(said, now()).await);
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            Ok(()) = changed.changed() => tell(open(&hub).await),
            () = &mut stopped => return,
        }
    }
}

fn tell(done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::warn!(%error, "the ledger of certificates could not be written; the next turn tries again");
    }
}
