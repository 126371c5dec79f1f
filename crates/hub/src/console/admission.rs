//! Network admission: a RADIUS server has checked that a pump holds the key of a certificate, and asks whether and where
//! it may be let in. The registry's answer, not the certificate's: a replaced, revoked or copied one is refused whatever
//! its dates say (N14). A pump that is taken down is told apart, so that a hospital may give it a network of its own.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use wardline_api::types::{Admission, Standing};
use wardline_model::{Lifecycle, QuarantineLevel, covers};
use wardline_store::{CertificateRow, CertificateState, OnAir, PumpRow};

use super::app::Console;
use super::fault::Fault;
use super::guard::query;
use crate::link::{Sign, Suspicion};

/// The longest serial number of a certificate, in hexadecimal digits (RFC 5280: 20 bytes).
const LONGEST: usize = 40;

/// The longest name that a RADIUS attribute can hold (RFC 2865 section 5).
const LONGEST_NAME: usize = 253;

/// What the RADIUS server knows of the one who asks, as far as it said.
struct Asker {
    station: String,
    user: String,
    nas: String,
}

impl Asker {
    fn of(uri: &Uri) -> Self {
        let fields = query(uri);
        let text = |name: &str| fields.get(name).chars().take(LONGEST_NAME).collect();
        Self { station: text("station"), user: text("user"), nas: text("nas") }
    }

    /// From where, for the list of strangers.
    fn place(&self) -> &str {
        if self.station.is_empty() { "a RADIUS server" } else { &self.station }
    }
}

/// `GET /api/v1/admission/{certificate}`: by serial number in hexadecimal, as FreeRADIUS writes it. The RADIUS server has
/// checked that whoever shows the certificate holds its key, and says from which radio and access point.
pub(super) async fn api(
    State(console): State<Arc<Console>>,
    Path(serial): Path<String>,
    uri: Uri,
) -> Result<Json<Admission>, Fault> {
    let (serial, asker) = (serial.to_ascii_lowercase(), Asker::of(&uri));
    if serial.is_empty() || serial.len() > LONGEST || !serial.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Fault::bad("a certificate's serial number is 1 to 40 hexadecimal digits"));
    }
    let Some(certificate) = console.store.certificate(&serial).await? else {
        (console.wiring.stranger)(&format!("certificate {serial}"), asker.place(), "radius-unknown-certificate");
        return Err(Fault::not_found(format!("certificate {serial}")));
    };
    let pump = console.pump(certificate.pump).await?;
    let standing = match standing(&certificate, &pump) {
        Ok(standing) => standing,
        Err((word, why)) => {
            refuse(&console, &certificate, &asker, word);
            return Err(Fault::new(StatusCode::FORBIDDEN, "not-admitted", why));
        }
    };
    if !asker.station.is_empty() {
        let Asker { station, user, nas } = asker;
        console.store.note_admission(&OnAir { pump: pump.id, user, station, nas, at: console.now() }).await?;
    }
    Ok(Json(Admission { pump: pump.id, serial: pump.serial, asset_tag: pump.asset_tag, standing }))
}

/// Counts a refusal. A replaced certificate whose key somebody has proven to hold is the sign of a clone.
fn refuse(console: &Console, certificate: &CertificateRow, asker: &Asker, word: &'static str) {
    (console.wiring.stranger)(&format!("pump {}", certificate.pump), asker.place(), word);
    if certificate.state == CertificateState::Superseded {
        let (sign, place) = (Sign::OldCertificate(certificate.fingerprint), asker.place().to_owned());
        (console.wiring.suspect)(Suspicion { pump: certificate.pump, sign, place, at: console.now() });
    }
}

fn standing(certificate: &CertificateRow, pump: &PumpRow) -> Result<Standing, (&'static str, String)> {
    covers!("N14");
    let is = pump.standing.lifecycle;
    match certificate.state {
        CertificateState::Superseded => {
            return Err(("radius-replaced-certificate", "a newer certificate took this one's place".into()));
        }
        CertificateState::Revoked => return Err(("radius-revoked-certificate", "this certificate is revoked".into())),
        CertificateState::Pending | CertificateState::Current => {}
    }
    match is {
        Lifecycle::Enrolled | Lifecycle::InService => Ok(Standing::InService),
        Lifecycle::Quarantined => Ok(match pump.quarantine.as_ref().map(|held| held.level) {
            Some(QuarantineLevel::Remediate) => Standing::Remediate,
            Some(QuarantineLevel::Cut | QuarantineLevel::Watch) | None => Standing::Quarantined,
        }),
        Lifecycle::Expected | Lifecycle::Lost | Lifecycle::Retired => {
            Err(("radius-out-of-service", format!("the pump is {is}")))
        }
    }
}
