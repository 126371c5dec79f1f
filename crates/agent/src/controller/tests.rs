//! The port over a stream inside the process.

use tokio::io::{AsyncWriteExt, duplex};
use wardline_model::{ChannelState, Digest, HoldSupport, Kind, ReleaseRef, Time, Version};
use wardline_wire::port::{AgentFrame, ControllerFrame};
use wardline_wire::{Ask, Channel, Part, Say, limits};

use super::{Bundle, Controller, Heard, OfferOnItsWay, Place, Port, PortError};
use crate::frames::Frames;

fn release() -> ReleaseRef {
    ReleaseRef { kind: Kind::DrugLibrary, version: Version(2), digest: Digest::from_bytes([7; 32]), length: 100_000 }
}

#[test]
fn an_offer_gives_every_byte_once_in_order() {
    let bundle = Bundle {
        roots: vec![vec![1; 10], vec![2; 20]],
        targets: vec![3; limits::OFFER_CHUNK],
        delegated: Vec::new(),
        artifact: (0..100_000).map(|i| i as u8).collect(),
    };
    let mut offer = OfferOnItsWay::new(release(), bundle.clone());
    let Some(Ask::Offer { parts, .. }) = offer.next_ask() else { panic!("begins with Offer") };
    let lengths = [10, 20, limits::OFFER_CHUNK as u64, 0, 100_000];
    assert_eq!(parts.iter().map(|(_, length)| *length).collect::<Vec<_>>(), lengths);
    assert_eq!(parts[4].0, Part::Artifact);
    let mut got = vec![Vec::new(); parts.len()];
    let mut ended = false;
    while let Some(ask) = offer.next_ask() {
        match ask {
            Ask::OfferPart { index, bytes } => got[index as usize].extend(bytes),
            Ask::OfferEnd => ended = true,
            other => panic!("{other:?} does not belong into an offer"),
        }
    }
    assert!(ended);
    assert_eq!(
        got,
        [bundle.roots[0].clone(), bundle.roots[1].clone(), bundle.targets, bundle.delegated, bundle.artifact]
    );
}

#[tokio::test]
async fn questions_and_answers_cross() {
    let (near, far) = duplex(64);
    let mut agent = Controller::over(near);
    let mut therapy: Frames<_, AgentFrame, ControllerFrame> = Frames::new(far, limits::PORT_FRAME, 1 << 20);
    let status = Say::Status {
        channels: vec![Channel { channel: 1, state: ChannelState::Infusing, since: Time::from_unix_ms(1) }],
        hold: HoldSupport::Grants,
    };
    agent.ask(Ask::Status).expect("room");
    therapy.push(&status.clone().into()).expect("room");
    let (said, asked) = tokio::join!(agent.next(), therapy.next());
    assert_eq!(said.expect("in the contract"), status);
    assert_eq!(Ask::try_from(asked.expect("whole").expect("open")), Ok(Ask::Status));
}

#[tokio::test]
async fn nonsense_and_silence_end_the_port() {
    let (near, mut far) = duplex(64);
    far.write_all(&[0, 0, 0, 2, 0xff, 0xff]).await.expect("room");
    assert!(matches!(Controller::over(near).next().await, Err(PortError::Stream(_))));
    let (near, far) = duplex(64);
    drop(far);
    assert!(matches!(Controller::over(near).next().await, Err(PortError::Ended)));
}

#[tokio::test]
async fn a_controller_that_does_not_read_is_noticed() {
    let (near, _far) = duplex(64);
    let mut agent = Controller::over(near);
    let big = || Ask::OfferPart { index: 0, bytes: vec![0; limits::OFFER_CHUNK] };
    let refused = (0..100).find_map(|_| agent.ask(big()).err());
    assert!(matches!(refused, Some(PortError::Stream(crate::frames::StreamError::NotReading(_)))));
}

type Therapy = Frames<tokio::io::DuplexStream, AgentFrame, ControllerFrame>;

async fn asked(therapy: &mut Therapy) -> Ask {
    Ask::try_from(therapy.next().await.expect("whole").expect("open")).expect("in the contract")
}

/// A port and its controller, greeted, over a stream that holds little.
async fn greeted() -> (Port, Therapy) {
    let (near, far) = duplex(256);
    let mut port = Port::new(Place::Stream(Box::new(near)));
    let mut therapy: Therapy = Frames::new(far, limits::PORT_FRAME, 1 << 20);
    let hello = Say::Hello {
        version: 1,
        model: wardline_model::Model::new("Halcyon 3").expect("a name"),
        serial: wardline_model::Serial::new("1").expect("a name"),
        hold: HoldSupport::Grants,
        kinds: vec![Kind::DrugLibrary],
    };
    let (heard, ()) = tokio::join!(port.next(), async {
        assert!(matches!(asked(&mut therapy).await, Ask::Hello { .. }));
        therapy.push(&hello.into()).expect("room");
        therapy.flush().await.expect("open");
    });
    assert_eq!(heard, Heard::Present { hold: HoldSupport::Grants, kinds: vec![Kind::DrugLibrary] });
    (port, therapy)
}

#[tokio::test]
async fn a_long_offer_goes_out_in_pieces_and_questions_pass_in_between() {
    let (mut port, mut therapy) = greeted().await;
    let bundle = Bundle { artifact: vec![9; 300_000], ..Bundle::default() };
    assert!(port.offer(OfferOnItsWay::new(release(), bundle)));
    assert!(port.ask(Ask::ReadBack { kind: Kind::DrugLibrary }));
    let (mut bytes, mut other) = (0, Vec::new());
    let listen = async {
        loop {
            match asked(&mut therapy).await {
                Ask::OfferPart { bytes: part, .. } => bytes += part.len(),
                Ask::OfferEnd => break,
                ask => other.push(ask),
            }
        }
    };
    tokio::select! {
        heard = port.next() => panic!("{heard:?}"),
        () = listen => {}
    }
    assert_eq!(bytes, 300_000);
    assert!(matches!(other[..], [Ask::Status, Ask::ReadBack { .. }, Ask::Offer { .. }]), "{other:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_controller_is_asked_once_and_then_counts_as_gone() {
    let (mut port, mut therapy) = greeted().await;
    let began = tokio::time::Instant::now();
    let heard = port.next().await;
    assert!(matches!(heard, Heard::Silent(_)), "{heard:?}");
    assert_eq!(began.elapsed().as_secs(), 40);
    assert_eq!(asked(&mut therapy).await, Ask::Status);
    assert_eq!(asked(&mut therapy).await, Ask::Status);
    assert!(!port.is_up());
}
