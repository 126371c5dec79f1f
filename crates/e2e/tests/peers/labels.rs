//! Labels and what they change, how long certificates last, and that no key gets two of them.

use wardline_hub::config::{LabelRule, ModelRule, SameKey};
use wardline_model::{Time, covers};

use super::ward::{Pass, Ward, model};

/// How many hours a certificate lasts from the moment of its issue.
async fn lasts_h(ward: &Ward, pass: &Pass) -> u64 {
    let file = pass.chain.to_str().expect("a plain path");
    let number = ward.openssl(&["x509", "-in", file, "-noout", "-serial"]);
    let number = number.trim().trim_start_matches("serial=").to_lowercase();
    let row = ward.running.hub.store.certificate(&number).await.expect("readable").expect("there");
    (row.not_after.since(row.issued).as_ms() + 60_000) / 3_600_000
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_has_its_own_rules_and_an_unknown_one_is_not_found() {
    let ward = Ward::set(|config| {
        let hours = |lasts_h| LabelRule { lasts_h: Some(lasts_h), ..LabelRule::default() };
        config.enrolment.models.insert(model(), ModelRule { lasts_h: Some(200) });
        config.enrolment.labels.insert("day".into(), hours(24));
        config.enrolment.labels.insert("year".into(), hours(9_000));
    })
    .await;
    let csr = ward.request("one", "/CN=H3-000001");
    let birth = ward.birth("H3-000001");
    for operation in ["cacerts", "simpleenroll", "simplereenroll"] {
        let answer = ward.enrol(&format!("none/{operation}"), &csr, Some(&birth), &[]);
        let answer =
            if operation == "cacerts" { ward.curl("/.well-known/est/none/cacerts", None, &[]) } else { answer };
        assert_eq!(answer.status, 404, "{operation}: {answer:?}");
        assert!(answer.body.contains("no label \"none\" here"), "{answer:?}");
    }
    for operation in ["serverkeygen", "fullcmc", "day/serverkeygen"] {
        let answer = ward.enrol(operation, &csr, Some(&birth), &[]);
        assert_eq!(answer.status, 404, "{answer:?}");
        assert!(answer.body.contains("not offered"), "{answer:?}");
    }
    // By the bare root the model's rule holds, by a label the shorter of the two times.
    let first = ward.keep(&ward.enrol("simpleenroll", &csr, Some(&birth), &[]), "one");
    assert_eq!(lasts_h(&ward, &first).await, 200);
    ward.link(&ward.tls(&first), ward.pumps[0], 1).await.expect("it links");
    let subject = format!("/CN={}/serialNumber=H3-000001/O=St. Elsewhere", ward.pumps[0]);
    for (label, hours) in [("day/", 24), ("year/", 200)] {
        let name = format!("by-{hours}");
        let csr = ward.request(&name, &subject);
        let pass = ward.keep(&ward.enrol(&format!("{label}simplereenroll"), &csr, Some(&first), &[]), &name);
        assert_eq!(lasts_h(&ward, &pass).await, hours);
    }
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_certificate_is_for_a_key_of_its_own() {
    covers!("N14");
    let ward = Ward::open().await;
    let [pump, other] = ward.pumps;
    let csr = ward.request("one", "/CN=H3-000001");
    let birth = ward.birth("H3-000001");
    let answer = ward.enrol("simpleenroll", &csr, Some(&birth), &[]);
    let pass = ward.keep(&answer, "one");
    // The answer was lost: the same request brings the same certificate, not a second one.
    let again = ward.enrol("simpleenroll", &csr, Some(&birth), &[]);
    assert_eq!((again.status, again.body), (200, answer.body));
    assert_eq!(ward.standing(pump).await.0, 1);
    ward.link(&ward.tls(&pass), pump, 1).await.expect("it links");
    // A renewal for the same key.
    let subject = format!("/CN={pump}/serialNumber=H3-000001/O=St. Elsewhere");
    let same = |subject: &str, name: &str| {
        let (der, csr) = (format!("{name}.der"), format!("{name}.csr"));
        ward.openssl(&["req", "-new", "-key", "one.key", "-subj", subject, "-outform", "DER", "-out", &der]);
        ward.openssl(&["base64", "-in", &der, "-out", &csr]);
        ward.path(&csr)
    };
    let answer = ward.enrol("simplereenroll", &same(&subject, "renewed"), Some(&pass), &[]);
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.body.contains("make a new key for every certificate"), "{answer:?}");
    ward.until_refused(&format!("enrolment.refused | same-key: pump {pump}")).await;
    // Another pump with that key: two pumps with one key would be one pump to everybody.
    let stolen = ward.enrol("simpleenroll", &same("/CN=H3-000002", "stolen"), Some(&ward.birth("H3-000002")), &[]);
    assert_eq!(stolen.status, 403, "{stolen:?}");
    assert!(stolen.body.contains("another pump holds a certificate for this key"), "{stolen:?}");
    ward.until_refused("enrolment.refused | key-of-another-pump: serial H3-000002").await;
    assert_eq!((ward.standing(pump).await.0, ward.standing(other).await.0), (1, 0));
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_cannot_make_a_new_key_renews_where_the_hospital_lets_it() {
    let ward = Ward::set(|config| config.enrolment.same_key = SameKey::Allowed).await;
    let pump = ward.pumps[0];
    let pass = ward.enrolled("H3-000001", "one");
    ward.link(&ward.tls(&pass), pump, 1).await.expect("it links");
    let subject = format!("/CN={pump}/serialNumber=H3-000001/O=St. Elsewhere");
    ward.openssl(&["req", "-new", "-key", "one.key", "-subj", &subject, "-outform", "DER", "-out", "next.der"]);
    ward.openssl(&["base64", "-in", "next.der", "-out", "next.csr"]);
    let answer = ward.enrol("simplereenroll", &ward.path("next.csr"), Some(&pass), &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(ward.standing(pump).await.0, 2);
    // Another pump's key stays another pump's.
    let stolen = ward.enrol("simpleenroll", &ward.path("next.csr"), Some(&ward.birth("H3-000002")), &[]);
    assert_eq!(stolen.status, 403, "{stolen:?}");
    let ends = ward.running.hub.store.certificates(pump).await.expect("readable")[0].not_after;
    assert!(ends > Time::from_unix_s(0));
    ward.running.stop().await;
}
