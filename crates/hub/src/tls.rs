//! TLS acceptors, and the registry's say in the handshake. TLS 1.3 only, but for one listener that an operator may open for
//! old enrolment clients: TLS 1.2 there with a fresh key exchange and authenticated ciphers only.
//!
//! A pump's certificate must pass webpki (signature, chain, dates, clientAuth), then [`wardline_pki::strict`], then name
//! a pump whose registry entry admits exactly this certificate. The hub's own issuing CA is checked against the root once,
//! at the start, and its dates at every handshake; so a storm of handshakes does not check one signature again and again. Session tickets keep a reconnect cheap; because a resumed
//! handshake shows no certificate to the verifier, the caller asks the registry again right after every handshake, so a
//! quarantined pump gets nowhere with an old ticket (N14). There is no early data: it could be replayed (A05).

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, RootCertStore, ServerConfig,
    SignatureScheme,
};
use wardline_model::{Digest, Time, covers};
use wardline_pki::strict::{self, Usage};
use wardline_pki::{BirthIdentity, Cert, P256Key, PkiError, PumpIdentity};

use crate::config::Demand;
use crate::state::{REPLACED, Registry};

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// rustls refused the setup.
    #[error("TLS cannot be set up: {0}")]
    Rustls(#[from] rustls::Error),
    /// The verifier refused the roots.
    #[error("TLS cannot be set up: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// A certificate cannot be used.
    #[error("TLS cannot be set up: {0}")]
    Pki(#[from] PkiError),
}

/// Why a peer's certificate was refused: a short word for counting, and what it claimed to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word}: {claim}")]
pub struct Refusal {
    /// A short fixed word.
    pub word: &'static str,
    /// What the certificate claimed; empty when it could not be read.
    pub claim: String,
}

impl Refusal {
    /// A refusal of somebody who claimed nothing.
    #[must_use]
    pub const fn plain(word: &'static str) -> Self {
        Self { word, claim: String::new() }
    }
}

/// The makers whose birth certificates count.
#[derive(Clone, Debug, Default)]
pub struct Makers {
    /// Their roots.
    pub roots: Vec<Cert>,
    /// Whether a birth certificate must carry a hardwareModuleName.
    pub module: Demand,
}

/// Who showed a certificate, once the handshake is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A pump, by its own certificate.
    Pump(Box<PumpIdentity>, Box<Cert>),
    /// A pump, by its maker's birth certificate, and the maker's root that this leads to (SHA-256) when only one can be
    /// meant.
    Birth(BirthIdentity, Option<Digest>),
}

/// The one provider: aws-lc with the hybrid post-quantum key exchange first.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A certificate that the hub shows, its key, and whom it is for.
#[derive(Clone, Debug)]
pub struct Serves {
    shown: Arc<CertifiedKey>,
    only: Option<Only>,
}

/// For clients that believe one root and say so, and not another.
#[derive(Clone, Debug)]
struct Only {
    believes: DistinguishedName,
    not: DistinguishedName,
}

impl Serves {
    /// For everybody; `chain` follows the certificate on the wire.
    ///
    /// # Errors
    /// [`TlsError`] when key and certificate do not belong together.
    pub fn new(cert: &Cert, key: &P256Key, chain: &[&Cert]) -> Result<Self, TlsError> {
        let ders = std::iter::once(cert).chain(chain.iter().copied()).map(|c| CertificateDer::from(c.der().to_vec()));
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_pkcs8()?.to_vec()));
        Ok(Self { shown: Arc::new(CertifiedKey::from_der(ders.collect(), key, &provider())?), only: None })
    }

    /// Only for a client that says that it believes this root and does not say so of the other.
    ///
    /// # Errors
    /// [`TlsError`] when a root cannot be used.
    pub fn for_who_believes(self, root: &Cert, not: &Cert) -> Result<Self, TlsError> {
        let only = Only { believes: name_of(root)?, not: name_of(not)? };
        Ok(Self { only: Some(only), ..self })
    }

    fn suits(&self, believed: Option<&[DistinguishedName]>) -> bool {
        match (&self.only, believed) {
            (None, _) => true,
            (Some(only), Some(names)) => {
                let names_it = |root: &DistinguishedName| names.iter().any(|name| name.as_ref() == root.as_ref());
                names_it(&only.believes) && !names_it(&only.not)
            }
            (Some(_), None) => false,
        }
    }
}

