//! Golden bytes, limits that fit together, and no panic on any input.

use expect_test::expect;
use proptest::prelude::*;
use prost::Message;
use wardline_model::{
    ChannelState, Digest, Disproof, Event, EventBody, Generation, HoldSupport, Kind, Model, Outcome, PerKind, PumpId,
    Refusal, ReleaseRef, Report, Sequence, Serial, SlotReport, SlotState, Therapy, Time, Version, Wait, covers,
};

use crate::{Ask, Channel, Current, FrameError, FrameReader, Greeting, Holding, Part, ReadBack, Refused, Say};
use crate::{frame, limits, link, port, text, version};

fn pump() -> PumpId {
    "6f1c2a34-0000-4000-8000-000000000001".parse().expect("written right")
}

fn release() -> ReleaseRef {
    ReleaseRef {
        kind: Kind::DrugLibrary,
        version: Version(7),
        digest: Digest::from_bytes([0xab; 32]),
        length: 1_048_576,
    }
}

fn report() -> Report {
    Report {
        pump: pump(),
        at: Time::from_unix_ms(1_700_000_000_000),
        generation: Generation(3),
        therapy: Therapy::Known { state: ChannelState::Infusing, since: Time::from_unix_ms(1_699_999_000_000) },
        hold: HoldSupport::Grants,
        slots: PerKind::from_fn(|kind| match kind {
            Kind::DrugLibrary => SlotReport {
                state: SlotState::Cleared,
                active: Some(release()),
                next: Some(ReleaseRef { version: Version(8), ..release() }),
                wait: Some(Wait::TherapyRunning),
                staged_since: Some(Time::from_unix_ms(0)),
                last: Some(Outcome::Disproved(Disproof::ReadBack)),
            },
            _ => SlotReport::default(),
        }),
    }
}

fn events() -> Vec<Event> {
    let bodies = vec![
        EventBody::Started { agent: "0.1.0".into() },
        EventBody::TherapyChanged {
            channel: 1,
            state: ChannelState::Infusing,
            library: Some(Version(7)),
            detail: "Noradrenaline 4 mg / 50 mL, 0.1 µg/kg/min".into(),
        },
        EventBody::Alarm { channel: 2, alarm: "occlusion".into(), began: true },
        EventBody::Switched { release: release() },
        EventBody::Attempt { kind: Kind::DrugLibrary, release: release(), outcome: Outcome::Confirmed },
        EventBody::Attempt {
            kind: Kind::DrugLibrary,
            release: release(),
            outcome: Outcome::Refused(Refusal::Signatures),
        },
        EventBody::Renewed { serial: "0a1b".into() },
        EventBody::Dropped { count: 12 },
    ];
    (1..)
        .zip(bodies)
        .map(|(seq, body)| Event { seq: Sequence(seq), at: Time::from_unix_ms(seq * 1000), body })
        .collect()
}

fn says() -> Vec<Say> {
    let read_back = ReadBack {
        kind: Kind::DrugLibrary,
        holding: Holding::Whole(Current {
            release: release(),
            digest: release().digest,
            entries: 212,
            sample: "Heparin\n  soft max 18 U/kg/h".into(),
        }),
    };
    vec![
        Say::Hello {
            version: 1,
            model: Model::new("Halcyon 3").expect("a name"),
            serial: Serial::new("H3-000001").expect("a name"),
            hold: HoldSupport::Grants,
            kinds: vec![Kind::DrugLibrary],
        },
        Say::Status {
            channels: vec![Channel { channel: 1, state: ChannelState::Idle, since: Time::from_unix_ms(5) }],
            hold: HoldSupport::Grants,
        },
        Say::HoldGranted { request: 1, hold: 2, lasts_ms: 5000 },
        Say::HoldDenied { request: 1, reason: crate::DenyReason::Busy },
        Say::HoldBroken { hold: 2 },
        Say::Verdict { release: release(), verdict: Ok(()), detail: String::new() },
        Say::Verdict { release: release(), verdict: Err(Refusal::Digest), detail: "not what was signed".into() },
        Say::Switched { kind: Kind::DrugLibrary, to: Some(release()) },
        Say::Switched { kind: Kind::DrugLibrary, to: None },
        Say::SwitchRefused { kind: Kind::DrugLibrary, to: Some(release()), reason: crate::SwitchRefusal::NoHold },
        Say::ReadBack(read_back),
        Say::ReadBack(ReadBack { kind: Kind::DrugLibrary, holding: Holding::Nothing }),
        Say::ReadBack(ReadBack { kind: Kind::DrugLibrary, holding: Holding::Torn }),
        Say::Therapy {
            channel: 1,
            state: ChannelState::Bolus,
            at: Time::from_unix_ms(9),
            library: None,
            detail: "bolus".into(),
        },
        Say::Alarm { channel: 1, alarm: "air in line".into(), began: true, at: Time::from_unix_ms(9) },
    ]
}

