//! The hub's own certificates. While roots change there are two of them, and each client is shown the chain that it can
//! follow.
//!
//! A pump says in its first message which roots it believes (certificate_authorities, RFC 8446 section 4.2.4). One that
//! believes only the new root, which is how a pump proves it, is shown the new chain before the hub has moved. After the
//! move everybody is shown the new chain, with the new root vouched for by the old one (NewWithOld) behind it: a pump
//! that slept and believes only the old root follows it too.

use std::sync::Arc;

use tokio::sync::watch;
use wardline_model::{Span, Time};
use wardline_pki::key::Spki;
use wardline_pki::{Approved, Authority, Cert, P256Key, PkiError, profile};
use wardline_store::{OwnKind, RollOverStage};

use super::{Authorities, Next};
use crate::config::Config;
use crate::door::until;
use crate::keys::Keys;
use crate::server::StartError;
use crate::state::{Hub, now};
use crate::tls::{OwnCert, Serves};

/// How often the hub's own certificate is looked at.
const EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// The hub's certificate is replaced when less than this is left: a third of its 90 days.
const LEFT: Span = Span::from_days(30);

/// How the hub came to its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// It was issued then.
    At(Time),
    /// It is the last one, because the device that holds the authority's key is away.
    Before,
}

/// The hub's certificates at its start. It starts without the device that holds the authority's key: with the last one.
///
/// # Errors
/// [`StartError`].
pub(crate) async fn first(hub: &Hub, keys: &Keys) -> Result<(Vec<Serves>, Made), StartError> {
    match certificates(hub, keys).await {
        Ok(serves) => Ok((serves, Made::At(now()))),
        Err(StartError::Pki(PkiError::Elsewhere(why))) => {
            let authorities = hub.trust.now();
            let (cert, key) = keys.own()?;
            let side = authorities.issues();
            if cert.verify_issued_by(side.issuing.cert()).is_err() || now() > cert.not_after() {
                return Err(PkiError::Elsewhere(why).into());
            }
            tracing::error!(why, "the authority's key is away: starting with the hub's last certificate");
            Ok((vec![Serves::new(&cert, &key, &chain(&authorities))?], Made::Before))
        }
        Err(error) => Err(error),
    }
}

/// New certificates for the hub, for everybody and, where they differ, for those who believe only the new root.
///
/// # Errors
/// [`StartError`].
async fn certificates(hub: &Hub, keys: &Keys) -> Result<Vec<Serves>, StartError> {
    let authorities = hub.trust.now();
    let (cert, key) = issue(hub, &authorities.issues().issuing).await?;
    keys.keep_own(&cert, &key)?;
    hub.ledger.keep(OwnKind::Server, &cert, now()).await?;
    let usual = Serves::new(&cert, &key, &chain(&authorities))?;
    let only_new = match &authorities.next {
        Some(Next { side, crosses: Some(_), stage: RollOverStage::Prepared }) => {
            let (cert, key) = issue(hub, &side.issuing).await?;
            hub.ledger.keep(OwnKind::ServerNewRoot, &cert, now()).await?;
            let chain: Vec<&Cert> = side.chain().collect();
            Some(Serves::new(&cert, &key, &chain)?.for_who_believes(&side.root, &authorities.old.root)?)
        }
        Some(_) | None => None,
    };
    Ok([usual].into_iter().chain(only_new).collect())
}

/// What follows the hub's certificate on the wire.
fn chain(authorities: &Authorities) -> Vec<&Cert> {
    let has_moved = authorities.next.as_ref().filter(|next| next.stage == RollOverStage::Moved);
    let cross = has_moved.and_then(|next| next.crosses.as_ref()).map(|crosses| &crosses.new_with_old);
    authorities.issues().chain().chain(cross).collect()
}

/// A new certificate for the hub, good for all listeners.
async fn issue(hub: &Hub, ca: &Arc<Authority>) -> Result<(Cert, P256Key), PkiError> {
    let key = P256Key::generate()?;
    let content = own_content(&hub.config, key.spki())?;
    Ok((crate::ca::sign(ca, content, now()).await?, key))
}

/// What the hub's certificate says.
pub(crate) fn own_content(config: &Config, key: &Spki) -> Result<Approved, PkiError> {
    let mut names = vec![config.hub_name.as_str(), "localhost"];
    names.extend(config.console_names.iter().map(String::as_str));
    let mut places = vec![std::net::Ipv4Addr::LOCALHOST.into()];
    let bound = [config.link.ip(), config.est.ip(), config.console.ip()];
    places.extend(bound.into_iter().filter(|ip| !ip.is_unspecified() && !ip.is_loopback()));
    profile::server(key, &names, &places)
}

/// Replaces the hub's certificates long before they end, and at once when the authorities change. Keys are new at every
/// start; the last one is sealed beside the others for a start while the authority's key is away.
pub(crate) async fn keep_fresh(
    hub: Arc<Hub>,
    keys: Keys,
    own: Arc<OwnCert>,
    first: Made,
    stopped: watch::Receiver<bool>,
) {
    let mut stopped = std::pin::pin!(until(stopped));
    let mut changed = hub.trust.watch();
    let mut made = first;
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            Ok(()) = changed.changed() => made = Made::Before,
            () = &mut stopped => return,
        }
        // A certificate from a time that has not come yet was made while the clock was wrong: pumps do not believe it.
        let at = now();
        if matches!(made, Made::At(made) if at >= made && at < made + profile::SERVER_LASTS - LEFT) {
            continue;
        }
        match certificates(&hub, &keys).await {
            Ok(fresh) => {
                own.replace(fresh);
                made = Made::At(at);
            }
            Err(error) => {
                tracing::error!(%error, "the hub's certificate could not be replaced; trying again in a minute");
            }
        }
    }
}
