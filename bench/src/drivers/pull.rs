//! Each pump connects to the yardstick once and fetches a number of bytes.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::sync::Semaphore;

use super::{Options, Pump};
use crate::machine::now_us;
use crate::speak::{bare, tls_stream};

pub async fn run(pumps: Vec<Pump>, options: &Options, bytes: u32) -> Result<()> {
    println!("ready");
    let mut go = String::new();
    std::io::stdin().read_line(&mut go).context("the word to begin")?;
    let seats = Arc::new(Semaphore::new(options.at_once));
    let mut tasks = tokio::task::JoinSet::new();
    for pump in pumps {
        let (seats, place) = (Arc::clone(&seats), options.place.clone());
        tasks.spawn(async move {
            let _seat = seats.acquire_owned().await?;
            let mut stream = tls_stream(&place, pump.tls).await?;
            bare(&mut stream, bytes).await?;
            anyhow::Ok(now_us())
        });
    }
    let mut ends = Vec::new();
    while let Some(end) = tasks.join_next().await {
        ends.push(end??.to_string());
    }
    println!("done {}", ends.join(" "));
    Ok(())
}
