//! First certificates that wait for a person: 202 and when to come back, the answer after the decision, and for whom it is.

use wardline_hub::config::{Approval, LabelRule};
use wardline_model::covers;
use wardline_store::EnrolmentRequestRow;

use super::ward::{Ward, decision};

/// A hub with the label `asked`, where a person is asked about every pump.
async fn open() -> Ward {
    Ward::set(|config| {
        let asked = LabelRule { approval: Approval::Person, ..LabelRule::default() };
        config.enrolment.labels.insert("asked".into(), asked);
        config.enrolment.retry_s = 17;
        config.enrolment.most_waiting = 2;
    })
    .await
}

async fn waiting(ward: &Ward) -> Vec<EnrolmentRequestRow> {
    let mut rows = ward.running.hub.store.approvals(wardline_hub::state::now()).await.expect("readable");
    rows.retain(|row| row.state == wardline_store::ApprovalState::Waiting);
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pump_waits_until_a_person_has_said_yes_and_then_gets_its_certificate_once() {
    covers!("N14");
    let ward = open().await;
    let pump = ward.pumps[0];
    let csr = ward.request("one", "/CN=H3-000001");
    let birth = ward.birth("H3-000001");
    let ask = |csr: &std::path::Path| ward.enrol("asked/simpleenroll", csr, Some(&birth), &[]);
    for _ in 0..3 {
        let answer = ask(&csr);
        assert_eq!(answer.status, 202, "{answer:?}");
        assert!(answer.said.contains("retry-after: 17"), "{answer:?}");
        assert!(answer.body.contains("a person must approve"), "{answer:?}");
    }
    let rows = waiting(&ward).await;
    assert_eq!(rows.len(), 1, "asked three times, kept once: {rows:?}");
    assert_eq!((rows[0].ask.pump, rows[0].ask.label.as_str()), (pump, "asked"));
    assert_eq!(ward.standing(pump).await, (0, "expected".into()), "nothing was made");
    let store = &ward.running.hub.store;
    store.approve_enrolment(&rows[0].id, &decision("it stands before me")).await.expect("approved");
    // Another key is another request.
    let thief = ward.request("thief", "/CN=H3-000001");
    assert_eq!(ask(&thief).status, 202);
    assert_eq!(ward.standing(pump).await, (0, "expected".into()));
    let answer = ask(&csr);
    let pass = ward.keep(&answer, "one");
    ward.link(&ward.tls(&pass), pump, 1).await.expect("it links");
    // The approval is used: the thief's key has to be decided by itself, and is denied.
    let rows = waiting(&ward).await;
    assert_eq!(rows.len(), 1);
    store.deny_enrolment(&rows[0].id, &decision("nobody knows this key")).await.expect("denied");
    ward.running.hub.revoke(pump, &decision("to let it enrol anew")).await.expect("revoked");
    let denied = ask(&thief);
    assert_eq!(denied.status, 403, "{denied:?}");
    assert!(denied.body.contains("a person denied this enrolment: nobody knows this key"), "{denied:?}");
    ward.until_refused("enrolment.refused | denied: serial H3-000001").await;
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_wait_and_the_next_is_told_to_come_later() {
    let ward = open().await;
    let birth = ward.birth("H3-000001");
    let ask = |name: &str| {
        let csr = ward.request(name, "/CN=H3-000001");
        ward.enrol("asked/simpleenroll", &csr, Some(&birth), &[])
    };
    assert_eq!((ask("one").status, ask("two").status), (202, 202));
    let full = ask("three");
    assert_eq!(full.status, 503, "{full:?}");
    assert!(full.said.contains("retry-after: 600"), "{full:?}");
    ward.until_refused("enrolment.refused | too-many-waiting: serial H3-000001").await;
    // A code was made by a person for this pump, and by the bare root nobody is asked.
    let code = ward.code(ward.pumps[1]).await;
    let csr = ward.request("four", "/CN=H3-000002");
    let user = format!("H3-000002:{code}");
    let by_code = ward.enrol("asked/simpleenroll", &csr, None, &["--user", &user]);
    assert_eq!(by_code.status, 200, "{by_code:?}");
    let csr = ward.request("five", "/CN=H3-000001");
    assert_eq!(ward.enrol("simpleenroll", &csr, Some(&birth), &[]).status, 200);
    ward.running.stop().await;
}
