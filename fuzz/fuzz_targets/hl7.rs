//! What an engine sends: a stream cut into frames, each frame a message, each message answered.
#![no_main]

use wardline_clinical::hl7::{Ack, AckCode, Message, control_id_of};
use wardline_clinical::mllp::{Frame, Reader};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (mut reader, mut frames) = (Reader::new(4_096), Vec::new());
    for piece in data.chunks(17) {
        if reader.push(piece, &mut frames).is_err() {
            break;
        }
    }
    frames.push(Frame::Message { bytes: data.to_vec(), oddities: Vec::new() });
    for frame in frames {
        let Frame::Message { bytes, .. } = frame else { continue };
        let message = Message::parse(&bytes, "8859/1").ok();
        let control_id = control_id_of(&bytes);
        let code = AckCode::ApplicationError;
        let error = Some(("207", "Application internal error"));
        let ack = Ack { to: message.as_ref(), control_id: &control_id, code, own_control_id: "1", moment: "", error, words: "" };
        let answer = ack.write();
        assert!(!answer.contains(['\u{b}', '\u{1c}']));
        Message::parse(answer.as_bytes(), "").expect("our own answers can be read");
        for segment in message.iter().flat_map(Message::segments) {
            for number in 0..segment.len() + 2 {
                let field = segment.field(number);
                for part in field.repetitions() {
                    let _ = part.component(2).sub(1).text();
                }
            }
        }
    }
});
