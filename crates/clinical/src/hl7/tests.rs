//! What real engines send is read, with a remark; what we write is strict and reads back the same; every message gets an
//! answer. The numbers in names are those of the robustness cases of the EMR connection.

use proptest::prelude::*;

use super::{Ack, AckCode, Message, Mode, ParseError, Remark, Wanted, Writer, control_id_of};

const STATUS: &str = "MSH|^~\\&|GATEWAY^0123456789ABCDEF^EUI-64|WARD|EMR|HOSP|20260101120000+0000||ORU^R01^ORU_R01|M1|P|2.6|||AL|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO\r\
PID|||98765^^^HOSP^MR~4711^^^OTHER^PI||Muster^Ana\r\
OBR|1|O77^EMR|F12^GW^0123456789ABCDEF^EUI-64|MORPH^morphine \\T\\ saline \\F\\ 1\\S\\1^L\r\
OBX|1|NM|157784^MDC_FLOW_FLUID_PUMP^MDC|1.1.1.1|2.50|265266^MDC_DIM_MILLI_L_PER_HR^MDC^mL/h^mL/h^UCUM||||||R\r\
OBX|2|ST|184517^MDC_PUMP_DRUG_LIBRARY_VERSION^MDC|1.0.0.9|\"\"|||||||R\r";

fn parse(text: &str) -> Message {
    Message::parse(text.as_bytes(), "").unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

/// Every segment with its fields, for comparisons.
fn all(message: &Message) -> Vec<Vec<String>> {
    let fields = |segment: super::Segment<'_>| {
        let fields = (1..=segment.len() + 1).map(|n| segment.field(n).raw().to_owned());
        core::iter::once(segment.name().to_owned()).chain(fields).collect()
    };
    message.segments().map(fields).collect()
}

#[test]
fn a_message_is_read_as_the_standard_counts() {
    let message = parse(STATUS);
    assert!(message.remarks().is_empty(), "{:?}", message.remarks());
    assert_eq!((message.head(1).raw(), message.head(2).raw()), ("|", "^~\\&"));
    assert_eq!(message.head(3).component(2).raw(), "0123456789ABCDEF");
    assert_eq!((message.head(9).component(3).raw(), message.head(10).raw()), ("ORU_R01", "M1"));
    assert_eq!(message.head(99).raw(), "");
    let pid = message.first("PID").expect("a patient");
    let ids: Vec<_> = pid.field(3).repetitions().map(|id| (id.component(1).raw(), id.component(5).raw())).collect();
    assert_eq!(ids, [("98765", "MR"), ("4711", "PI")]);
    let give = message.first("OBR").expect("an order").field(4);
    assert_eq!(give.component(2).text(), "morphine & saline | 1^1");
    let values: Vec<_> = message.segments().filter(|s| s.name() == "OBX").map(|s| s.field(5)).collect();
    assert_eq!((values[0].raw(), values[0].is_deleted()), ("2.50", false), "the digits that came (N10)");
    assert!(values[1].is_deleted());
    assert!(message.first("ZZZ").is_none());
}

#[test]
fn delimiters_are_the_message_s_own() {
    let message = parse("MSH#*@!%#A*B#C\rPID###1*2@3*4#a!S!b\r");
    assert_eq!(message.head(3).component(2).raw(), "B");
    let pid = message.first("PID").expect("a patient");
    assert_eq!(pid.field(3).repetitions().nth(1).expect("a second").component(2).raw(), "4");
    assert_eq!(pid.field(4).text(), "a*b");
    for bad in ["MSH|^^\\&|A|B", "MSH|^~\\&#x|A|B", "MSHA^~\\&A", "MSH|abcd|A|B"] {
        assert_eq!(Message::parse(bad.as_bytes(), "").err(), Some(ParseError::Delimiters), "{bad}");
    }
    for bad in ["", "MSH", "PID|1\rMSH|^~\\&|A", "hello, world"] {
        assert_eq!(Message::parse(bad.as_bytes(), "").err(), Some(ParseError::NoHead), "{bad}");
    }
}

#[test]
fn case_12_ends_of_lines_of_every_kind_give_the_same_message() {
    let strict = all(&parse(STATUS));
    for (ends, remark) in [("\n", Remark::LineFeeds), ("\r\n", Remark::LineFeeds), ("\r\r", Remark::LineFeeds)] {
        let message = parse(&STATUS.replace('\r', ends));
        assert_eq!(all(&message), strict, "{ends:?}");
        assert_eq!(message.remarks().contains(&remark), ends.contains('\n'), "{ends:?}");
    }
    let endless = parse(STATUS.trim_end());
    assert_eq!((all(&endless), endless.remarks()), (strict.clone(), [Remark::NoLastEnd].as_slice()));
    let after_blank = parse(&format!("\u{feff}\r\n {STATUS}"));
    assert_eq!((all(&after_blank), after_blank.remarks()), (strict, [Remark::BeforeHead].as_slice()));
}

