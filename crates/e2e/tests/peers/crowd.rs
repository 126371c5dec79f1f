//! Garbage, half-open, slow, silent and too many peers, at every port; and everybody else is still served.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wardline_hub::config::Limits;
use wardline_model::covers;

use super::ward::{HUB, Pass, Ward, is_alive};

/// Time limits of a second, so that tests of them end.
fn short() -> Limits {
    Limits { handshake_s: 1, request_s: 1, upload_s: 1, stalled_s: 1, ..Limits::default() }
}

/// Somebody who believes the hub and shows no certificate.
fn stranger(ward: &Ward) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&ward.root).expect("a root")).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
    Arc::new(config.expect("TLS 1.3").with_root_certificates(roots).with_no_client_auth())
}

/// A connection after the handshake.
pub async fn shaken(ward: &Ward, place: SocketAddr, pass: Option<&Pass>) -> TlsStream<TcpStream> {
    let tls = pass.map_or_else(|| stranger(ward), |pass| ward.tls(pass));
    let tcp = TcpStream::connect(place).await.expect("connected");
    let name = ServerName::try_from(HUB).expect("a name");
    TlsConnector::from(tls).connect(name, tcp).await.expect("shaken")
}

/// Reads until the hub ends the connection, which it must; gives what it said.
async fn until_ended(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut said = Vec::new();
    let read = tokio::time::timeout(wardline_e2e::PATIENCE, stream.read_to_end(&mut said)).await;
    assert!(read.is_ok(), "the hub keeps the connection open");
    said
}

