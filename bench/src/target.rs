//! The servers that do the same work in one run: ours, the yardstick, and the peers that are installed.

use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::machine::Process;
use crate::report::OURS;
use crate::ward::Ward;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The real hub.
    Hub,
    /// Bare tokio and rustls.
    Bare,
    /// The broker that people would otherwise build a pump's link on.
    Mosquitto,
    /// Another one.
    Nats,
}

impl Target {
    /// All of them, ours first.
    pub const ALL: [Self; 4] = [Self::Hub, Self::Bare, Self::Mosquitto, Self::Nats];

    /// Its name in a table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hub => OURS,
            Self::Bare => "bare tokio + rustls",
            Self::Mosquitto => "mosquitto",
            Self::Nats => "nats-server",
        }
    }

    /// What a driver is told to speak.
    pub const fn speak(self) -> &'static str {
        match self {
            Self::Hub => "link",
            Self::Bare => "bare",
            Self::Mosquitto => "mqtt",
            Self::Nats => "nats",
        }
    }

    /// Starts it on core 0 and gives where it listens; `None` when it is not installed.
    pub fn start(self, ward: &Ward) -> Result<Option<(Process, String)>> {
        match self {
            Self::Hub => {
                let (hub, link, _) = ward.hub()?;
                Ok(Some((hub, link)))
            }
            Self::Bare => {
                let folder = ward.path().display().to_string();
                let mut bare = Process::start(0, &["bare".to_owned(), "--folder".into(), folder])?;
                let place = bare.expect("link")?;
                Ok(Some((bare, place)))
            }
            Self::Mosquitto => peer(ward, "mosquitto", "-h", "-c", mosquitto),
            Self::Nats => peer(ward, "nats-server", "--version", "-c", nats),
        }
    }
}

/// Starts an installed program with a configuration of ours and waits until it listens.
fn peer(
    ward: &Ward,
    program: &str,
    probe: &str,
    option: &str,
    config: impl Fn(&str, u16) -> String,
) -> Result<Option<(Process, String)>> {
    if Command::new(program).arg(probe).output().is_err() {
        return Ok(None);
    }
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let folder = ward.path().display().to_string();
    let file = ward.path().join(format!("{program}.conf"));
    std::fs::write(&file, config(&folder, port))?;
    let mut process = Process::foreign(0, program, &[option.to_owned(), file.display().to_string()])?;
    let place = format!("127.0.0.1:{port}");
    let began = Instant::now();
    while TcpStream::connect(&place).is_err() {
        ensure!(process.runs(), "{program} ended at once; its configuration was {}", config(&folder, port));
        ensure!(began.elapsed() < Duration::from_secs(30), "{program} does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(Some((process, place)))
}

/// Mutual TLS 1.3, no persistence, no log: as lean as it can be.
fn mosquitto(folder: &str, port: u16) -> String {
    let user = if is_root() { "user root\n" } else { "" };
    format!(
        "{user}log_dest none\npersistence false\nmax_queued_messages 100\nlistener {port} 127.0.0.1\nallow_anonymous true\n\
         cafile {folder}/root.pem\ncertfile {folder}/peer.pem\nkeyfile {folder}/peer.key.pem\n\
         require_certificate true\ntls_version tlsv1.3\n"
    )
}

/// Mutual TLS with the handshake first; the stream store syncs on every write.
fn nats(folder: &str, port: u16) -> String {
    format!(
        "listen: 127.0.0.1:{port}\nlog_file: \"{folder}/nats.log\"\nmax_connections: 100000\nping_interval: \"1h\"\n\
         tls {{\n  cert_file: \"{folder}/peer.pem\"\n  key_file: \"{folder}/peer.key.pem\"\n  ca_file: \"{folder}/root.pem\"\n  \
         verify: true\n  handshake_first: true\n  timeout: 20\n}}\n\
         jetstream {{\n  store_dir: \"{folder}/nats\"\n  sync_interval: always\n}}\n"
    )
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").context("who we are");
    status.is_ok_and(|text| text.lines().any(|line| line.starts_with("Uid:\t0\t")))
}
