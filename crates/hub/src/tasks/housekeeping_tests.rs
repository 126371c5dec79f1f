//! A turn of housekeeping on a real database.

use wardline_model::{AssetTag, CareArea, Digest, Model, Serial, Span};
use wardline_store::{AuditVerdict, ExpectedPump, MasterKey, NewCertificate, NewUser, Store, sqlite_url};

use super::*;

const T0: Time = Time::from_unix_s(1_800_000_000);

fn later() -> Time {
    T0 + Span::from_days(25)
}

#[tokio::test]
async fn a_turn_pins_the_audit_removes_what_ended_and_tells_each_overdue_renewal_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&sqlite_url(&folder.path().join("hub.db")), &MasterKey::generate(), T0).await.unwrap();
    let by = Decision { by: Actor::Operator("test".into()), reason: String::new(), at: T0 };
    let pump = ExpectedPump {
        model: Model::new("Halcyon 3").unwrap(),
        serial: Serial::new("1").unwrap(),
        asset_tag: AssetTag::new("P-1").unwrap(),
        care_area: CareArea::new("ICU").unwrap(),
    };
    let pump = store.expect_pumps(&[pump], &by).await.unwrap()[0];
    let fingerprint = Digest::from_bytes([1; 32]);
    let (not_before, not_after) = (T0, T0 + Span::from_days(30));
    let certificate = NewCertificate { serial: "01".into(), fingerprint, pump, not_before, not_after, der: vec![0x30] };
    store.issue_certificate(&certificate, &by).await.unwrap();
    store.certificate_used(pump, &fingerprint, T0).await.unwrap();
    let anna =
        NewUser { name: "anna".into(), display: "Anna".into(), role: wardline_model::Role::Viewer, password: None };
    store.create_user(&anna, &by).await.unwrap();
    let session = store.open_session("anna", Span::from_h(8), &by).await.unwrap();

    let key = SigningKey::from_bytes(&[5; 32]);
    let mut keeping = Housekeeping::new(store.clone(), key.clone(), "hub".into(), later);
    keeping.turn().await;
    keeping.turn().await;

    let overdue = AuditQuery { action: Some("certificate.overdue".into()), ..AuditQuery::default() };
    let told = store.audit(&overdue).await.unwrap();
    assert_eq!(
        told.rows.iter().map(|row| (row.pump, row.subject.as_str())).collect::<Vec<_>>(),
        [(Some(pump), "5 d left")]
    );
    let verdict = store.verify_audit(&key.verifying_key(), None).await.unwrap();
    assert!(matches!(verdict, AuditVerdict::Whole { records, pinned } if records == pinned), "{verdict:?}");
    assert!(
        store.session(&session.token, Span::from_days(99), T0).await.unwrap().is_none(),
        "an ended session is gone"
    );
}