fn name_of(root: &Cert) -> Result<DistinguishedName, TlsError> {
    let mut names = trusted(std::iter::once(root))?.subjects();
    Ok(names.pop().ok_or(PkiError::Refused("a root without a name"))?)
}

/// The hub's own certificates, replaceable while running. There is one for everybody, and while roots change another for
/// those who believe only the new one.
pub struct OwnCert(RwLock<Vec<Serves>>);

impl OwnCert {
    /// Shows these.
    #[must_use]
    pub fn new(serves: Vec<Serves>) -> Arc<Self> {
        Arc::new(Self(RwLock::new(serves)))
    }

    /// Shows others from the next handshake on. Open connections stay.
    pub fn replace(&self, serves: Vec<Serves>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = serves;
    }

    /// The one for a client that says that it believes these roots, or says nothing: the narrowest that suits.
    fn choose(&self, believed: Option<&[DistinguishedName]>) -> Option<Arc<CertifiedKey>> {
        let serves = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let suits = |one: &&Serves| one.suits(believed);
        let narrow = serves.iter().filter(|one| one.only.is_some()).find(suits);
        narrow.or_else(|| serves.iter().find(suits)).map(|one| Arc::clone(&one.shown))
    }
}

impl fmt::Debug for OwnCert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnCert")
    }
}

impl ResolvesServerCert for OwnCert {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.certificate_authorities())
    }
}

/// Whom a verifier lets in.
#[derive(Debug)]
enum Door {
    /// Only pumps that the registry admits.
    Link(Arc<Registry>),
    /// Pumps of the fleet, pumps with a birth certificate, and whoever shows none. Routes decide about the rest.
    Est,
    /// The same for old clients: a certificate may be shown in TLS 1.2 too.
    LegacyEst,
}

/// The client certificate verifier of both mutual listeners.
#[derive(Debug)]
struct Doorkeeper {
    door: Door,
    fleet: Arc<FleetAnchors>,
    makers: Option<Anchors>,
    hints: RwLock<Hints>,
}

/// The names of the authorities that a client's certificate may come from, as the handshake tells them. They are asked for
/// by reference, so those of an earlier time are never let go of: some 200 bytes for each change of authorities, of which
/// there is one in years.
#[derive(Clone, Copy, Debug)]
struct Hints {
    as_of: u64,
    names: &'static [DistinguishedName],
}

/// Whom a chain must lead to.
#[derive(Debug)]
struct Anchors {
    verifier: Arc<dyn ClientCertVerifier>,
    roots: Vec<Cert>,
    /// Issuing CAs that one of the roots, or another one here, signed, which was checked when they were put in.
    issuers: Vec<Cert>,
}

/// The fleet's authorities, replaceable while running: two of each while they change.
pub struct FleetAnchors {
    now: RwLock<Arc<Anchors>>,
    /// How often they were replaced.
    changes: AtomicU64,
    /// Verifies signatures of handshakes, which asks no authority.
    verifier: Arc<dyn ClientCertVerifier>,
}

/// The fleet's authorities.
pub type Fleet<'a> = &'a Arc<FleetAnchors>;

impl FleetAnchors {
    /// What pumps and hub believe, and the hub's own issuing CAs.
    ///
    /// # Errors
    /// [`TlsError`] when an issuing CA was signed by none of the roots.
    pub fn new(roots: &[Cert], issuers: &[Cert]) -> Result<Arc<Self>, TlsError> {
        let now = Anchors::new(roots, issuers)?;
        let verifier = Arc::clone(&now.verifier);
        Ok(Arc::new(Self { now: RwLock::new(Arc::new(now)), changes: AtomicU64::new(0), verifier }))
    }

