//! Links every pump, says so, and tells when a link ends. Pumps of ours beat as the hub asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;
use wardline_model::PumpId;
use wardline_wire::link::{Heartbeat, PumpFrame, hub_frame, pump_frame};

use super::{AT_ONCE, Options, Pump};
use crate::machine::now_us;
use crate::speak::{Session, open};

/// How often a pump beats.
const BEAT: Duration = Duration::from_secs(30);

pub async fn run(pumps: Vec<Pump>, options: &Options) -> Result<()> {
    let seats = Arc::new(Semaphore::new(AT_ONCE));
    let linked = Arc::new(AtomicU64::new(0));
    let (count, speak) = (pumps.len() as u64, options.speak);
    let mut tasks = tokio::task::JoinSet::new();
    for pump in pumps {
        let seat = Arc::clone(&seats).acquire_owned().await?;
        let (place, linked) = (options.place.clone(), Arc::clone(&linked));
        tasks.spawn(async move {
            let up = Box::pin(open(speak, &place, pump.id, pump.tls)).await;
            drop(seat);
            let session = match up {
                Ok(session) => session,
                Err(error) => return println!("failed {} {error:#}", pump.id),
            };
            if linked.fetch_add(1, Ordering::Relaxed) + 1 == count {
                println!("linked {count}");
            }
            hold(session, pump.id).await;
        });
    }
    while tasks.join_next().await.is_some() {}
    Ok(())
}

/// Until the server ends it.
async fn hold(session: Session, pump: PumpId) {
    match session {
        Session::Stream(mut stream) => while stream.read_u8().await.is_ok() {},
        Session::Link(mut link) => {
            let mut number = 0;
            loop {
                match tokio::time::timeout(BEAT, link.next()).await {
                    Err(_) => {
                        number += 1;
                        let _ = link.push(&PumpFrame { body: Some(pump_frame::Body::Heartbeat(Heartbeat { number })) });
                    }
                    Ok(Ok(Some(frame))) if !matches!(frame.body, Some(hub_frame::Body::Close(_))) => {}
                    Ok(_) => break,
                }
            }
        }
    }
    println!("down {pump} {}", now_us());
}