fn asks() -> Vec<Ask> {
    vec![
        Ask::Hello { versions: vec![1], agent: "0.1.0".into() },
        Ask::Status,
        Ask::Hold { request: 1, release: release() },
        Ask::Release { hold: 1 },
        Ask::Offer { release: release(), parts: vec![(Part::Root, 900), (Part::Root, 901), (Part::Artifact, 5)] },
        Ask::OfferPart { index: 2, bytes: vec![1, 2, 3] },
        Ask::OfferEnd,
        Ask::MakeCurrent { hold: 1, release: release() },
        Ask::ReadBack { kind: Kind::DrugLibrary },
        Ask::GoBack { hold: Some(1), kind: Kind::DrugLibrary, to: Some(release()) },
        Ask::GoBack { hold: None, kind: Kind::DrugLibrary, to: None },
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn golden_bytes_do_not_move() {
    let hello: link::Hello = Greeting {
        versions: vec![1],
        pump: pump(),
        agent: "0.1.0".into(),
        boot: [9; 16],
        oldest_event: Sequence(4),
        next_event: Sequence(6),
        generation: Generation(3),
        model: Model::new("Halcyon 3").expect("a name"),
        journal: 0x0102_0304_0506_0708,
    }
    .into();
    let hello = link::PumpFrame { body: Some(link::pump_frame::Body::Hello(hello)) };
    expect!["0000004a0a480a010112106f1c2a340000400080000000000000011a05302e312e30221009090909090909090909090909090909280430063803420948616c63796f6e2033490807060504030201"].assert_eq(&hex(&frame::encode(&hello, limits::HELLO_FRAME).expect("fits")));

    let event = link::Events::from_front(&events()[1..2]);
    let event = link::PumpFrame { body: Some(link::pump_frame::Body::Events(event)) };
    expect!["0000003d223b0a39080210d00f2232080110041807222a4e6f72616472656e616c696e652034206d67202f203530206d4c2c20302e3120c2b5672f6b672f6d696e"].assert_eq(&hex(&frame::encode(&event, limits::LINK_FRAME).expect("fits")));

    let hold: port::AgentFrame = asks().swap_remove(2).into();
    expect!["000000301a2e0801122a080210071a20abababababababababababababababababababababababababababababababab20808040"]
        .assert_eq(&hex(&frame::encode(&hold, limits::PORT_FRAME).expect("fits")));
}

#[test]
fn a_report_comes_back_as_it_was() {
    covers!("N10");
    assert_eq!(Report::try_from(link::Report::from(&report())), Ok(report()));
    let unknown = Report { therapy: Therapy::Unknown, hold: HoldSupport::Unknown, ..report() };
    assert_eq!(Report::try_from(link::Report::from(&unknown)), Ok(unknown));
}

#[test]
fn every_member_of_every_enumeration_comes_back() {
    for state in ChannelState::ALL {
        let report = Report { therapy: Therapy::Known { state, since: Time::from_unix_ms(1) }, ..report() };
        assert_eq!(Report::try_from(link::Report::from(&report)), Ok(report));
    }
    let outcomes = [
        Outcome::Confirmed,
        Outcome::Disproved(Disproof::SelfTest),
        Outcome::Unproven,
        Outcome::Interrupted,
        Outcome::Refused(Refusal::TooLarge),
        Outcome::Refused(Refusal::StorageFull),
        Outcome::Unknown,
        Outcome::OutOfService,
    ];
    for outcome in outcomes {
        assert_eq!(Outcome::try_from(link::Outcome::from(outcome)), Ok(outcome));
    }
}

#[test]
fn events_come_back_as_they_were_and_in_order() {
    covers!("N11");
    let frame = link::Events::from_front(&events());
    assert_eq!(frame.clone().checked(), Ok(events()));
    let mut gap = frame;
    gap.events.remove(3);
    assert_eq!(gap.checked(), Err(Refused::Gap("event numbers")));
}

#[test]
fn everything_on_the_port_comes_back_as_it_was() {
    for say in says() {
        assert_eq!(Say::try_from(port::ControllerFrame::from(say.clone())), Ok(say));
    }
    for ask in asks() {
        assert_eq!(Ask::try_from(port::AgentFrame::from(ask.clone())), Ok(ask));
    }
}

#[test]
fn bad_fields_are_refused_by_name() {
    let refusal = |spoil: fn(&mut link::Report)| {
        let mut report = link::Report::from(&report());
        spoil(&mut report);
        Report::try_from(report).expect_err("was spoilt").to_string()
    };
    expect!["the pump id must have 16 bytes"].assert_eq(&refusal(|r| r.pump = vec![1]));
    expect!["a slot is missing"].assert_eq(&refusal(|r| drop(r.slots.pop())));
    expect!["a slot appears twice"].assert_eq(&refusal(|r| r.slots.push(r.slots[0].clone())));
    expect!["a slot's state has the unknown value 99"].assert_eq(&refusal(|r| r.slots[0].state = 99));
    expect!["a wait has the unknown value -1"].assert_eq(&refusal(|r| r.slots[0].wait = -1));
    expect!["a channel state is missing"].assert_eq(&refusal(|r| r.therapy = Some(link::Therapy::default())));
}

#[test]
fn text_with_control_characters_is_refused_and_clean_makes_it_good() {
    let event = |detail: &str| link::Event {
        seq: 1,
        at: 1,
        body: Some(link::event::Body::TherapyChanged(link::TherapyChanged {
            channel: 1,
            state: 1,
            library: None,
            detail: detail.into(),
        })),
    };
    for bad in ["a\r\nb", "\u{1b}[2J", "\u{202e}abc", &"x".repeat(limits::DETAIL + 1)] {
        assert!(Event::try_from(event(bad)).is_err(), "{bad:?} was accepted");
        let good = text::clean(bad, limits::DETAIL);
        assert!(Event::try_from(event(&good)).is_ok(), "{good:?} was refused");
    }
}

/// The largest event that `model` and the limits allow fits [`limits::EVENT`], and a frame full of them fits the frame.
#[test]
fn the_limits_fit_together() {
    let largest = Event {
        seq: Sequence(u64::MAX),
        at: Time::from_unix_ms(u64::MAX),
        body: EventBody::TherapyChanged {
            channel: u8::MAX,
            state: ChannelState::Alarming,
            library: Some(Version(u64::MAX)),
            detail: "x".repeat(limits::DETAIL),
        },
    };
    let length = link::Event::from(&largest).encoded_len();
    assert!(length <= limits::EVENT, "the largest event has {length} bytes");
    let per_event = limits::EVENT + 4;
    assert!(limits::EVENTS_PER_FRAME * per_event + 16 <= limits::LINK_FRAME);
    let part = Ask::OfferPart { index: u32::MAX, bytes: vec![0; limits::OFFER_CHUNK] };
    assert!(frame::encode(&port::AgentFrame::from(part), limits::PORT_FRAME).is_ok());
}

#[test]
fn peers_agree_on_the_highest_common_version() {
    assert_eq!(version::agree(&[3, 2, 1], &[1, 2, 9]), Some(2));
    assert_eq!(version::agree(&[3], &[1, 2]), None);
    assert_eq!(version::agree(&[1], &[1; limits::VERSIONS + 1]), None);
    assert_eq!(version::agree(version::LINK, version::LINK), Some(version::LINK[0]));
}

/// Reads the bytes as a stream that gives at most `piece` at a time, so that every boundary is met.
fn read_in_pieces(mut bytes: &[u8], piece: usize, limit: usize) -> Result<Vec<link::PumpFrame>, FrameError> {
    let mut reader = FrameReader::new();
    let mut frames = Vec::new();
    loop {
        let room = reader.room();
        let got = room.len().min(piece).min(bytes.len());
        room[..got].copy_from_slice(&bytes[..got]);
        bytes = &bytes[got..];
        match reader.took(got, limit)? {
            Some(frame) => frames.push(frame),
            None if got == 0 => return Ok(frames),
            None => {}
        }
    }
}

fn two_frames() -> Vec<u8> {
    let report = link::PumpFrame { body: Some(link::pump_frame::Body::Report((&report()).into())) };
    let beat = link::PumpFrame { body: Some(link::pump_frame::Body::Heartbeat(link::Heartbeat { number: 7 })) };
    let mut bytes = frame::encode(&report, limits::LINK_FRAME).expect("fits");
    frame::append(&beat, limits::LINK_FRAME, &mut bytes).expect("fits");
    bytes
}

#[test]
fn frames_are_read_whatever_the_pieces_and_cut_ones_are_named() {
    let bytes = two_frames();
    for piece in [1, 2, 3, 5, 64, 4096] {
        assert_eq!(read_in_pieces(&bytes, piece, limits::LINK_FRAME).expect("whole").len(), 2);
    }
    let first = 4 + u32::from_be_bytes(bytes[..4].try_into().expect("four")) as usize;
    for end in 1..bytes.len() {
        match read_in_pieces(&bytes[..end], 64, limits::LINK_FRAME) {
            Ok(frames) => assert!(end == first && frames.len() == 1, "cut at {end} was taken for whole"),
            Err(FrameError::Cut) => {}
            Err(other) => panic!("cut at {end}: {other}"),
        }
    }
}

#[test]
fn a_large_frame_is_read_whole_and_announcing_one_costs_little() {
    let ask = port::AgentFrame::from(Ask::OfferPart { index: 0, bytes: (0..=255).cycle().take(32_000).collect() });
    let bytes = frame::encode(&ask, limits::PORT_FRAME).expect("fits");
    let mut reader = FrameReader::new();
    let (mut rest, mut read, mut most) = (&bytes[..], None, 0);
    while read.is_none() {
        let room = reader.room();
        let got = room.len().min(1000);
        most = most.max(room.len());
        room[..got].copy_from_slice(&rest[..got]);
        rest = &rest[got..];
        read = reader.took(got, limits::PORT_FRAME).expect("good");
    }
    assert_eq!(read, Some(ask));
    assert!(!reader.in_flight());
    assert!(most <= 16 * 1024, "room for {most} bytes at once");
}

#[test]
fn oversize_and_empty_frames_are_refused_before_any_room_is_made() {
    let error = read_in_pieces(&u32::MAX.to_be_bytes(), 64, limits::LINK_FRAME).expect_err("too long");
    expect!["a frame of 4294967295 bytes is over the limit of 131072"].assert_eq(&error.to_string());
    let error = read_in_pieces(&[0; 4], 64, limits::LINK_FRAME).expect_err("empty");
    expect!["an empty frame"].assert_eq(&error.to_string());
}

proptest! {
    #[test]
    fn no_bytes_make_the_link_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        no_panic_link(&bytes);
        no_panic_port(&bytes);
    }

    /// Good frames with a few bytes changed reach deeper than noise does.
    #[test]
    fn no_spoilt_frame_makes_anything_panic(which in 0usize..40, at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut good: Vec<Vec<u8>> = says().into_iter().map(|s| port::ControllerFrame::from(s).encode_to_vec()).collect();
        good.extend(asks().into_iter().map(|a| port::AgentFrame::from(a).encode_to_vec()));
        let events = link::Events::from_front(&events());
        good.push(link::PumpFrame { body: Some(link::pump_frame::Body::Events(events)) }.encode_to_vec());
        let report = link::Report::from(&report());
        good.push(link::PumpFrame { body: Some(link::pump_frame::Body::Report(report)) }.encode_to_vec());
        let which = which % good.len();
        let bytes = &mut good[which];
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        no_panic_link(bytes);
        no_panic_port(bytes);
    }
}

fn no_panic_link(bytes: &[u8]) {
    use link::pump_frame::Body;
    let _ = frame::decode::<link::HubFrame>(bytes);
    match frame::decode::<link::PumpFrame>(bytes).ok().and_then(|frame| frame.body) {
        Some(Body::Hello(hello)) => drop(Greeting::try_from(hello)),
        Some(Body::Report(report)) => drop(Report::try_from(report)),
        Some(Body::Events(events)) => drop(events.checked()),
        Some(Body::Posture(posture)) => {
            drop(crate::posture::signed_bytes(wardline_model::PumpId::from_bytes([1; 16]), &posture));
        }
        Some(Body::Heartbeat(_) | Body::Bye(_)) | None => {}
    }
}

fn no_panic_port(bytes: &[u8]) {
    if let Ok(frame) = frame::decode::<port::AgentFrame>(bytes) {
        let _ = Ask::try_from(frame);
    }
    if let Ok(frame) = frame::decode::<port::ControllerFrame>(bytes) {
        let _ = Say::try_from(frame);
    }
}
