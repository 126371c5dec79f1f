//! The pumps' process: lean pumps that do one thing, each with its own certificate.
//!
//! | module | what the pumps do |
//! |---|---|
//! | `stay` | link and stay, and tell when a link ends |
//! | `storm` | come and go |
//! | `pull` | fetch a number of bytes from the yardstick, once each |
//! | `stage` | stage the library that their goal names |
//! | `events` | keep events in flight and count what is acknowledged |
//! | `ocsp` | ask about certificates |
//! | `enrol` | get certificates |

mod enrol;
mod events;
mod nats;
pub(crate) mod ocsp;
mod pull;
mod stage;
mod stay;
mod storm;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use wardline_agent::link::client_config;
use wardline_model::PumpId;

use crate::speak::Speak;
use crate::ward::passes::{self, Pass};

/// How many handshakes are under way at once: enough to keep the server busy, few enough not to time out.
const AT_ONCE: usize = 32;

#[derive(clap::Args)]
pub struct Options {
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    place: String,
    /// Where enrolment and releases are.
    #[arg(long, default_value = "")]
    est: String,
    #[arg(long)]
    from: usize,
    #[arg(long)]
    count: usize,
    /// What the server speaks.
    #[arg(long, value_enum, default_value = "link")]
    speak: Speak,
    /// How many work at once, where that is not all.
    #[arg(long, default_value_t = AT_ONCE)]
    at_once: usize,
    /// Resume sessions.
    #[arg(long)]
    resume: bool,
    /// Come and go for this many seconds instead of staying.
    #[arg(long)]
    storm_s: Option<u64>,
    /// Fetch this many bytes each.
    #[arg(long)]
    pull: Option<u32>,
    /// Stage what the goal names, with the pumps' folders here.
    #[arg(long)]
    stage: Option<PathBuf>,
    /// Send events for this many seconds.
    #[arg(long)]
    events_s: Option<u64>,
    /// Events in flight.
    #[arg(long, default_value_t = 1)]
    flight: u64,
    /// Enrol for this many seconds on connections that stay open.
    #[arg(long)]
    enrol_s: Option<u64>,
    /// Renew for this many seconds, each time on a new connection.
    #[arg(long)]
    renew_s: Option<u64>,
    /// Ask about certificates for this many seconds.
    #[arg(long)]
    ocsp_s: Option<u64>,
    /// With a nonce.
    #[arg(long)]
    nonce: bool,
}

/// One pump of this process.
struct Pump {
    id: PumpId,
    tls: Arc<ClientConfig>,
}

pub fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let seconds = Duration::from_secs;
    if let Some(lasts) = options.enrol_s {
        return runtime.block_on(enrol::enrol(options, seconds(lasts)));
    }
    if let Some(lasts) = options.renew_s {
        return runtime.block_on(enrol::renew(options, seconds(lasts)));
    }
    if let Some(lasts) = options.ocsp_s {
        return runtime.block_on(ocsp::run(options, seconds(lasts)));
    }
    let pumps = pumps(options)?;
    if let Some(bytes) = options.pull {
        return runtime.block_on(pull::run(pumps, options, bytes));
    }
    if let Some(folder) = &options.stage {
        return runtime.block_on(stage::run(pumps, options, folder));
    }
    match (options.storm_s, options.events_s) {
        (Some(lasts), _) => runtime.block_on(storm::run(pumps, options, seconds(lasts))),
        (None, Some(lasts)) => runtime.block_on(events::run(pumps, options, seconds(lasts))),
        (None, None) => runtime.block_on(stay::run(pumps, options)),
    }
}

fn pumps(options: &Options) -> Result<Vec<Pump>> {
    let root = root(options)?;
    let passes = passes::read(&options.folder, passes::OWN, options.from, options.count)?;
    passes.into_iter().map(|pass| pump(pass, &root, options.resume)).collect()
}

fn root(options: &Options) -> Result<CertificateDer<'static>> {
    Ok(CertificateDer::from(std::fs::read(options.folder.join("root.der"))?))
}

fn pump(pass: Pass, root: &CertificateDer<'static>, resume: bool) -> Result<Pump> {
    let chain = pass.chain.into_iter().map(CertificateDer::from).collect();
    let mut tls = client_config(std::slice::from_ref(root), chain, PrivatePkcs8KeyDer::from(pass.key).into())?;
    if !resume {
        Arc::get_mut(&mut tls).context("a config of its own")?.resumption = rustls::client::Resumption::disabled();
    }
    Ok(Pump { id: pass.pump, tls })
}