#[test]
fn case_12_a_line_end_inside_a_field_does_not_make_a_segment() {
    let message = parse("MSH|^~\\&|A|B\rNTE|1||first line\rsecond line|x\rOBX|1|ST\r");
    assert_eq!(message.remarks(), [Remark::Continued { segment: "NTE".into() }]);
    let note = message.first("NTE").expect("a note");
    assert_eq!((note.field(3).raw(), note.field(4).raw()), ("first line\rsecond line", "x"));
    assert_eq!(message.segments().map(|s| s.name()).collect::<Vec<_>>(), ["MSH", "NTE", "OBX"]);
    // Case 2: the word MSH inside a field begins nothing.
    let message = parse("MSH|^~\\&|A|B\rNTE|1||see MSH|MSH\r");
    assert_eq!(message.segments().count(), 2);
}

#[test]
fn character_sets_are_those_of_the_head_or_of_the_endpoint() {
    let with = |set: &str, name: &[u8]| {
        let head = format!("MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.6||||||{set}\rPID|||||");
        [head.as_bytes(), name, b"\r"].concat()
    };
    let read = |bytes: &[u8], default| {
        let message = Message::parse(bytes, default).expect("a message");
        (message.first("PID").expect("a patient").field(5).text().into_owned(), message.remarks().to_vec())
    };
    assert_eq!(read(&with("UNICODE UTF-8", "Müller".as_bytes()), ""), ("Müller".into(), vec![]));
    assert_eq!(read(&with("UNICODE UTF8", "Müller".as_bytes()), "8859/1"), ("Müller".into(), vec![]));
    for set in ["8859/1", "ISO 8859/1", "8859/15"] {
        assert_eq!(read(&with(set, b"M\xfcller"), ""), ("Müller".into(), vec![]), "{set}");
    }
    assert_eq!(read(&with("", b"M\xfcller"), "8859/1"), ("Müller".into(), vec![]), "the endpoint's own");
    assert_eq!(read(&with("8859/5", b"\xbc"), ""), ("М".into(), vec![]), "cyrillic");
    assert_eq!(read(&with("", b"M\xfcller"), ""), ("M\u{fffd}ller".into(), vec![Remark::Replaced]));
    let unknown = read(&with("KLINGON", b"x"), "");
    assert_eq!(unknown, ("x".into(), vec![Remark::UnknownCharset("KLINGON".into())]));
}

#[test]
fn escapes_that_are_not_known_pass_through() {
    let text = |raw: &str| {
        let message = parse(&format!("MSH|^~\\&|A|B\rNTE|{raw}\r"));
        message.first("NTE").expect("a note").field(1).text().into_owned()
    };
    assert_eq!(text("a\\E\\b\\R\\c"), "a\\b~c");
    assert_eq!(text("\\X41C3BC\\"), "Aü");
    assert_eq!(text("one\\.br\\two"), "one\ntwo");
    for raw in ["\\H\\bold\\N\\", "C:\\x", "\\X4\\", "\\Xzz\\", "\\"] {
        assert_eq!(text(raw), raw);
    }
}

#[test]
fn what_is_written_reads_back_and_nothing_in_it_becomes_structure() {
    let nasty = "a|b^c~d\\e&f\rMSH|x\n\u{b}\u{1c}ü";
    let text =
        Writer::default().skip(6).components(&["ORU", "R01", ""]).segment("NTE").skip(2).field(nasty).skip(3).finish();
    assert!(!text.contains(['\u{b}', '\u{1c}', '\n']) && text.ends_with('\r'), "{text:?}");
    let message = parse(&text);
    assert_eq!(message.segments().count(), 2);
    assert_eq!(message.head(9).component(2).raw(), "R01");
    let note = message.first("NTE").expect("a note");
    assert_eq!((note.field(3).text().as_ref(), note.len()), (nasty, 3), "empty fields at the end are left out");
}

