//! Certificates that must not pass, made by `openssl` with the real authority's own key: somebody stole it for an hour, or
//! it made a mistake. Each is shown at the live link and at enrolment; each leaves its reason in the audit.

use std::path::Path;

use wardline_model::{PumpId, covers};

use super::ward::{Pass, Ward, hear, say};

/// Everything that a good pump certificate says, with a place for what is changed.
fn extensions(pump: PumpId, names: &str, usage: &str) -> String {
    let names = names.replace("PUMP", &pump.to_urn());
    format!(
        "[leaf]\n{names}\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
         extendedKeyUsage={usage}\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
         [hw]\na=OID:1.3.6.1.4.1.99999.1\nb=FORMAT:ASCII,OCTETSTRING:H3-000001\n"
    )
}

const NAMES: &str = "subjectAltName=URI:PUMP,otherName:1.3.6.1.5.5.7.8.4;SEQUENCE:hw";

/// A fresh key's certificate with these extensions and dates, by the authority in `<ca>.pem` and `<ca>.key`.
fn signed(ward: &Ward, ca: &str, name: &str, leaf: &str, dates: [&str; 2]) -> Pass {
    ward.request(name, &format!("/CN={}/serialNumber=H3-000001/O=St. Elsewhere", ward.pumps[0]));
    let write = |file: String, text: &str| std::fs::write(ward.path(&file), text).expect("written");
    let folder = ward.folder.path().display();
    write(
        format!("{name}.cnf"),
        &format!(
            "[ca]\ndefault_ca=a\n[a]\ndatabase={folder}/{name}.db\nnew_certs_dir={folder}\nrand_serial=yes\n\
             certificate={folder}/{ca}.pem\nprivate_key={folder}/{ca}.key\ndefault_md=sha256\npolicy=p\n\
             unique_subject=no\n[p]\ncommonName=optional\nserialNumber=optional\norganizationName=optional\n{leaf}"
        ),
    );
    write(format!("{name}.db"), "");
    let (config, der, pem) = (format!("{name}.cnf"), format!("{name}.der"), format!("{name}.leaf"));
    ward.openssl(&["req", "-inform", "DER", "-in", &der, "-out", &format!("{name}.req")]);
    let ca_args = ["ca", "-batch", "-notext", "-preserveDN", "-config", &config, "-extensions", "leaf"];
    let dates = ["-startdate", dates[0], "-enddate", dates[1]];
    ward.openssl(&[&ca_args[..], &dates, &["-in", &format!("{name}.req"), "-out", &pem]].concat());
    let read = |file: &Path| std::fs::read_to_string(file).expect("readable");
    let chain = ward.path(&format!("{name}.pem"));
    std::fs::write(&chain, read(&ward.path(&pem)) + &read(&ward.path(&format!("{ca}.pem")))).expect("written");
    Pass { chain, key: ward.path(&format!("{name}.key")) }
}

/// The hub's own issuing authority, and another one that calls itself the same.
fn authorities(ward: &Ward) {
    std::fs::write(ward.path("issuing.pem"), ward.issuing()).expect("written");
    let key = ward.running.hub.issuing().key().software().expect("in this process").to_pkcs8().expect("a key");
    std::fs::write(ward.path("issuing.pk8"), &key[..]).expect("written");
    ward.openssl(&["pkey", "-inform", "DER", "-in", "issuing.pk8", "-out", "issuing.key"]);
    ward.key("impostor");
    let subject = ward.openssl(&["x509", "-in", "issuing.pem", "-noout", "-subject", "-nameopt", "compat"]);
    let subject = subject.trim().trim_start_matches("subject=").trim().to_owned();
    let subject = if subject.starts_with('/') { subject } else { format!("/{}", subject.replace(", ", "/")) };
    let own = ["req", "-x509", "-new", "-key", "impostor.key", "-days", "10", "-out", "impostor.pem"];
    let says = ["-subj", &subject, "-addext", "keyUsage=critical,keyCertSign,cRLSign"];
    ward.openssl(&[&own[..], &says].concat());
}

const GOOD_DATES: [&str; 2] = ["20250101000000Z", "20350101000000Z"];

