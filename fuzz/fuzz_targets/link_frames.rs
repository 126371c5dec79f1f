//! Any bytes on the live link, in any pieces: frames are read or refused, and what they hold becomes a value or a refusal.
#![no_main]

use wardline_wire::link::{HubFrame, PumpFrame, pump_frame::Body};
use wardline_wire::{FrameReader, Greeting, limits};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = wardline_wire::frame::decode::<HubFrame>(data);
    let Some((&piece, mut rest)) = data.split_first() else { return };
    let mut reader = FrameReader::new();
    loop {
        let room = reader.room();
        let got = room.len().min(usize::from(piece) + 1).min(rest.len());
        room[..got].copy_from_slice(&rest[..got]);
        rest = &rest[got..];
        match reader.took::<PumpFrame>(got, limits::LINK_FRAME) {
            Err(_) => return,
            Ok(None) if got == 0 => return,
            Ok(None) => {}
            Ok(Some(frame)) => match frame.body {
                Some(Body::Hello(hello)) => drop(Greeting::try_from(hello)),
                Some(Body::Report(report)) => drop(wardline_model::Report::try_from(report)),
                Some(Body::Events(events)) => drop(events.checked()),
                Some(Body::Posture(posture)) => {
                    let _ = wardline_wire::posture::signed_bytes(wardline_model::PumpId::from_bytes([7; 16]), &posture);
                }
                Some(Body::Heartbeat(_) | Body::Bye(_)) | None => {}
            },
        }
    }
});