#[test]
fn which_answers_are_owed() {
    let mode = |fifteen: &str, sixteen: &str| {
        Mode::of(&parse(&format!("MSH|^~\\&|A|B|C|D|||ORU^R01|1|P|2.6|||{fifteen}|{sixteen}\r")))
    };
    assert_eq!(mode("", ""), Mode::Original);
    assert_eq!(mode("AL", "NE"), Mode::Enhanced { accept: Wanted::Always, application: Wanted::Never });
    // Case 8: only one of them, or something that is none of the four.
    assert_eq!(mode("", "AL"), Mode::Enhanced { accept: Wanted::Never, application: Wanted::Always });
    assert_eq!(mode("er", "??"), Mode::Enhanced { accept: Wanted::OnError, application: Wanted::Never });
    assert!(Wanted::OnError.wants(AckCode::CommitReject) && !Wanted::OnError.wants(AckCode::ApplicationAccept));
    assert!(Wanted::OnSuccess.wants(AckCode::CommitAccept) && !Wanted::OnSuccess.wants(AckCode::CommitError));
    assert_eq!(AckCode::read(" AA "), Some(AckCode::ApplicationAccept));
    assert_eq!(AckCode::read("OK"), None);
}

#[test]
fn an_answer_goes_back_to_the_sender_in_the_version_that_came() {
    let message = parse(&STATUS.replace("|2.6|", "|2.5.1|"));
    let ack = Ack {
        to: Some(&message),
        control_id: "",
        code: AckCode::CommitError,
        own_control_id: "A1",
        moment: "20260101120001+0000",
        error: Some(("207", "Application internal error")),
        words: "the queue is full; send it again",
    };
    let text = ack.write();
    let answer = parse(&text);
    assert!(answer.remarks().is_empty(), "{text:?}");
    assert_eq!((answer.head(3).raw(), answer.head(5).raw()), ("EMR", "GATEWAY^0123456789ABCDEF^EUI-64"));
    assert_eq!((answer.head(4).raw(), answer.head(6).raw()), ("HOSP", "WARD"));
    assert_eq!((answer.head(9).raw(), answer.head(10).raw(), answer.head(12).raw()), ("ACK^R01^ACK", "A1", "2.5.1"));
    assert_eq!((answer.head(15).raw(), answer.head(16).raw()), ("NE", "NE"));
    let said = answer.first("MSA").expect("an answer");
    assert_eq!((said.field(1).raw(), said.field(2).raw()), ("CE", "M1"));
    let error = answer.first("ERR").expect("an error");
    assert_eq!((error.field(3).component(1).raw(), error.field(4).raw()), ("207", "E"));
    assert_eq!(error.field(8).text(), "the queue is full; send it again");
}

#[test]
fn even_what_is_no_message_is_answered() {
    let broken = b"MSH|^^^^|A|B|C|D|20260101||ORU^R01|M77|P|2.6\r";
    assert!(Message::parse(broken, "").is_err());
    assert_eq!(control_id_of(broken), "M77");
    assert_eq!(control_id_of(b"no message at all"), "");
    assert_eq!(control_id_of(b"MSH"), "");
    let ack = Ack {
        to: None,
        control_id: "M77",
        code: AckCode::CommitReject,
        own_control_id: "A2",
        moment: "20260101120001+0000",
        error: Some(("100", "Segment sequence error")),
        words: "MSH names delimiters that cannot be told apart",
    };
    let text = ack.write();
    let answer = parse(&text);
    assert_eq!(answer.head(9).raw(), "ACK");
    assert_eq!(answer.first("MSA").expect("an answer").field(2).raw(), "M77");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Message::parse(&bytes, "8859/1");
        let _ = control_id_of(&bytes);
    }

    /// A head with anything behind it: every part can be asked for, and all parts together are what came.
    #[test]
    fn nothing_is_lost(body in "[A-Z0-9|^~&\\\\\r\n a-zü\"]{0,200}") {
        let text = format!("MSH|^~\\&|A|B\r{body}");
        let message = Message::parse(text.as_bytes(), "").expect("a head");
        let kept: usize = all(&message).iter().flatten().map(|part| part.chars().filter(|c| !"|\r\n".contains(*c)).count()).sum();
        let came = text.chars().filter(|c| !"|\r\n".contains(*c)).count();
        prop_assert_eq!(kept, came, "{:?}", all(&message));
    }

    #[test]
    fn any_text_survives_writing_and_reading(text in any::<String>()) {
        let written = Writer::default().segment("NTE").field(&text).finish();
        let message = Message::parse(written.as_bytes(), "").expect("a message");
        let field = message.first("NTE").expect("a note").field(1).text().into_owned();
        prop_assert_eq!(field, text);
    }
}
