//! Pumps that come and go as fast as the server lets them.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Options, Pump};
use crate::speak::open;

pub async fn run(pumps: Vec<Pump>, options: &Options, lasts: Duration) -> Result<()> {
    // Once each before it counts: the first use of a certificate is written to the database, and a session is there to
    // be resumed.
    for pump in &pumps {
        drop(open(options.speak, &options.place, pump.id, pump.tls.clone()).await?);
    }
    println!("warm");
    let began = Instant::now();
    let share = pumps.len().div_ceil(options.at_once);
    let mut pumps = pumps.into_iter().peekable();
    let mut workers = tokio::task::JoinSet::new();
    while pumps.peek().is_some() {
        let (mine, place): (Vec<Pump>, _) = (pumps.by_ref().take(share).collect(), options.place.clone());
        let speak = options.speak;
        workers.spawn(async move {
            let (mut done, mut resumed, mut failed) = (0u64, 0u64, 0u64);
            for pump in mine.iter().cycle() {
                if began.elapsed() >= lasts {
                    break;
                }
                match open(speak, &place, pump.id, pump.tls.clone()).await {
                    Ok(session) => {
                        done += 1;
                        resumed += u64::from(session.is_resumed());
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
