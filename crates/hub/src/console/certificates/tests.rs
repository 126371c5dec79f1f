//! The page says what the ledger says, in words, numbers and a picture.

use wardline_api::types::{Attention, Certificates};
use wardline_model::{Digest, Owner, Span, Time};
use wardline_store::{CertificateCounts, ForecastWeek, OwnCertificate, OwnKind, WEEKS};

use super::{forecast, view};
use crate::ca::alarms::Alarm;
use crate::ca::ledger::Sheet;

const NOW: Time = Time::from_unix_s(1_800_000_000);

fn sheet() -> Sheet {
    let mut weeks = [ForecastWeek::default(); WEEKS];
    weeks[0] = ForecastWeek { ending: 7, late: 3 };
    weeks[3] = ForecastWeek { ending: 19_993, late: 0 };
    let issuing = OwnCertificate {
        fingerprint: Digest::from_bytes([1; 32]),
        serial: "4001".into(),
        kind: OwnKind::Issuing,
        subject: "CN=Issuing <1>".into(),
        node: String::new(),
        not_before: NOW,
        not_after: NOW + Span::from_days(80),
        issued: NOW,
        replaced: None,
    };
    Sheet {
        taken: NOW,
        own: vec![issuing],
        counts: CertificateCounts { current: 20_000, late: 3, ..CertificateCounts::default() },
        weeks,
        alarms: Vec::new(),
        list_until: None,
    }
}

fn alarm(attention: Attention) -> Alarm {
    Alarm { what: "x".into(), advice: "y", pumps: 0, attention, owner: Owner::It, ends: None }
}

#[test]
fn the_answer_is_as_loud_as_the_worst_alarm() {
    let said = |attentions: &[Attention]| {
        let alarms = attentions.iter().map(|attention| alarm(*attention)).collect();
        let Certificates { answer, attention, .. } = view(&Sheet { alarms, ..sheet() });
        (attention, answer)
    };
    let (attention, answer) = said(&[]);
    assert_eq!(attention, Attention::Good);
    assert_eq!(answer, "20\u{202f}000 pumps hold a good certificate. Nothing ends unseen in the coming weeks.");
    assert_eq!(said(&[Attention::Waiting]).0, Attention::Waiting);
    let (attention, answer) = said(&[Attention::Danger, Attention::NeedsPerson, Attention::Waiting]);
    assert_eq!(attention, Attention::Danger);
    assert!(answer.ends_with("2 things need a person."), "{answer}");
    let nobody = Sheet { counts: CertificateCounts::default(), ..sheet() };
    assert_eq!(view(&nobody).attention, Attention::Off, "nothing is not good");
}

#[test]
fn the_picture_has_a_bar_for_each_week_with_its_number_and_says_it_in_words_too() {
    let picture = forecast::draw(&view(&sheet()));
    assert!(picture.contains("20\u{202f}000 in the coming 13 weeks, of which 3 should have been renewed"), "{picture}");
    assert_eq!(picture.matches("<g><title>").count(), WEEKS);
    assert_eq!(picture.matches("fill-waiting").count(), 2, "two weeks have something in them");
    assert!(picture.contains(">19\u{202f}993</text>"));
    assert!(picture.contains("authority</text>"), "the issuing authority ends in these weeks");
    assert!(picture.contains("Issuing &lt;1&gt;") && !picture.contains("<1>"), "names are escaped");
    assert!(!picture.contains("style="), "the policy forbids inline styles");
}
