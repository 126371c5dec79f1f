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
use wardline_pki::{Authority, Cert, P256Key, PkiError, profile};
use wardline_store::RollOverStage;

use super::{Authorities, Next};
use crate::door::until;
use crate::state::{Hub, now};
use crate::tls::{OwnCert, Serves, TlsError};

/// How often the hub's own certificate is looked at.
const EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// The hub's certificate is replaced when less than this is left: a third of its 90 days.
const LEFT: Span = Span::from_days(30);

/// New certificates for the hub, for everybody and, where they differ, for those who believe only the new root.
///
/// # Errors
/// [`TlsError`].
pub(crate) async fn certificates(hub: &Hub) -> Result<Vec<Serves>, TlsError> {
    let authorities = hub.trust.now();
    let usual = usual(hub, &authorities).await?;
    let only_new = match &authorities.next {
        Some(Next { side, crosses: Some(_), stage: RollOverStage::Prepared }) => {
            let (cert, key) = issue(hub, &side.issuing).await?;
            let chain = [side.issuing.cert()];
            Some(Serves::new(&cert, &key, &chain)?.for_who_believes(&side.root, &authorities.old.root)?)
        }
        Some(_) | None => None,
    };
    Ok([usual].into_iter().chain(only_new).collect())
}

async fn usual(hub: &Hub, authorities: &Authorities) -> Result<Serves, TlsError> {
    let side = authorities.issues();
    let (cert, key) = issue(hub, &side.issuing).await?;
    let has_moved = authorities.next.as_ref().filter(|next| next.stage == RollOverStage::Moved);
    let cross = has_moved.and_then(|next| next.crosses.as_ref()).map(|crosses| &crosses.new_with_old);
    let chain: Vec<&Cert> = [side.issuing.cert()].into_iter().chain(cross).collect();
    Serves::new(&cert, &key, &chain)
}

/// A new certificate for the hub, good for all listeners.
async fn issue(hub: &Hub, ca: &Arc<Authority>) -> Result<(Cert, P256Key), PkiError> {
    let key = P256Key::generate()?;
    let mut names = vec![hub.config.hub_name.as_str(), "localhost"];
    names.extend(hub.config.console_names.iter().map(String::as_str));
    let mut places = vec![std::net::Ipv4Addr::LOCALHOST.into()];
    let bound = [hub.config.link.ip(), hub.config.est.ip(), hub.config.console.ip()];
    places.extend(bound.into_iter().filter(|ip| !ip.is_unspecified() && !ip.is_loopback()));
    let content = profile::server(key.spki(), &names, &places)?;
    Ok((crate::ca::sign(ca, content, now()).await?, key))
}

/// Replaces the hub's certificates long before they end, and at once when the authorities change. Keys live in memory only
/// and are new at every start.
pub(crate) async fn keep_fresh(hub: Arc<Hub>, own: Arc<OwnCert>, stopped: watch::Receiver<bool>) {
    let mut stopped = std::pin::pin!(until(stopped));
    let mut changed = hub.trust.watch();
    let mut made: Option<Time> = Some(now());
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            Ok(()) = changed.changed() => made = None,
            () = &mut stopped => return,
        }
        // A certificate from a time that has not come yet was made while the clock was wrong: pumps do not believe it.
        let at = now();
        if made.is_some_and(|made| at >= made && at < made + profile::SERVER_LASTS - LEFT) {
            continue;
        }
        match certificates(&hub).await {
            Ok(fresh) => {
                own.replace(fresh);
                made = Some(at);
            }
            Err(error) => {
                tracing::error!(%error, "the hub's certificate could not be replaced; trying again in a minute");
            }
        }
    }
}
