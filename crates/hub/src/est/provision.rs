//! `GET /wardline/v1/provision`: what a freshly enrolled pump must know of its hub, and pins.
//!
//! Only a pump with its own good certificate may ask. Pinning the goal key and the first release root here, over a
//! mutually authenticated connection, is what later lets the pump refuse a stolen hub's inventions (N13).

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use base64::Engine as _;
use serde::Serialize;
use wardline_model::PumpId;

use crate::door::HttpPeer;
use crate::server::reached_at;
use crate::state::Hub;
use crate::tls::Shown;

use super::Problem;

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Provision {
    /// The pump that the certificate names.
    pump: PumpId,
    /// The name that the hub's certificate carries.
    hub: String,
    /// Host and port of the live link.
    link: String,
    /// The hub's Ed25519 goal key, base64.
    goal_key: String,
    /// The newest root metadata of the releases, as JSON text; absent until somebody has published one.
    tuf_root: Option<String>,
}

pub(super) async fn provision(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<HttpPeer>,
) -> Result<Json<Provision>, Problem> {
    let Some(Shown::Pump(pump, _)) = peer.shown.as_deref() else {
        return Err(Problem::Forbidden("only a pump with its own certificate may ask".into()));
    };
    hub.registry.admit(pump).map_err(|word| Problem::Forbidden(format!("this pump may not link: {word}")))?;
    Ok(Json(Provision {
        pump: pump.pump,
        hub: hub.config.hub_name.clone(),
        link: reached_at(hub.config.link_public.as_deref(), hub.config.link, &hub.config.hub_name),
        goal_key: base64::engine::general_purpose::STANDARD.encode(hub.goal_key.verifying_key().as_bytes()),
        tuf_root: newest_root(&hub).await?,
    }))
}

async fn newest_root(hub: &Hub) -> Result<Option<String>, Problem> {
    let names = hub.store.metadata_names().await?;
    let versions = names.iter().filter_map(|name| name.strip_suffix(".root.json")?.parse::<u64>().ok());
    let Some(newest) = versions.max() else { return Ok(None) };
    let bytes = hub.store.metadata(&format!("{newest}.root.json")).await?;
    Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()))
}
