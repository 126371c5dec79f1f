//! The same events into NATS JetStream, whose store syncs on every write: published with a reply subject, counted when the
//! stream acknowledges them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use wardline_model::PumpId;

use crate::speak::{Session, line};

type Stream = BufReader<TlsStream<TcpStream>>;

/// As many bytes as an event of ours has on the wire, with its sensitive detail.
const EVENT: [u8; 96] = [b'e'; 96];

/// Makes the stream that takes every pump's subject.
pub async fn make_stream(sessions: &mut [(PumpId, Session)]) -> Result<()> {
    let Some((_, Session::Stream(stream))) = sessions.first_mut() else { return Ok(()) };
    let config = r#"{"name":"E","subjects":["e.*"],"storage":"file","retention":"limits","discard":"old"}"#;
    let ask = format!("SUB _I.make 1\r\nPUB $JS.API.STREAM.CREATE.E _I.make {}\r\n{config}\r\n", config.len());
    stream.write_all(ask.as_bytes()).await?;
    stream.flush().await?;
    let answer = message(stream).await?;
    // A second round finds it made.
    ensure!(answer.contains("\"config\"") || answer.contains("10058"), "the stream was not made: {answer}");
    Ok(())
}

/// One publisher: how many were acknowledged, and how long each group took in microseconds.
pub async fn publish(
    mut stream: Box<Stream>,
    number: usize,
    flight: u64,
    began: Instant,
    lasts: Duration,
) -> Result<(u64, Vec<u64>)> {
    stream.write_all(format!("SUB _I.{number} 2\r\n").as_bytes()).await?;
    let head = format!("PUB e.{number} _I.{number} {}\r\n", EVENT.len());
    let one = [head.as_bytes(), &EVENT, b"\r\n"].concat();
    let group = one.repeat(usize::try_from(flight)?);
    let (mut done, mut waits) = (0, Vec::new());
    while began.elapsed() < lasts {
        let sent = Instant::now();
        stream.write_all(&group).await?;
        stream.flush().await?;
        for _ in 0..flight {
            let ack = message(&mut stream).await?;
            ensure!(ack.contains("\"seq\""), "not stored: {ack}");
        }
        done += flight;
        waits.push(sent.elapsed().as_micros() as u64);
    }
    Ok((done, waits))
}

/// The body of the next message: `MSG <subject> <sid> [reply] <bytes>`.
async fn message(stream: &mut Stream) -> Result<String> {
    loop {
        let head = line(stream).await?;
        if head.starts_with("PING") {
            stream.write_all(b"PONG\r\n").await?;
            stream.flush().await?;
            continue;
        }
        ensure!(head.starts_with("MSG"), "expected a message, got {head:?}");
        let bytes: usize = head.split_whitespace().last().context("a length")?.parse()?;
        let mut body = vec![0; bytes + 2];
        stream.read_exact(&mut body).await?;
        body.truncate(bytes);
        return Ok(String::from_utf8(body)?);
    }
}