fn ports(ward: &Ward) -> [(&'static str, SocketAddr); 4] {
    let Ward { running, .. } = ward;
    let status = running.status_addr.expect("the ward has one");
    [
        ("link", running.link_addr),
        ("enrolment", running.est_addr),
        ("console", running.console_addr),
        ("status", status),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_slow_and_babbling_peers_are_let_go_and_a_linked_pump_notices_nothing() {
    covers!("N8");
    let ward = Ward::with(short()).await;
    let pump = ward.pumps[0];
    let (mut link, _) = ward.link(&ward.tls(&ward.enrolled("H3-000001", "good")), pump, 1).await.expect("it links");
    let noise: Vec<u8> = (0u32..1 << 18).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let inputs: [(&str, &[u8]); 5] = [
        ("silence", b""),
        ("the first bytes of a ClientHello", &[0x16, 0x03, 0x01]),
        ("plain HTTP", b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n"),
        ("half a head", b"GET /crl HTTP/1.1\r\nHo"),
        ("a megabyte of noise", &noise),
    ];
    for (port, place) in ports(&ward) {
        for (what, bytes) in inputs {
            let mut peer = TcpStream::connect(place).await.expect("connected");
            // The hub may end it in the middle of the noise.
            let _ = peer.write_all(bytes).await;
            let said = until_ended(&mut peer).await;
            let is_http = said.starts_with(b"HTTP/1.1 ");
            assert!(
                !is_http || port == "status",
                "{port} answers {what} in the clear: {}",
                String::from_utf8_lossy(&said)
            );
            assert!(said.len() < 4_096, "{port} says {} bytes to {what}", said.len());
        }
    }
    for reason in ["slow-handshake", "not-tls"] {
        ward.until_noted(reason).await;
    }
    // Inside TLS: silence, half a head, and a head that comes byte by byte but never ends.
    for (_, place) in &ports(&ward)[1..3] {
        for bytes in [&b""[..], b"GET / HTTP/1.1\r\nHost: hu"] {
            let mut peer = shaken(&ward, *place, None).await;
            peer.write_all(bytes).await.expect("sent");
            until_ended(&mut peer).await;
        }
    }
    // A form that does not come.
    let mut peer = shaken(&ward, ward.running.console_addr, None).await;
    let head = "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost\r\n\
                Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 50\r\n\r\nname=a";
    peer.write_all(head.as_bytes()).await.expect("sent");
    until_ended(&mut peer).await;
    // A pump that shakes hands and says nothing, or noise.
    for bytes in [&b""[..], b"noise, noise, noise"] {
        let pass = ward.birth("H3-000002");
        let mut peer = shaken(&ward, ward.running.est_addr, Some(&pass)).await;
        peer.write_all(bytes).await.expect("sent");
        until_ended(&mut peer).await;
    }
    assert!(is_alive(&mut link).await, "the pump's own link stands");
    assert_eq!(ward.curl("/.well-known/est/cacerts", None, &[]).status, 200);
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_reads_no_answers_is_let_go() {
    let ward = Ward::with(short()).await;
    for (_, place) in &ports(&ward)[1..3] {
        let mut peer = shaken(&ward, *place, None).await;
        let question = b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: hub\r\n\r\n".repeat(500);
        // More answers than any buffer holds, and none is read: in the end the hub takes no more questions either.
        let asked = async { while peer.write_all(&question).await.is_ok() {} };
        assert!(
            tokio::time::timeout(wardline_e2e::PATIENCE, asked).await.is_ok(),
            "the hub keeps waiting for the peer"
        );
    }
    assert_eq!(ward.curl("/.well-known/est/cacerts", None, &[]).status, 200);
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_tls_is_not_spoken_at_any_port() {
    let ward = Ward::open().await;
    for (port, place) in &ports(&ward)[..3] {
        for version in ["-tls1_2", "-tls1_1"] {
            let out = Command::new("openssl")
                .args(["s_client", "-connect", &place.to_string(), version, "-cipher", "ALL:@SECLEVEL=0"])
                .stdin(Stdio::null())
                .output()
                .expect("openssl");
            let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
            assert!(!out.status.success() && said.contains("alert"), "{port} {version}: {said}");
            assert!(said.contains("no peer certificate available"), "{port} {version} got as far as: {said}");
        }
    }
    ward.until_noted("old-tls").await;
    ward.running.stop().await;
}

/// A connection from another loopback address, so that it counts as another machine.
async fn from(address: &str, place: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(format!("{address}:0").parse().expect("an address")).expect("bound");
    socket.connect(place).await.expect("connected")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_the_seats_of_the_others() {
    let limits = Limits { handshake_s: 60, guests_per_address: 3, est_connections: 5, ..Limits::default() };
    let ward = Ward::with(limits).await;
    let place = ward.running.est_addr;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(from("127.0.0.21", place).await);
    }
    let mut fourth = from("127.0.0.21", place).await;
    assert!(until_ended(&mut fourth).await.is_empty(), "a fourth guest of the address gets no seat");
    ward.until_noted("too-many-from-one-address").await;
    assert_eq!(ward.curl("/.well-known/est/cacerts", None, &["--interface", "127.0.0.22"]).status, 200);
    // Who showed a certificate is no guest: a ward behind one address may be as large as it is.
    let birth = ward.birth("H3-000001");
    let mut shown = vec![shaken(&ward, place, Some(&birth)).await, shaken(&ward, place, Some(&birth)).await];
    // All five seats are taken.
    let mut sixth = from("127.0.0.23", place).await;
    assert!(until_ended(&mut sixth).await.is_empty());
    ward.until_noted("too-many-connections").await;
    shown.clear();
    ward.until("a seat is free", async || {
        ward.curl("/.well-known/est/cacerts", None, &["--interface", "127.0.0.23"]).status == 200
    })
    .await;
    drop(held);
    ward.running.stop().await;
}

/// The memory of a process that is in use, KiB (proc(5), `VmRSS`).
fn memory(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a running process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

/// What 10,000 failed handshakes may leave behind, KiB: what an allocator keeps for its threads, not one KiB each.
const LEFT_BEHIND: u64 = 8 * 1024;

/// Handshakes that fail at every stage, a few at once.
async fn fail(place: SocketAddr, tls: &Arc<ClientConfig>, count: usize) {
    let seats = Arc::new(tokio::sync::Semaphore::new(32));
    let mut all = tokio::task::JoinSet::new();
    for number in 0..count {
        let seat = Arc::clone(&seats).acquire_owned().await.expect("open");
        let tls = Arc::clone(tls);
        all.spawn(async move {
            let _seat = seat;
            let mut tcp = TcpStream::connect(place).await.expect("connected");
            match number % 4 {
                0 => drop(tcp.write_all(b"GET / HTTP/1.1\r\n\r\n").await),
                1 => drop(tcp.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await),
                2 => {}
                // The whole way, without the certificate that the link demands.
                _ => {
                    let name = ServerName::try_from(HUB).expect("a name");
                    if let Ok(mut stream) = TlsConnector::from(tls).connect(name, tcp).await {
                        let _ = stream.read(&mut [0; 64]).await;
                    }
                    return;
                }
            }
            let _ = tcp.shutdown().await;
            let _ = tcp.read(&mut [0; 64]).await;
        });
    }
    while all.join_next().await.is_some() {}
}

/// Attack class A04: failing handshakes leave memory flat and everybody else served.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_failed_handshakes_leave_memory_flat() {
    covers!("N1");
    let ward = Ward::open().await;
    let hub = wardline_e2e::free_hub(ward.folder.path());
    let tls = {
        let mut roots = RootCertStore::empty();
        let root = ward.path("alone/wardline-data/hub/keys/root.pem");
        roots.add(CertificateDer::from_pem_file(root).expect("a root")).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
        Arc::new(config.expect("TLS 1.3").with_root_certificates(roots).with_no_client_auth())
    };
    let place = format!("127.0.0.1:{}", hub.ports[0]).parse().expect("an address");
    // Until the allocator has what it wants.
    fail(place, &tls, 2_000).await;
    let before = memory(hub.process.id());
    fail(place, &tls, 10_000).await;
    let after = memory(hub.process.id());
    assert!(after <= before + LEFT_BEHIND, "{before} KiB before, {after} KiB after 10,000 failed handshakes");
    // And it still serves.
    let est = format!("127.0.0.1:{}", hub.ports[1]).parse().expect("an address");
    let name = ServerName::try_from(HUB).expect("a name");
    let tcp = TcpStream::connect::<SocketAddr>(est).await.expect("connected");
    let mut stream = TlsConnector::from(tls).connect(name, tcp).await.expect("shaken");
    stream
        .write_all(b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
        .await
        .expect("sent");
    assert!(until_ended(&mut stream).await.starts_with(b"HTTP/1.1 200"));
    println!("memory: {before} KiB before, {after} KiB after 10,000 failed handshakes");
    ward.running.stop().await;
}