    /// Lets these in from the next handshake on. Open connections stay.
    ///
    /// # Errors
    /// As [`FleetAnchors::new`]; then nothing was changed.
    pub fn replace(&self, roots: &[Cert], issuers: &[Cert]) -> Result<(), TlsError> {
        let next = Arc::new(Anchors::new(roots, issuers)?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = next;
        self.changes.fetch_add(1, Ordering::Release);
        Ok(())
    }

    fn now(&self) -> Arc<Anchors> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn check(
        &self,
        leaf: &Cert,
        end: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        usage: Usage,
        now: UnixTime,
    ) -> Result<(), &'static str> {
        self.now().check(leaf, end, rest, usage, now)
    }
}

impl fmt::Debug for FleetAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FleetAnchors")
    }
}

/// TLS for the live link: a pump's certificate is demanded, and the registry must admit it.
///
/// # Errors
/// [`TlsError`].
pub fn link(own: &Arc<OwnCert>, fleet: Fleet<'_>, registry: Arc<Registry>) -> Result<Arc<ServerConfig>, TlsError> {
    let keeper = Doorkeeper::new(Door::Link(registry), fleet, &[])?;
    config(own, Some(Arc::new(keeper)), &[])
}

/// TLS for enrolment and releases: a certificate may be shown; a bad one ends the handshake.
///
/// # Errors
/// [`TlsError`].
pub fn est(own: &Arc<OwnCert>, fleet: Fleet<'_>, makers: &[Cert]) -> Result<Arc<ServerConfig>, TlsError> {
    let keeper = Doorkeeper::new(Door::Est, fleet, makers)?;
    config(own, Some(Arc::new(keeper)), &[b"http/1.1"])
}

/// TLS 1.2 as well as 1.3 for old enrolment clients. No session is ever resumed in TLS 1.2, so a handshake without the
/// extended master secret (RFC 7627), which some of them lack, joins nothing to nothing.
///
/// # Errors
/// [`TlsError`].
pub fn legacy_est(own: &Arc<OwnCert>, fleet: Fleet<'_>, makers: &[Cert]) -> Result<Arc<ServerConfig>, TlsError> {
    let keeper = Doorkeeper::new(Door::LegacyEst, fleet, makers)?;
    let builder = ServerConfig::builder_with_provider(legacy_provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_client_cert_verifier(Arc::new(keeper));
    let mut config = builder.with_cert_resolver(Arc::clone(own) as Arc<dyn ResolvesServerCert>);
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The suites of the legacy listener: in TLS 1.2 an ephemeral key exchange and an authenticated cipher (RFC 9325 section
/// 4.2), signed by the P-256 key that the hub has.
fn legacy_provider() -> Arc<CryptoProvider> {
    use rustls::crypto::aws_lc_rs::cipher_suite as suite;
    let cipher_suites = vec![
        suite::TLS13_AES_256_GCM_SHA384,
        suite::TLS13_AES_128_GCM_SHA256,
        suite::TLS13_CHACHA20_POLY1305_SHA256,
        suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ];
    Arc::new(CryptoProvider { cipher_suites, ..rustls::crypto::aws_lc_rs::default_provider() })
}

/// TLS for the console: people sign in, no certificate is asked for.
///
/// # Errors
/// [`TlsError`].
pub fn console(own: &Arc<OwnCert>) -> Result<Arc<ServerConfig>, TlsError> {
    config(own, None, &[b"http/1.1"])
}

fn config(
    own: &Arc<OwnCert>,
    keeper: Option<Arc<dyn ClientCertVerifier>>,
    protocols: &[&[u8]],
) -> Result<Arc<ServerConfig>, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&rustls::version::TLS13])?;
    let builder = match keeper {
        Some(keeper) => builder.with_client_cert_verifier(keeper),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::clone(own) as Arc<dyn ResolvesServerCert>);
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    // A client uses a ticket once and gets the next with it; a second one is half a kilobyte and a cipher run for nothing.
    config.send_tls13_tickets = 1;
    config.max_early_data_size = 0;
    config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
    Ok(Arc::new(config))
}

impl Doorkeeper {
    fn new(door: Door, fleet: Fleet<'_>, makers: &[Cert]) -> Result<Self, TlsError> {
        let makers = if makers.is_empty() { None } else { Some(Anchors::new(makers, &[])?) };
        let hints = RwLock::new(hints(fleet, makers.as_ref())?);
        Ok(Self { hints, door, fleet: Arc::clone(fleet), makers })
    }

