//! The pumps' process: lean pumps that link, and stay or come and go.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::sync::Semaphore;
use wardline_agent::link::{Link, client_config, connect};
use wardline_model::{Generation, Model, PumpId, Sequence};
use wardline_wire::Greeting;
use wardline_wire::link::{PumpFrame, hub_frame, pump_frame};

use crate::machine::now_us;
use crate::ward::{Pass, read_passes};

/// How many handshakes are under way at once: enough to keep the server busy, few enough not to time out.
const AT_ONCE: usize = 32;

const NAME: &str = "hub.wardline.internal";

#[derive(clap::Args)]
pub struct Options {
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    place: String,
    #[arg(long)]
    from: usize,
    #[arg(long)]
    count: usize,
    /// Come and go for this many seconds instead of staying.
    #[arg(long)]
    storm_s: Option<u64>,
    /// Resume sessions.
    #[arg(long)]
    resume: bool,
}

struct Pump {
    id: PumpId,
    tls: Arc<ClientConfig>,
}

pub fn run(options: &Options) -> Result<()> {
    let root = CertificateDer::from(std::fs::read(options.folder.join("root.der"))?);
    let passes = read_passes(&options.folder, options.from, options.count)?;
    let pumps = passes.into_iter().map(|pass| pump(pass, &root, options.resume)).collect::<Result<Vec<_>>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match options.storm_s {
        None => runtime.block_on(stay(pumps, &options.place)),
        Some(seconds) => runtime.block_on(come_and_go(pumps, &options.place, Duration::from_secs(seconds))),
    }
}

fn pump(pass: Pass, root: &CertificateDer<'static>, resume: bool) -> Result<Pump> {
    let chain = pass.chain.into_iter().map(CertificateDer::from).collect();
    let mut tls = client_config(std::slice::from_ref(root), chain, PrivatePkcs8KeyDer::from(pass.key).into())?;
    if !resume {
        Arc::get_mut(&mut tls).context("a config of its own")?.resumption = rustls::client::Resumption::disabled();
    }
    Ok(Pump { id: pass.pump, tls })
}

/// From nothing to Welcome.
async fn link(pump: &Pump, place: &str) -> Result<Link> {
    let mut link = connect(place, NAME, Arc::clone(&pump.tls)).await?;
    let greeting = Greeting {
        versions: vec![1],
        pump: pump.id,
        agent: "bench".into(),
        boot: [0; 16],
        oldest_event: Sequence(1),
        next_event: Sequence(1),
        generation: Generation(0),
        model: Model::new("Halcyon 3")?,
        journal: 1,
    };
    link.push(&PumpFrame { body: Some(pump_frame::Body::Hello(greeting.into())) })?;
    match link.next().await?.and_then(|frame| frame.body) {
        Some(hub_frame::Body::Welcome(_)) => Ok(link),
        other => bail!("not welcomed: {other:?}"),
    }
}

/// Links every pump, says so, and tells when a link ends. Pumps beat as the hub asks.
async fn stay(pumps: Vec<Pump>, place: &str) -> Result<()> {
    let seats = Arc::new(Semaphore::new(AT_ONCE));
    let linked = Arc::new(AtomicU64::new(0));
    let count = pumps.len() as u64;
    let mut tasks = tokio::task::JoinSet::new();
    for pump in pumps {
        let seat = Arc::clone(&seats).acquire_owned().await?;
        let (place, linked) = (place.to_owned(), Arc::clone(&linked));
        tasks.spawn(async move {
            let up = link(&pump, &place).await;
            drop(seat);
            let mut up = match up {
                Ok(up) => up,
                Err(error) => return println!("failed {} {error:#}", pump.id),
            };
            if linked.fetch_add(1, Ordering::Relaxed) + 1 == count {
                println!("linked {count}");
            }
            let mut beat = 0;
            loop {
                let heard = tokio::time::timeout(Duration::from_secs(30), up.next()).await;
                match heard {
                    Err(_) => {
                        beat += 1;
                        let body = pump_frame::Body::Heartbeat(wardline_wire::link::Heartbeat { number: beat });
                        let _ = up.push(&PumpFrame { body: Some(body) });
                    }
                    Ok(Ok(Some(frame))) if !matches!(frame.body, Some(hub_frame::Body::Close(_))) => {}
                    Ok(_) => return println!("down {} {}", pump.id, now_us()),
                }
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    Ok(())
}

async fn come_and_go(pumps: Vec<Pump>, place: &str, lasts: Duration) -> Result<()> {
    // Once each before it counts: the first use of a certificate is written to the database, and a session is there to
    // be resumed.
    for pump in &pumps {
        drop(link(pump, place).await?);
    }
    println!("warm");
    let began = Instant::now();
    let share = pumps.len().div_ceil(AT_ONCE);
    let mut pumps = pumps.into_iter().peekable();
    let mut workers = tokio::task::JoinSet::new();
    while pumps.peek().is_some() {
        let (mine, place): (Vec<Pump>, _) = (pumps.by_ref().take(share).collect(), place.to_owned());
        workers.spawn(async move {
            let (mut done, mut resumed, mut failed) = (0u64, 0u64, 0u64);
            for pump in mine.iter().cycle() {
                if began.elapsed() >= lasts {
                    break;
                }
                match link(pump, &place).await {
                    Ok(up) => {
                        done += 1;
                        let kind = up.io().get_ref().1.handshake_kind();
                        resumed += u64::from(kind == Some(rustls::HandshakeKind::Resumed));
                    }
                    Err(_) => failed += 1,
                }
            }
            (done, resumed, failed)
        });
    }
    let mut sum = (0, 0, 0);
    while let Some(worker) = workers.join_next().await {
        let (done, resumed, failed) = worker?;
        sum = (sum.0 + done, sum.1 + resumed, sum.2 + failed);
    }
    println!("done {} {} {}", sum.0, sum.1, sum.2);
    Ok(())
}
