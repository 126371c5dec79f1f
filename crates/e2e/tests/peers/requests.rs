//! Requests to enrolment that are malformed, too long, of the wrong kind or too slow: a status, a sentence, a record, and
//! nothing half made.

use expect_test::expect;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wardline_hub::config::Limits;
use wardline_model::covers;

use super::ward::Ward;

/// Requests by `openssl`, each wrong in one way, as files.
fn make(ward: &Ward) {
    let write = |name: &str, bytes: &[u8]| std::fs::write(ward.path(name), bytes).expect("written");
    ward.request("good", "/CN=H3-000001");
    let der = std::fs::read(ward.path("good.der")).expect("a request");
    write("nothing", b"");
    write("text", b"please enrol me\n");
    write("garbage", &[&[0x30, 0x82, 0x01, 0x00][..], &[0xa5; 256]].concat());
    write("cut", &der[..der.len() - 9]);
    write("longer", &[&der[..], &[0]].concat());
    let mut forged = der.clone();
    let at = forged.len() - 1;
    forged[at] ^= 1;
    write("forged", &forged);
    write("huge", &vec![b'A'; 9_000]);
    for (name, algorithm, option) in [
        ("rsa-1024", "RSA", "rsa_keygen_bits:1024"),
        ("rsa-2048", "RSA", "rsa_keygen_bits:2048"),
        ("p-384", "EC", "ec_paramgen_curve:P-384"),
    ] {
        ward.openssl(&["genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", "odd.key"]);
        ward.openssl(&["req", "-new", "-key", "odd.key", "-subj", "/CN=odd", "-outform", "DER", "-out", name]);
    }
    for (name, extension) in
        [("authority", "basicConstraints=critical,CA:TRUE"), ("signer", "keyUsage=keyCertSign,cRLSign")]
    {
        let args =
            ["req", "-new", "-key", "good.key", "-subj", "/CN=ca", "-addext", extension, "-outform", "DER", "-out"];
        ward.openssl(&[&args[..], &[name]].concat());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_request_gets_its_status_and_sentence_and_leaves_nothing_behind() {
    covers!("N14");
    let ward = Ward::open().await;
    make(&ward);
    let birth = ward.birth("H3-000001");
    let mut seen = String::new();
    let names = [
        "nothing",
        "text",
        "garbage",
        "cut",
        "longer",
        "forged",
        "huge",
        "rsa-1024",
        "rsa-2048",
        "p-384",
        "authority",
        "signer",
    ];
    for name in names {
        let answer = ward.enrol("simpleenroll", &ward.path(name), Some(&birth), &[]);
        let mut said = answer.body.trim().to_owned();
        if matches!(name, "cut" | "longer") {
            // A signature's length varies, and with it the numbers.
            said = said
                .split(' ')
                .filter(|word| !word.contains(|c: char| c.is_ascii_digit()))
                .collect::<Vec<_>>()
                .join(" ");
        }
        seen.push_str(&format!("{name}: {} {said}\n", answer.status));
    }
    for kind in ["application/x-www-form-urlencoded", "text/html; charset=utf-8"] {
        let data = format!("@{}", ward.path("good.csr").display());
        let args = ["--header", &format!("Content-Type: {kind}"), "--data-binary", &data];
        let answer = ward.curl("/.well-known/est/simpleenroll", Some(&birth), &args);
        seen.push_str(&format!("as {kind}: {} {}\n", answer.status, answer.body.trim()));
    }
    expect![[r#"
        nothing: 400 the certificate request cannot be read: it is empty
        text: 400 the certificate request cannot be read: its base64 text is wrong (Invalid input length: 13)
        garbage: 400 the certificate request cannot be read: incorrect length for CONTEXT-SPECIFIC [5] (constructed) at DER byte 2
        cut: 400 the certificate request cannot be read: DER message is incomplete: expected actual at DER byte
        longer: 400 the certificate request cannot be read: trailing data at end of DER message: decoded bytes, bytes remaining at DER byte
        forged: 400 the signature on the certificate request does not verify
        huge: 413 the request is longer than 8192 bytes; a certificate request has about 400
        rsa-1024: 400 the certificate request cannot be read: only P-256 keys with ecdsa-with-SHA256 are accepted
        rsa-2048: 400 the certificate request cannot be read: only P-256 keys with ecdsa-with-SHA256 are accepted
        p-384: 400 the certificate request cannot be read: only P-256 keys with ecdsa-with-SHA256 are accepted
        authority: 400 cannot issue: the request asks to be a certificate authority, and a pump is none
        signer: 400 cannot issue: the request asks to be a certificate authority, and a pump is none
        as application/x-www-form-urlencoded: 415 the content type is application/x-www-form-urlencoded; send a certificate request as application/pkcs10
        as text/html; charset=utf-8: 415 the content type is text/html; charset=utf-8; send a certificate request as application/pkcs10
    "#]]
    .assert_eq(&seen);
    let refusals = ward.refusals().await;
    let kept =
        |word: &str| refusals.iter().filter(|r| r.starts_with(&format!("enrolment.refused | {word}: serial"))).count();
    assert_eq!((kept("bad-request"), kept("too-large"), kept("wrong-content-type")), (11, 1, 2), "{refusals:#?}");
    assert_eq!(ward.standing(ward.pumps[0]).await, (0, "expected".into()), "nothing was made");
    // The same peer with a good request is welcome; the transfer encoding is optional (RFC 8951).
    for headers in [&[][..], &["--header", "Content-Transfer-Encoding: base64"][..]] {
        let answer = ward.enrol("simpleenroll", &ward.path("good.csr"), Some(&birth), headers);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    ward.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let ward = Ward::with(Limits { request_s: 1, ..Limits::default() }).await;
    let birth = ward.birth("H3-000001");
    let mut stream = super::crowd::shaken(&ward, ward.running.est_addr, Some(&birth)).await;
    let head = "POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: hub.wardline.internal\r\n\
                Content-Type: application/pkcs10\r\nContent-Length: 400\r\n\r\nMIIB";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    // The hub answers and ends the connection; a missing close_notify is no matter here.
    let read = tokio::time::timeout(wardline_e2e::PATIENCE, stream.read_to_string(&mut answer)).await;
    assert!(read.is_ok(), "the connection stayed open");
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("the request took too long"), "{answer}");
    ward.until_refused("enrolment.refused | slow-request: serial H3-000001").await;
    assert_eq!(ward.standing(ward.pumps[0]).await, (0, "expected".into()));
    ward.running.stop().await;
}
