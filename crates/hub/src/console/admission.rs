//! Network admission: a RADIUS server has checked that a pump holds the key of a certificate, and asks whether and where
//! it may be let in. The registry's answer, not the certificate's: a replaced, revoked or copied one is refused whatever
//! its dates say (N14). A pump that is taken down is told apart, so that a hospital may give it a network of its own.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use wardline_api::types::{Admission, Standing};
use wardline_model::{Lifecycle, QuarantineLevel, covers};
use wardline_store::{CertificateRow, CertificateState, PumpRow};

use super::app::Console;
use super::fault::Fault;

/// The longest serial number of a certificate, in hexadecimal digits (RFC 5280: 20 bytes).
const LONGEST: usize = 40;

/// `GET /api/v1/admission/{certificate}`: by serial number in hexadecimal, as FreeRADIUS writes it.
pub(super) async fn api(
    State(console): State<Arc<Console>>,
    Path(serial): Path<String>,
) -> Result<Json<Admission>, Fault> {
    let serial = serial.to_ascii_lowercase();
    if serial.is_empty() || serial.len() > LONGEST || !serial.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Fault::bad("a certificate's serial number is 1 to 40 hexadecimal digits"));
    }
    let Some(certificate) = console.store.certificate(&serial).await? else {
        return Err(Fault::not_found(format!("certificate {serial}")));
    };
    let pump = console.pump(certificate.pump).await?;
    let standing =
        standing(&certificate, &pump).map_err(|why| Fault::new(StatusCode::FORBIDDEN, "not-admitted", why))?;
    Ok(Json(Admission { pump: pump.id, serial: pump.serial, asset_tag: pump.asset_tag, standing }))
}

fn standing(certificate: &CertificateRow, pump: &PumpRow) -> Result<Standing, String> {
    covers!("N14");
    let is = pump.standing.lifecycle;
    match certificate.state {
        CertificateState::Superseded => return Err("a newer certificate took this one's place".into()),
        CertificateState::Revoked => return Err("this certificate is revoked".into()),
        CertificateState::Pending | CertificateState::Current => {}
    }
    match is {
        Lifecycle::Enrolled | Lifecycle::InService => Ok(Standing::InService),
        Lifecycle::Quarantined => Ok(match pump.quarantine.as_ref().map(|held| held.level) {
            Some(QuarantineLevel::Remediate) => Standing::Remediate,
            Some(QuarantineLevel::Cut | QuarantineLevel::Watch) | None => Standing::Quarantined,
        }),
        Lifecycle::Expected | Lifecycle::Lost | Lifecycle::Retired => Err(format!("the pump is {is}")),
    }
}
