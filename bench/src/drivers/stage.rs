//! Each pump holds its link, hears of its goal, fetches the release with the agent's own code, and is counted when the hub
//! has its report on the disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::sync::Semaphore;
use wardline_agent::link::Link;
use wardline_agent::tuf::{Repository, fetch};
use wardline_model::{Goal, HoldSupport, PerKind, PumpId, ReleaseRef, Report, SlotReport, SlotState, Therapy};
use wardline_release::goal;
use wardline_release::key::PublicKey;
use wardline_wire::link::{Heartbeat, PumpFrame, hub_frame, pump_frame};

use super::{AT_ONCE, Options, Pump};
use crate::machine::now_us;
use crate::speak::{NAME, link};
use crate::ward::{goal_key_file, now};

/// What all pumps of the process share.
struct Place {
    link: String,
    est: String,
    root: Vec<u8>,
    goal_key: PublicKey,
    linked: AtomicUsize,
    pumps: usize,
    linking: Semaphore,
    fetching: Semaphore,
}

pub async fn run(pumps: Vec<Pump>, options: &Options, folder: &Path) -> Result<()> {
    let goal_key: [u8; 32] =
        std::fs::read(goal_key_file(&options.folder))?.try_into().ok().context("a key of 32 bytes")?;
    let place = Arc::new(Place {
        link: options.place.clone(),
        est: options.est.clone(),
        root: std::fs::read(options.folder.join("1.root.json"))?,
        goal_key: PublicKey::from_bytes(&goal_key).context("a goal key")?,
        linked: AtomicUsize::new(0),
        pumps: pumps.len(),
        linking: Semaphore::new(AT_ONCE),
        fetching: Semaphore::new(options.at_once),
    });
    let mut tasks = tokio::task::JoinSet::new();
    for pump in pumps {
        let (place, folder) = (Arc::clone(&place), folder.join(pump.id.to_string()));
        tasks.spawn(async move { one(&place, pump, &folder).await });
    }
    let mut spans = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (began, ended) = done??;
        spans.push(format!("{began}-{ended}"));
    }
    println!("staged {}", spans.join(" "));
    Ok(())
}

/// When the goal came, and when the report of the staged release was durable.
async fn one(place: &Place, pump: Pump, folder: &Path) -> Result<(u64, u64)> {
    let seat = place.linking.acquire().await?;
    let mut link = Box::pin(link(&place.link, pump.id, pump.tls.clone())).await?;
    drop(seat);
    if place.linked.fetch_add(1, Ordering::Relaxed) + 1 == place.pumps {
        println!("linked {}", place.pumps);
    }
    let goal = next_goal(&mut link, &place.goal_key, pump.id).await?;
    let began = now_us();
    let asked = goal.slots.drug_library.want.context("a goal without a library")?;
    let seat = place.fetching.acquire().await?;
    let repository = Repository {
        folder: folder.to_owned(),
        place: place.est.clone(),
        name: NAME.into(),
        tls: pump.tls,
        root: place.root.clone(),
    };
    let (_, bundle) = Box::pin(fetch(repository, asked)).await.map_err(|why| anyhow::anyhow!("not staged: {why:?}"))?;
    ensure!(bundle.artifact.len() as u64 == asked.length, "another length");
    drop(bundle);
    drop(seat);
    report(&mut link, &goal, asked).await?;
    // A pump keeps its library; ours would fill the machine.
    let _ = std::fs::remove_dir_all(folder);
    Ok((began, now_us()))
}

async fn next_goal(link: &mut Link, key: &PublicKey, pump: PumpId) -> Result<Goal> {
    loop {
        match link.next().await?.and_then(|frame| frame.body) {
            Some(hub_frame::Body::Goal(goal)) => return Ok(goal::verify(&goal.signed, key, pump)?.into_inner()),
            Some(hub_frame::Body::Close(close)) => bail!("the link ended: {close:?}"),
            Some(_) => {}
            None => bail!("the link ended"),
        }
    }
}

/// The hub answers what comes after a report only when the report is durable.
async fn report(link: &mut Link, goal: &Goal, staged: ReleaseRef) -> Result<()> {
    let slot =
        SlotReport { state: SlotState::Staged, next: Some(staged), staged_since: Some(now()), ..SlotReport::default() };
    let report = Report {
        pump: goal.pump,
        at: now(),
        generation: goal.generation,
        therapy: Therapy::Unknown,
        hold: HoldSupport::Grants,
        slots: PerKind { drug_library: slot, ..PerKind::default() },
    };
    link.push(&PumpFrame { body: Some(pump_frame::Body::Report((&report).into())) })?;
    link.push(&PumpFrame { body: Some(pump_frame::Body::Heartbeat(Heartbeat { number: 1 })) })?;
    loop {
        match link.next().await?.and_then(|frame| frame.body) {
            Some(hub_frame::Body::Heartbeat(_)) => return Ok(()),
            Some(hub_frame::Body::Close(close)) => bail!("the link ended: {close:?}"),
            Some(_) => {}
            None => bail!("the link ended"),
        }
    }
}
