//! Sends a pump off the air when its place on the network changed: a Disconnect-Request (RFC 5176) to the access point,
//! its controller, or the hospital's RADIUS server, so that the pump asks for admission anew and gets what it is due.
//!
//! It decides nothing: a decision is durable and its link cut before this begins, and a network that does not answer keeps
//! no decision waiting. It refuses answers that do not authenticate. What became of each request is in the audit.

mod packet;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use wardline_model::{Lifecycle, PumpId, QuarantineLevel, covers};
use wardline_store::{Actor, Decision, Entry, OnAir, RegistryEntry, StoreError};
use zeroize::Zeroizing;

use crate::config::CoaTarget;
use crate::keys::{KeyError, Keys};
use crate::state::{Hub, now};
use packet::{Answer, LARGEST, Whom};

#[cfg(feature = "fuzzing")]
pub(crate) use packet::fuzz_answer;

/// How long each try waits for an answer (RFC 5080 section 2.2.1 doubles; a LAN needs less).
const TRIES: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// How many pumps are sent off the air at once.
const AT_ONCE: usize = 32;

/// RFC 5176 section 3.5: "Session Context Not Found". The pump is not on the air there, which is what was wanted.
const NO_SESSION: u32 = 503;

/// The name under which a target's secret is sealed in the folder of keys.
#[must_use]
pub fn secret_name(target: &str) -> String {
    format!("coa-{target}")
}

/// Which part of the network a pump is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Service,
    Remediation,
    Nothing,
}

impl Due {
    fn of(entry: &RegistryEntry) -> Self {
        match (entry.lifecycle, entry.level) {
            (Lifecycle::Enrolled | Lifecycle::InService, _) => Self::Service,
            (Lifecycle::Quarantined, Some(QuarantineLevel::Remediate)) => Self::Remediation,
            (Lifecycle::Expected | Lifecycle::Quarantined | Lifecycle::Lost | Lifecycle::Retired, _) => Self::Nothing,
        }
    }
}

/// Whom to tell, and which pumps wait for it.
#[derive(Default)]
pub(crate) struct Coa {
    targets: Vec<Target>,
    waiting: Mutex<BTreeSet<PumpId>>,
    more: Notify,
}

struct Target {
    name: String,
    address: SocketAddr,
    nas: Vec<String>,
    secret: Zeroizing<Vec<u8>>,
}

impl Coa {
    /// With the secrets that are sealed in the folder of keys.
    pub(crate) fn open(targets: &[CoaTarget], keys: &Keys) -> Result<Self, KeyError> {
        let target = |target: &CoaTarget| {
            let secret = keys.unseal(&secret_name(&target.name))?;
            Ok(Target { name: target.name.clone(), address: target.address, nas: target.nas.clone(), secret })
        };
        let targets = targets.iter().map(target).collect::<Result<_, KeyError>>()?;
        Ok(Self { targets, ..Self::default() })
    }

    /// A decision changed a pump's entry: when that changes which network it is due, it is sent off the air.
    pub(crate) fn moved(&self, before: Option<&RegistryEntry>, after: &RegistryEntry) {
        let is_changed = before.is_some_and(|before| Due::of(before) != Due::of(after));
        if is_changed && !self.targets.is_empty() {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(after.pump);
            self.more.notify_one();
        }
    }

    async fn next(&self) -> PumpId {
        loop {
            let next = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
            match next {
                Some(pump) => return pump,
                None => self.more.notified().await,
            }
        }
    }
}

/// Sends until `stop` says true or its sender is gone.
pub(crate) async fn run(hub: Arc<Hub>, mut stop: watch::Receiver<bool>) {
    let seats = Arc::new(Semaphore::new(AT_ONCE));
    let mut under_way = JoinSet::new();
    loop {
        let pump = tokio::select! {
            pump = hub.coa.next() => pump,
            stopped = stop.wait_for(|stop| *stop) => { drop(stopped); return; }
        };
        while under_way.try_join_next().is_some() {}
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        let hub = Arc::clone(&hub);
        // A task of its own: an access point that does not answer must not keep the next pump on the air.
        under_way.spawn(async move {
            if let Err(error) = disconnect(&hub, pump).await {
                tracing::error!(%pump, %error, "a pump could not be sent off the air");
            }
            drop(seat);
        });
    }
}

async fn disconnect(hub: &Hub, pump: PumpId) -> Result<(), StoreError> {
    covers!("N14");
    let Some(on_air) = hub.store.admission(pump).await? else { return Ok(()) };
    let serves = |target: &&Target| target.nas.is_empty() || target.nas.contains(&on_air.nas);
    for target in hub.coa.targets.iter().filter(serves) {
        let said = ask(target, &on_air).await;
        let (is_done, what) = match said {
            Ok(Some(Answer::Ack)) => (true, "ended its session".to_owned()),
            Ok(Some(Answer::Nak(Some(NO_SESSION)))) => (true, "has no session of it".to_owned()),
            Ok(Some(Answer::Nak(Some(cause)))) => {
                (false, format!("refused, error cause {cause} (RFC 5176 section 3.5)"))
            }
            Ok(Some(Answer::Nak(None))) => (false, "refused without a cause".to_owned()),
            Ok(None) => (false, format!("gave no answer that authenticates, after {} tries", TRIES.len())),
            Err(error) => (false, format!("cannot be reached: {error}")),
        };
        let reason = format!("{} {what}", target.name);
        let by = Decision { by: Actor::Hub("radius".into()), reason, at: now() };
        let subject = format!("{} on the air as {}", on_air.station, on_air.user);
        let entry = match is_done {
            true => Entry::done("radius.disconnect", Some(pump), subject),
            false => Entry::refused("radius.disconnect", Some(pump), subject),
        };
        hub.store.record(&by, &entry).await?;
    }
    Ok(())
}

/// Asks until somebody answers who knows the secret.
async fn ask(target: &Target, on_air: &OnAir) -> std::io::Result<Option<Answer>> {
    let own: SocketAddr = if target.address.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(own).await?;
    socket.connect(target.address).await?;
    let mut id = [0];
    getrandom::fill(&mut id).map_err(std::io::Error::other)?;
    let whom = Whom { user: &on_air.user, station: &on_air.station, nas: &on_air.nas };
    let request = packet::request(id[0], &whom, &target.secret, now());
    for wait in TRIES {
        let until = tokio::time::Instant::now() + wait;
        if socket.send(&request).await.is_ok()
            && let Ok(Some(answer)) = tokio::time::timeout_at(until, heard(&socket, &request, &target.secret)).await
        {
            return Ok(Some(answer));
        }
        // A port that nobody listens on says so at once; whoever starts a moment later is asked all the same.
        tokio::time::sleep_until(until).await;
    }
    Ok(None)
}

/// The next answer that authenticates; nothing when the network says that nobody is there.
async fn heard(socket: &UdpSocket, request: &[u8], secret: &[u8]) -> Option<Answer> {
    let mut room = [0; LARGEST];
    loop {
        let got = socket.recv(&mut room).await.ok()?;
        if let Some(answer) = packet::read(&room[..got], request, secret) {
            return Some(answer);
        }
    }
}