    fn check(&self, end: &CertificateDer<'_>, rest: &[CertificateDer<'_>], now: UnixTime) -> Result<(), rustls::Error> {
        let cert = Cert::from_der(end).map_err(|_| refuse("unreadable-certificate", String::new()))?;
        match (PumpIdentity::of(&cert), &self.door, &self.makers) {
            (Ok(pump), door, _) => {
                let claim = || format!("pump {}", pump.pump);
                self.fleet.check(&cert, end, rest, Usage::Pump, now).map_err(|word| refuse(word, claim()))?;
                match door {
                    // A replaced certificate is refused right after the handshake: only then is it proven that whoever
                    // shows it holds its key, and only that is the sign of a clone.
                    Door::Link(registry) => match registry.admit(&pump) {
                        Ok(()) | Err(REPLACED) => Ok(()),
                        Err(word) => Err(refuse(word, claim())),
                    },
                    Door::Est | Door::LegacyEst => Ok(()),
                }
            }
            (Err(_), Door::Est | Door::LegacyEst, Some(makers)) => {
                let birth = BirthIdentity::with_or_without_module(&cert);
                let claim = birth.map_or_else(|_| String::new(), |b| format!("serial {}", b.serial));
                makers.check(&cert, end, rest, Usage::Birth, now).map_err(|word| refuse(word, claim))
            }
            (Err(_), _, _) => {
                let subject = cert.parsed().tbs_certificate.subject.to_string();
                Err(refuse("not-a-pump-certificate", subject))
            }
        }
    }
}

impl Anchors {
    fn new(roots: &[Cert], issuers: &[Cert]) -> Result<Self, TlsError> {
        for issuer in issuers {
            let signed = |by: &&Cert| *by != issuer && issuer.verify_issued_by(by).is_ok();
            roots
                .iter()
                .chain(issuers)
                .find(signed)
                .ok_or(PkiError::Refused("the issuing CA was not signed by the fleet's root"))?;
        }
        let store = Arc::new(trusted(roots.iter().chain(issuers))?);
        let verifier = WebPkiClientVerifier::builder_with_provider(store, provider()).build()?;
        Ok(Self { verifier, roots: roots.to_vec(), issuers: issuers.to_vec() })
    }

    /// webpki's checks, then the strict ones.
    fn check(
        &self,
        leaf: &Cert,
        end: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        usage: Usage,
        now: UnixTime,
    ) -> Result<(), &'static str> {
        let is_known = |sent: &&CertificateDer<'_>| self.issuers.iter().any(|issuer| issuer.der() == &***sent);
        let sent: Result<Vec<Cert>, _> = rest.iter().filter(|c| !is_known(c)).map(|c| Cert::from_der(c)).collect();
        let sent = sent.map_err(|_| "unreadable-certificate")?;
        self.verifier.verify_client_cert(end, rest, now).map_err(|error| word_of(&error))?;
        let chain = self.chain(leaf, &sent).ok_or("unknown-issuer")?;
        strict::chain(&chain, usage, Time::from_unix_s(now.as_secs())).map_err(|_| "fails-strict-checks")
    }

    /// The chain that leads from the leaf to one of the roots. Issuing CAs of ours go before what was sent: nobody may put
    /// another one of the same name in their place.
    fn chain<'a>(&'a self, leaf: &'a Cert, sent: &'a [Cert]) -> Option<Vec<&'a Cert>> {
        let mut chain = vec![leaf];
        for _ in 0..=self.issuers.len() + sent.len() {
            let issuer = &chain[chain.len() - 1].parsed().tbs_certificate.issuer;
            let named = |c: &&Cert| c.parsed().tbs_certificate.subject == *issuer;
            if let Some(root) = self.roots.iter().find(named) {
                chain.push(root);
                return Some(chain);
            }
            chain.push(self.issuers.iter().find(named).or_else(|| sent.iter().find(named))?);
        }
        None
    }
}

fn hints(fleet: &FleetAnchors, makers: Option<&Anchors>) -> Result<Hints, TlsError> {
    let as_of = fleet.changes.load(Ordering::Acquire);
    let now = fleet.now();
    let all = now.roots.iter().chain(makers.iter().flat_map(|makers| &makers.roots));
    Ok(Hints { as_of, names: Vec::leak(trusted(all)?.subjects()) })
}

