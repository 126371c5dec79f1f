//! From a request that may have a certificate to the certificate: is the key new; sign, make durable, answer.
//!
//! Every certificate is for a key of its own. A key that another pump holds is refused whatever the configuration says:
//! two pumps with one key are one pump to everybody who asks (N14). A one-time code, and a person's approval, are used up
//! in the same transaction that records the certificate, so a refusal or a failure leaves them as they were.
//!
//! An answer may be lost on the way. Who asks again with the same key gets the certificate that it has not used yet again;
//! so does who comes with the same used code and the same key. With another key the code stays used.

use axum::response::Response;
use wardline_model::{Digest, covers};
use wardline_pki::est::Layout;
use wardline_pki::profile::{self, PumpNames};
use wardline_pki::{BirthIdentity, Cert, Csr};
use wardline_store::{Actor, CertificateRow, CertificateState, Decision, NewCertificate, PumpRow, StoreError};

use super::enrol::{Asker, WRONG_CODE, refuse};
use super::label::Label;
use super::{Problem, certs_only_response};
use crate::config::{Ruled, SameKey};
use crate::door::Spoken;
use crate::state::{Hub, now};

/// By what right a certificate is asked for.
pub(super) enum Right<'a> {
    /// The maker's birth certificate, and the maker's root.
    Birth(&'a BirthIdentity, Option<Digest>),
    /// A one-time code, which is used up.
    Code(&'a str),
    /// The pump's own certificate, which is being renewed.
    Own(&'a Cert),
}

/// A certificate that is asked for.
pub(super) struct Order<'a> {
    pub(super) csr: Csr,
    pub(super) layout: Layout,
    pub(super) names: PumpNames,
    pub(super) rules: Ruled,
    pub(super) label: Label,
    pub(super) right: Right<'a>,
    pub(super) why: &'static str,
}

/// What is used up with the certificate.
pub(super) enum Spends<'a> {
    Nothing,
    Code(&'a str),
    Approval(String),
}

/// Signs, makes durable, answers: in this order.
pub(super) async fn issue(
    hub: &Hub,
    asker: &Asker,
    order: &Order<'_>,
    spends: Spends<'_>,
) -> Result<Response, Problem> {
    covers!("N14");
    let at = now();
    let content = profile::pump(&order.csr, &order.names)?.lasting(order.rules.lasts);
    let content = content.with_revocation(crate::status::places(hub, order.rules.lasts));
    let cert: Cert = crate::ca::sign(&hub.issuing(), content, at).await?;
    let by = Decision { by: Actor::Pump(order.names.pump), reason: why(asker, order), at };
    keep(hub, order, &cert, spends, &by).await?;
    certs_only_response(&[&cert], order.layout)
}

/// Why, for the audit: by what, by which label, and by which TLS if it was an old one.
fn why(asker: &Asker, order: &Order<'_>) -> String {
    let label = order.label.as_deref().map_or_else(String::new, |label| format!(", by the label {label}"));
    let tls = if asker.peer.spoken == Spoken::Tls12 { ", over TLS 1.2" } else { "" };
    format!("{}{label}{tls}", order.why)
}

/// Makes it durable, then known to the registry.
async fn keep(hub: &Hub, order: &Order<'_>, cert: &Cert, spends: Spends<'_>, by: &Decision) -> Result<(), Problem> {
    let row = NewCertificate {
        serial: cert.serial().to_string(),
        fingerprint: cert.fingerprint(),
        pump: order.names.pump,
        not_before: cert.not_before(),
        not_after: cert.not_after(),
        der: cert.der().to_vec(),
    };
    let kept = match spends {
        Spends::Nothing => hub.store.issue_certificate(&row, by).await,
        Spends::Code(code) => hub.store.issue_for_code(&row, code, by).await,
        Spends::Approval(id) => hub.store.issue_approved(&row, &id, by).await,
    };
    match kept {
        Ok(entry) => {
            hub.apply(&entry);
            Ok(())
        }
        Err(StoreError::Refused { why, .. }) => Err(Problem::Forbidden(why)),
        Err(error) => Err(error.into()),
    }
}

/// Whether a certificate for this key is there already. One that this pump has not used yet is given again: its answer was
/// lost. Anything else is refused.
pub(super) async fn unused(hub: &Hub, asker: &Asker, order: &Order<'_>) -> Result<Option<Response>, Problem> {
    let pump = order.names.pump;
    let held = hub.store.certificates_of_key(&order.csr.key_hash()?).await?;
    if held.iter().any(|row| row.pump != pump) {
        let why =
            "another pump holds a certificate for this key; make a new key on this pump, and look why two have one";
        return Err(refuse(hub, asker, Some(pump), "key-of-another-pump", why).await);
    }
    if held.is_empty() || hub.config.enrolment.same_key == SameKey::Allowed {
        return Ok(None);
    }
    let is_shown = matches!(order.right, Right::Own(current) if order.csr.same_key_as(current));
    if !is_shown
        && let Some(row) = held.iter().find(|row| row.state == CertificateState::Pending)
        && let Some(cert) = good(hub, row).await?
    {
        return Ok(Some(certs_only_response(&[&cert], order.layout)?));
    }
    let why = "this key had a certificate already; make a new key for every certificate (a hub lets it be with \
               enrolment.same_key)";
    Err(refuse(hub, asker, Some(pump), "same-key", why).await)
}

/// The certificate of this row, if it still counts.
async fn good(hub: &Hub, row: &CertificateRow) -> Result<Option<Cert>, Problem> {
    let entry = hub.store.registry_entry(row.pump).await?;
    if !entry.admits(&row.fingerprint) || row.not_after <= now() {
        return Ok(None);
    }
    let der = hub.store.certificate_der(&row.serial).await?;
    Ok(der.map(|der| Cert::from_der(&der)).transpose()?)
}

/// A used code comes again. If it is the same key, the answer was lost on the way, and is given once more.
pub(super) async fn again(
    hub: &Hub,
    asker: &Asker,
    pump: &PumpRow,
    csr: &Csr,
    layout: Layout,
) -> Result<Response, Problem> {
    for row in hub.store.certificates_of_key(&csr.key_hash()?).await? {
        if row.pump == pump.id
            && let Some(cert) = good(hub, &row).await?
        {
            return certs_only_response(&[&cert], layout);
        }
    }
    Err(refuse(hub, asker, Some(pump.id), "used-code", WRONG_CODE).await)
}
