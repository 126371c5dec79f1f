//! A stream is read the same however it is cut, oddities of real engines are passed over, and no frame grows without end.

use proptest::prelude::*;

use super::{Frame, Kept, Oddity, Reader, TooLong, commit, frame};

fn read(pieces: &[&[u8]]) -> Vec<Frame> {
    let (mut reader, mut frames) = (Reader::new(100), Vec::new());
    for piece in pieces {
        reader.push(piece, &mut frames).expect("short enough");
    }
    frames.extend(reader.end());
    frames
}

fn message(bytes: &[u8], oddities: &[Oddity]) -> Frame {
    Frame::Message { bytes: bytes.to_vec(), oddities: oddities.to_vec() }
}

#[test]
fn what_real_engines_send_is_read_with_a_remark() {
    let cases: [(&str, &[u8], Vec<Frame>); 11] = [
        ("one frame", b"\x0bMSH|a\x1c\r", vec![message(b"MSH|a", &[])]),
        ("two in one read", b"\x0ba\x1c\r\x0bb\x1c\r", vec![message(b"a", &[]), message(b"b", &[])]),
        ("line ends before", b"\r\n\x0ba\x1c\r", vec![message(b"a", &[])]),
        ("rubbish before", b"\x0c..\x0ba\x1c\r", vec![message(b"a", &[Oddity::Between(3)])]),
        ("no start", b"MSH|a\x1c\r", vec![message(b"MSH|a", &[Oddity::NoStart])]),
        ("no last CR", b"\x0ba\x1c\x0bb\x1c\r", vec![message(b"a", &[Oddity::NoFinalCr]), message(b"b", &[])]),
        ("no last CR at the end", b"\x0ba\x1c", vec![message(b"a", &[Oddity::NoFinalCr])]),
        ("empty", b"\x0b\x1c\r\x0ba\x1c\r", vec![message(b"a", &[Oddity::Empty])]),
        ("no end, then another", b"\x0ba\x0bb\x1c\r", vec![message(b"a", &[Oddity::NoEnd]), message(b"b", &[])]),
        ("cut short", b"\x0ba", vec![]),
        ("release 2", b"\x0b\x06\x1c\r\x0b\x15\x1c\r", vec![Frame::Committed, Frame::NotCommitted]),
    ];
    for (story, bytes, expected) in cases {
        assert_eq!(read(&[bytes]), expected, "{story}");
    }
}

#[test]
fn a_frame_that_is_too_long_is_given_up_and_its_bytes_are_not_kept() {
    let mut reader = Reader::new(10);
    let mut frames = Vec::new();
    assert_eq!(reader.push(b"\x0b0123456789", &mut frames), Ok(()));
    assert_eq!(reader.push(b"0\x1c\r", &mut frames), Err(TooLong { limit: 10 }));
    assert!(frames.is_empty() && reader.frame.len() <= 10);
}

#[test]
fn a_message_that_holds_a_mark_is_not_framed() {
    assert_eq!(frame(b"a\x1cb"), None);
    assert_eq!(frame(b"a\x0bb"), None);
    assert_eq!(read(&[&commit(Kept::Yes), &commit(Kept::No)]), [Frame::Committed, Frame::NotCommitted]);
}

proptest! {
    /// However a good stream is cut into pieces, the same messages come out.
    #[test]
    fn cuts_change_nothing(
        messages in proptest::collection::vec(proptest::collection::vec(0x20u8..0x7f, 1..30), 0..6),
        cuts in proptest::collection::vec(0usize..200, 0..12),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|m| frame(m).expect("no marks")).collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).chain([0, stream.len()]).collect();
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        let expected: Vec<Frame> = messages.iter().map(|m| message(m, &[])).collect();
        prop_assert_eq!(read(&pieces), expected);
    }

    #[test]
    fn no_bytes_panic_or_pile_up(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20)) {
        let (mut reader, mut frames) = (Reader::new(64), Vec::new());
        for piece in &pieces {
            if reader.push(piece, &mut frames).is_err() {
                break;
            }
            prop_assert!(reader.frame.len() <= 64 && reader.oddities.len() <= 8);
        }
    }
}