/// Shows a certificate at the link; nobody may get as far as Welcome.
async fn at_the_link(ward: &Ward, pass: &Pass) {
    let refused = ward.link(&ward.tls(pass), ward.pumps[0], 1).await;
    assert!(refused.is_err(), "{pass:?} was welcome");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_certificates_are_refused_at_the_link_and_at_enrolment_and_each_is_in_the_audit() {
    covers!("N14");
    let ward = Ward::open().await;
    let pump = ward.pumps[0];
    let good = ward.enrolled("H3-000001", "good");
    ward.link(&ward.tls(&good), pump, 1).await.expect("the right one links");
    authorities(&ward);
    let csr = ward.request("next", &format!("/CN={pump}/serialNumber=H3-000001/O=St. Elsewhere"));
    let pumps = |usage: &str| extensions(pump, NAMES, usage);
    let client = pumps("clientAuth");
    let dns = extensions(pump, "subjectAltName=DNS:hub.wardline.internal", "clientAuth");
    // What it is, how it is made, the word at the link, and the word at enrolment.
    let cases = [
        ("expired", "issuing", &client, ["20200101000000Z", "20200201000000Z"], "expired", "expired"),
        ("early", "issuing", &client, ["20450101000000Z", "20490101000000Z"], "not-valid-yet", "not-valid-yet"),
        ("server", "issuing", &pumps("serverAuth"), GOOD_DATES, "wrong-usage", "wrong-usage"),
        ("both", "issuing", &pumps("clientAuth,serverAuth"), GOOD_DATES, "fails-strict-checks", "fails-strict-checks"),
        ("impostor-ca", "impostor", &client, GOOD_DATES, "bad-signature", "bad-signature"),
        ("nobody", "issuing", &dns, GOOD_DATES, "not-a-pump-certificate", "unknown-issuer"),
        // Right in every way, and never given out: a copy by a thief of the authority.
        ("cloned", "issuing", &client, GOOD_DATES, "replaced-certificate", "replaced-certificate"),
    ];
    for (name, ca, leaf, dates, at_link, at_enrolment) in cases {
        let pass = signed(&ward, ca, name, leaf, dates);
        at_the_link(&ward, &pass).await;
        ward.until_refused(&format!("link.refused | {at_link}")).await;
        let answer = ward.enrol("simplereenroll", &csr, Some(&pass), &[]);
        // A certificate that proves nothing ends the handshake; one that no longer counts is answered.
        let status = if name == "cloned" { 403 } else { 0 };
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        ward.until_refused(&format!("enrolment.refused | {at_enrolment}")).await;
    }
    // A birth certificate opens enrolment and never the link.
    at_the_link(&ward, &ward.birth("H3-000001")).await;
    ward.until_refused("link.refused | not-a-pump-certificate").await;
    // The right certificate with another key is none at all: TLS itself asks for a signature by its key.
    let mixed = Pass { chain: good.chain.clone(), key: ward.key("mixed") };
    let answer = ward.enrol("simplereenroll", &csr, Some(&mixed), &[]);
    assert_eq!(answer.status, 0, "{answer:?}");
    // Nothing at all.
    let port = ward.running.link_addr.to_string();
    let out = std::process::Command::new("openssl")
        .args(["s_client", "-connect", &port, "-tls1_3", "-quiet", "-ign_eof"])
        .stdin(std::process::Stdio::null())
        .output();
    assert!(!out.expect("openssl").status.success(), "the link demands a certificate");
    ward.until_refused("link.refused | no-certificate").await;
    // Nobody got anything, and the pump itself noticed nothing.
    assert_eq!(ward.standing(pump).await, (1, "in-service".into()));
    ward.link(&ward.tls(&good), pump, 1).await.expect("the right one still links");
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_is_refused_everywhere() {
    covers!("N14");
    let ward = Ward::open().await;
    let pump = ward.pumps[0];
    let pass = ward.enrolled("H3-000001", "good");
    let (mut link, _) = ward.link(&ward.tls(&pass), pump, 1).await.expect("it links");
    ward.running.hub.revoke(pump, &super::ward::decision("stolen")).await.expect("revoked");
    let last = hear(&mut link).await;
    assert!(matches!(&last, Ok(Some(wardline_wire::link::hub_frame::Body::Close(_)))), "the live link ends: {last:?}");
    assert!(ward.link(&ward.tls(&pass), pump, 1).await.is_err());
    ward.until_refused(&format!("link.refused | replaced-certificate: pump {pump}")).await;
    let csr = ward.request("next", &format!("/CN={pump}/serialNumber=H3-000001/O=St. Elsewhere"));
    for (answer, status) in [
        (ward.enrol("simplereenroll", &csr, Some(&pass), &[]), 403),
        (ward.curl("/wardline/v1/provision", Some(&pass), &[]), 403),
        (ward.curl("/repo/metadata/timestamp.json", Some(&pass), &[]), 403),
    ] {
        assert_eq!(answer.status, status, "{answer:?}");
    }
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pump_cannot_speak_for_another_pump() {
    covers!("N14");
    let ward = Ward::open().await;
    let [first, second] = ward.pumps;
    let pass = ward.enrolled("H3-000001", "good");
    let Err(refused) = ward.link(&ward.tls(&pass), second, 1).await else { panic!("it spoke for another pump") };
    assert!(refused.contains("the certificate names pump"), "{refused}");
    ward.until_refused("link.refused | wrong-pump").await;
    let (mut link, _) = ward.link(&ward.tls(&pass), first, 1).await.expect("as itself it may");
    let report = wardline_model::Report {
        pump: second,
        at: wardline_hub::state::now(),
        generation: wardline_model::Generation(0),
        therapy: wardline_model::Therapy::Unknown,
        hold: wardline_model::HoldSupport::Grants,
        slots: wardline_model::PerKind::default(),
    };
    link.push(&say(wardline_wire::link::pump_frame::Body::Report((&report).into()))).expect("sent");
    let mut last = hear(&mut link).await;
    // The rule for a misused key holds it for mending meanwhile, and it is told.
    while matches!(&last, Ok(Some(wardline_wire::link::hub_frame::Body::Standing(_)))) {
        last = hear(&mut link).await;
    }
    assert!(matches!(&last, Ok(Some(wardline_wire::link::hub_frame::Body::Close(_)))), "{last:?}");
    ward.running.stop().await;
}
