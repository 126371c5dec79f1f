//! What a pump says to each kind of server until its session is ready, over the same TLS.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wardline_agent::link::{Link, connect};
use wardline_model::{Generation, Model, PumpId, Sequence};
use wardline_wire::Greeting;
use wardline_wire::link::{PumpFrame, hub_frame, pump_frame};

/// The name that every server's certificate carries.
pub const NAME: &str = "hub.wardline.internal";

/// Which language the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Speak {
    /// Our live link: Hello, Welcome.
    Link,
    /// The yardstick: a number, and as many bytes.
    Bare,
    /// MQTT 3.1.1: CONNECT, CONNACK.
    Mqtt,
    /// NATS: CONNECT, PING, PONG.
    Nats,
}

/// A session that is ready.
pub enum Session {
    Link(Box<Link>),
    Stream(Box<BufReader<TlsStream<TcpStream>>>),
}

impl Session {
    /// Whether the handshake resumed an earlier one.
    pub fn is_resumed(&self) -> bool {
        let tls = match self {
            Self::Link(link) => link.io().get_ref().1,
            Self::Stream(stream) => stream.get_ref().get_ref().1,
        };
        tls.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }
}

/// From nothing to a session that is ready.
pub async fn open(speak: Speak, place: &str, pump: PumpId, tls: Arc<ClientConfig>) -> Result<Session> {
    if speak == Speak::Link {
        return Ok(Session::Link(Box::new(link(place, pump, tls).await?)));
    }
    let mut stream = tls_stream(place, tls).await?;
    match speak {
        Speak::Link => {}
        Speak::Bare => bare(&mut stream, 1).await?,
        Speak::Mqtt => mqtt(&mut stream, pump).await?,
        Speak::Nats => nats(&mut stream).await?,
    }
    Ok(Session::Stream(Box::new(stream)))
}

/// A TLS stream to a server of any kind.
pub async fn tls_stream(place: &str, tls: Arc<ClientConfig>) -> Result<BufReader<TlsStream<TcpStream>>> {
    let tcp = TcpStream::connect(place).await?;
    tcp.set_nodelay(true)?;
    let stream = TlsConnector::from(tls).connect(ServerName::try_from(NAME)?, tcp).await?;
    Ok(BufReader::with_capacity(4096, stream))
}

/// Our live link up to Welcome.
pub async fn link(place: &str, pump: PumpId, tls: Arc<ClientConfig>) -> Result<Link> {
    let mut link = connect(place, NAME, tls).await?;
    let greeting = Greeting {
        versions: vec![1],
        pump,
        agent: "bench".into(),
        boot: [0; 16],
        oldest_event: Sequence(1),
        next_event: Sequence(1),
        generation: Generation(0),
        model: Model::new("Halcyon 3")?,
        journal: JOURNAL,
    };
    link.push(&PumpFrame { body: Some(pump_frame::Body::Hello(greeting.into())) })?;
    match link.next().await?.and_then(|frame| frame.body) {
        Some(hub_frame::Body::Welcome(_)) => Ok(link),
        other => bail!("not welcomed: {other:?}"),
    }
}

/// The one journal of every pump of the measurement.
pub const JOURNAL: u64 = 1;

/// Asks the yardstick for this many bytes.
pub async fn bare(stream: &mut BufReader<TlsStream<TcpStream>>, bytes: u32) -> Result<()> {
    stream.write_all(&bytes.to_be_bytes()).await?;
    stream.flush().await?;
    let (mut left, mut room) = (bytes as usize, vec![0; 16 * 1024]);
    while left > 0 {
        let most = left.min(room.len());
        let got = stream.read(&mut room[..most]).await?;
        ensure!(got > 0, "the yardstick ended early");
        left -= got;
    }
    Ok(())
}

/// CONNECT with a clean session and no keep-alive, and the CONNACK that accepts it (MQTT 3.1.1 sections 3.1, 3.2).
async fn mqtt(stream: &mut BufReader<TlsStream<TcpStream>>, pump: PumpId) -> Result<()> {
    let name = pump.to_string();
    let length = u8::try_from(12 + name.len())?;
    let mut packet = vec![0x10, length, 0, 4, b'M', b'Q', b'T', b'T', 4, 0x02, 0, 0, 0, u8::try_from(name.len())?];
    packet.extend(name.as_bytes());
    stream.write_all(&packet).await?;
    stream.flush().await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    ensure!(answer == [0x20, 2, 0, 0], "CONNECT was answered with {answer:?}");
    Ok(())
}

async fn nats(stream: &mut BufReader<TlsStream<TcpStream>>) -> Result<()> {
    let info = line(stream).await?;
    ensure!(info.starts_with("INFO"), "a NATS server begins with INFO, not with {info:?}");
    stream
        .write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"bench\",\"version\":\"1\"}\r\nPING\r\n")
        .await?;
    stream.flush().await?;
    let answer = line(stream).await?;
    ensure!(answer.starts_with("PONG"), "PING was answered with {answer:?}");
    Ok(())
}

/// One line of a text protocol.
pub async fn line(stream: &mut BufReader<TlsStream<TcpStream>>) -> Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await.context("reading a line")?;
    ensure!(!line.is_empty(), "the server ended the connection");
    Ok(line)
}
