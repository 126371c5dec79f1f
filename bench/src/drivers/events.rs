//! Pumps that keep a number of events in flight and send the next ones when those are acknowledged as durable.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use wardline_agent::link::Link;
use wardline_wire::link::{self, PumpFrame, hub_frame, pump_frame};

use super::nats;
use super::{Options, Pump};
use crate::events::event;
use crate::machine::percentile;
use crate::speak::{Session, Speak, open};

pub async fn run(pumps: Vec<Pump>, options: &Options, lasts: Duration) -> Result<()> {
    let mut sessions = Vec::new();
    for pump in pumps {
        sessions.push((pump.id, open(options.speak, &options.place, pump.id, pump.tls).await?));
    }
    if options.speak == Speak::Nats {
        nats::make_stream(&mut sessions).await?;
    }
    println!("ready");
    let began = Instant::now();
    let flight = options.flight;
    let mut writers = tokio::task::JoinSet::new();
    for (number, (_, session)) in sessions.into_iter().enumerate() {
        writers.spawn(async move {
            match session {
                Session::Link(link) => pump(*link, flight, began, lasts).await,
                Session::Stream(stream) => nats::publish(stream, number, flight, began, lasts).await,
            }
        });
    }
    let (mut events, mut waits) = (0u64, Vec::new());
    while let Some(writer) = writers.join_next().await {
        let (sent, waited) = writer??;
        events += sent;
        waits.extend(waited);
    }
    waits.sort_unstable();
    let took = began.elapsed().as_micros();
    println!("done {events} {took} {} {}", percentile(&waits, 50), percentile(&waits, 99));
    Ok(())
}

/// One pump: how many were acknowledged, and how long each group took in microseconds.
async fn pump(mut link: Link, flight: u64, began: Instant, lasts: Duration) -> Result<(u64, Vec<u64>)> {
    let (mut next, mut waits) = (1, Vec::new());
    while began.elapsed() < lasts {
        let events = (next..next + flight).map(|seq| link::Event::from(&event(seq))).collect();
        let sent = Instant::now();
        link.push(&PumpFrame { body: Some(pump_frame::Body::Events(link::Events { events })) })?;
        next += flight;
        let acked = acked(&mut link).await?;
        ensure!(acked == next - 1, "{acked} is acknowledged, {} was sent", next - 1);
        waits.push(sent.elapsed().as_micros() as u64);
    }
    Ok((next - 1, waits))
}

async fn acked(link: &mut Link) -> Result<u64> {
    loop {
        match link.next().await?.and_then(|frame| frame.body) {
            Some(hub_frame::Body::Ack(ack)) => return Ok(ack.seq),
            Some(hub_frame::Body::Close(close)) => bail!("the link ended: {close:?}"),
            Some(_) => {}
            None => bail!("the link ended"),
        }
    }
}
