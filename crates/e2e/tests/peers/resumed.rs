//! A quarantine against everything that a pump may hold: its live link, a session to resume, an open connection. The
//! other pump notices nothing.

use std::sync::Arc;

use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wardline_agent::link::connect;
use wardline_model::{ChannelState, Event, EventBody, PumpId, Sequence, Time, covers};
use wardline_wire::link::{self, CloseReason, hub_frame, pump_frame};

use super::ward::{HUB, Ward, greeting, hear, is_alive, say};

fn event(number: u64) -> Event {
    let state = ChannelState::Infusing;
    let body = EventBody::TherapyChanged { channel: 1, state, library: None, detail: format!("change {number}") };
    Event { seq: Sequence(number), at: Time::from_unix_ms(number), body }
}

async fn send(link: &mut wardline_agent::link::Link, number: u64) {
    link.push(&say(pump_frame::Body::Events(link::Events::from_front(&[event(number)])))).expect("sent");
    assert_eq!(
        hear(link).await,
        Ok(Some(hub_frame::Body::Ack(link::Ack { seq: number }))),
        "event {number} is durable"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_ends_the_link_and_the_resumed_session_and_no_other_pump_notices() {
    covers!("N8", "N11", "N14");
    let ward = Ward::open().await;
    let [bad, good] = ward.pumps;
    let (bad_tls, good_tls) =
        (ward.tls(&ward.enrolled("H3-000001", "bad")), ward.tls(&ward.enrolled("H3-000002", "good")));
    let (mut other, _) = ward.link(&good_tls, good, 1).await.expect("it links");
    send(&mut other, 1).await;
    let (first, _) = ward.link(&bad_tls, bad, 1).await.expect("it links");
    assert_eq!(first.io().get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    // It had a session before the quarantine, and could resume it.
    let (mut second, _) = ward.link(&bad_tls, bad, 1).await.expect("it links again");
    assert_eq!(second.io().get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed), "the session is resumed");
    send(&mut second, 1).await;

    ward.quarantine(bad).await;
    match hear(&mut second).await {
        Ok(Some(hub_frame::Body::Close(close))) => assert_eq!(close.reason(), CloseReason::TakenDown),
        heard => panic!("the live link goes on: {heard:?}"),
    }
    assert_eq!(hear(&mut second).await.unwrap_or(None), None, "and nothing comes after");
    // The old ticket still opens the handshake (no certificate is shown in it), and not one frame more.
    let place = ward.running.link_addr.to_string();
    let mut third = connect(&place, HUB, Arc::clone(&bad_tls)).await.expect("the handshake itself goes through");
    assert_eq!(third.io().get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed), "with the ticket from before");
    let _ = third.push(&say(pump_frame::Body::Hello(greeting(bad, 2).into())));
    let heard = hear(&mut third).await;
    assert!(!matches!(&heard, Ok(Some(_))), "a resumed session of a pump that is down was answered: {heard:?}");
    ward.until_refused(&format!("link.refused | quarantined: pump {bad}")).await;

    // The other one's link is the same, and its numbers go on.
    send(&mut other, 2).await;
    assert!(is_alive(&mut other).await);
    assert!(ward.running.hub.links.table().get(bad).is_none() && ward.running.hub.links.table().get(good).is_some());
    ward.release(bad).await;
    let (mut back, acked) = ward.link(&bad_tls, bad, 2).await.expect("released, it links again");
    assert_eq!(acked, 1, "and nothing that was acknowledged is lost");
    send(&mut back, 2).await;
    send(&mut other, 3).await;
    ward.running.stop().await;
}

/// A connection to the enrolment port, and one question on it.
async fn ask(stream: &mut TlsStream<tokio::net::TcpStream>) -> Option<String> {
    let question = "GET /wardline/v1/provision HTTP/1.1\r\nHost: hub.wardline.internal\r\n\r\n";
    stream.write_all(question.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = tokio::time::timeout(wardline_e2e::PATIENCE, stream.read(&mut piece)).await;
        match read.expect("an answer or an end") {
            Ok(0) | Err(_) if answer.is_empty() => return None,
            Ok(0) | Err(_) => break,
            Ok(got) => answer.extend_from_slice(&piece[..got]),
        }
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if length.is_some_and(|length| body.len() >= length) {
                break;
            }
        }
    }
    Some(String::from_utf8_lossy(&answer).into_owned())
}

async fn open(ward: &Ward, tls: &Arc<rustls::ClientConfig>) -> TlsStream<tokio::net::TcpStream> {
    let tcp = tokio::net::TcpStream::connect(ward.running.est_addr).await.expect("connected");
    let name = rustls_pki_types::ServerName::try_from(HUB).expect("a name");
    TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await.expect("shaken")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_or_resumed_connection_for_releases_gives_a_quarantined_pump_nothing() {
    covers!("N8", "N14");
    let ward = Ward::open().await;
    let bad: PumpId = ward.pumps[0];
    let tls = ward.tls(&ward.enrolled("H3-000001", "bad"));
    let mut first = open(&ward, &tls).await;
    assert!(ask(&mut first).await.is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
    let mut second = open(&ward, &tls).await;
    assert_eq!(second.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
    assert!(ask(&mut second).await.is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));

    ward.quarantine(bad).await;
    // What is open ends at once, by itself: a pump that just listens hears the end.
    let mut piece = [0; 16];
    let end = tokio::time::timeout(wardline_e2e::PATIENCE, second.read(&mut piece)).await.expect("an end");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    assert_eq!(ask(&mut first).await, None, "the other one too");
    let mut third = open(&ward, &tls).await;
    assert_eq!(third.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed), "with the ticket from before");
    let answer = ask(&mut third).await.expect("it is told why");
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("quarantined"), "{answer}");

    ward.release(bad).await;
    let mut fourth = open(&ward, &tls).await;
    assert!(ask(&mut fourth).await.is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
    ward.running.stop().await;
}