fn trusted<'a>(certs: impl Iterator<Item = &'a Cert>) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for cert in certs {
        store.add(CertificateDer::from(cert.der().to_vec()))?;
    }
    Ok(store)
}

fn refuse(word: &'static str, claim: String) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Refusal { word, claim }))))
}

const fn word_of(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "not-valid-yet",
            CertificateError::UnknownIssuer => "unknown-issuer",
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "wrong-usage",
            CertificateError::BadSignature => "bad-signature",
            _ => "bad-certificate",
        },
        _ => "bad-certificate",
    }
}

/// Why the handshake failed, for the list of strangers.
#[must_use]
pub fn refusal_of(error: &std::io::Error) -> Refusal {
    let Some(error) = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) else {
        return Refusal::plain("not-tls");
    };
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
            other.downcast_ref::<Refusal>().cloned().unwrap_or_else(|| Refusal::plain("bad-certificate"))
        }
        rustls::Error::NoCertificatesPresented => Refusal::plain("no-certificate"),
        rustls::Error::PeerIncompatible(_) => Refusal::plain("old-tls"),
        rustls::Error::InvalidMessage(_) => Refusal::plain("not-tls"),
        rustls::Error::AlertReceived(_) => Refusal::plain("peer-refused-us"),
        _ => Refusal::plain("bad-handshake"),
    }
}

/// Who is at the other end of a finished handshake; nothing when no certificate was shown.
///
/// # Errors
/// [`PkiError`] when a certificate that passed the handshake names nobody (a resumed one from before a change).
pub fn shown(certificates: Option<&[CertificateDer<'_>]>, makers: &Makers) -> Result<Option<Shown>, PkiError> {
    covers!("N14");
    let Some(first) = certificates.and_then(<[_]>::first) else { return Ok(None) };
    let cert = Cert::from_der(first)?;
    match PumpIdentity::of(&cert) {
        Ok(pump) => Ok(Some(Shown::Pump(Box::new(pump), Box::new(cert)))),
        Err(_) => {
            let birth = match makers.module {
                Demand::Required => BirthIdentity::of(&cert)?,
                Demand::Optional => BirthIdentity::with_or_without_module(&cert)?,
            };
            Ok(Some(Shown::Birth(birth, maker_of(certificates.unwrap_or_default(), &makers.roots))))
        }
    }
}

/// The maker's root that a chain leads to by its names. The handshake has proven the signatures; of two roots with one
/// name neither is told.
fn maker_of(chain: &[CertificateDer<'_>], makers: &[Cert]) -> Option<Digest> {
    let mut last = Cert::from_der(chain.first()?).ok()?;
    for _ in 0..chain.len() {
        let issuer = last.parsed().tbs_certificate.issuer.clone();
        let mut roots = makers.iter().filter(|root| root.parsed().tbs_certificate.subject == issuer);
        if let Some(root) = roots.next() {
            return roots.next().is_none().then(|| root.fingerprint());
        }
        let sent = chain.iter().filter_map(|der| Cert::from_der(der).ok());
        last = sent.into_iter().find(|cert| cert.parsed().tbs_certificate.subject == issuer)?;
    }
    None
}

impl ClientCertVerifier for Doorkeeper {
    fn client_auth_mandatory(&self) -> bool {
        matches!(self.door, Door::Link(_))
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        let known = *self.hints.read().unwrap_or_else(PoisonError::into_inner);
        if known.as_of == self.fleet.changes.load(Ordering::Acquire) {
            return known.names;
        }
        let mut kept = self.hints.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have been faster; what cannot be made anew stays.
        if kept.as_of == known.as_of
            && let Ok(fresh) = hints(&self.fleet, self.makers.as_ref())
        {
            *kept = fresh;
        }
        kept.names
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check(end_entity, intermediates, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.door {
            Door::LegacyEst => self.fleet.verifier.verify_tls12_signature(message, cert, dss),
            Door::Link(_) | Door::Est => Err(rustls::Error::General("TLS 1.2 is not spoken here".into())),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.fleet.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.fleet.verifier.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;
