//! A hospital's authority made with OpenSSL answers our request rightly and in every wrong way.

use std::path::Path;

use super::{Subordinate, Wrong, read_file};
use crate::tests::{NOW, openssl};
use crate::{Authority, Cert, P256Key, Signer, profile, request, strict};

const EXTENSIONS: &str = "\
[root]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n\
[policy]\nbasicConstraints=critical,CA:TRUE,pathlen:1\nkeyUsage=critical,keyCertSign,cRLSign\n\
subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
[last]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n\
subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
[sub]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,digitalSignature,keyCertSign,cRLSign\n\
subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
[nolist]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n\
subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
[leaf]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
[noid]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n\
subjectKeyIdentifier=hash\nauthorityKeyIdentifier=none\n";

/// A hospital's PKI: an RSA root, a P-384 policy authority below it, and our request.
struct Hospital {
    folder: tempfile::TempDir,
    ours: Signer,
}

impl Hospital {
    fn open() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), ours: P256Key::generate().unwrap().into() };
        std::fs::write(place.path().join("ext"), EXTENSIONS).unwrap();
        let csr = request::issuing(&place.ours, "Wardline issuing CA", "St. Elsewhere").unwrap();
        std::fs::write(place.path().join("ours.csr"), csr).unwrap();
        place.run(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "root.key"]);
        place.run(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", "policy.key"]);
        for (name, subject) in [("root", "/O=St. Elsewhere/CN=Hospital root"), ("policy", "/O=St. Elsewhere/CN=Policy")]
        {
            let (key, csr) = (format!("{name}.key"), format!("{name}.csr"));
            place.run(&["req", "-new", "-key", &key, "-subj", subject, "-out", &csr]);
        }
        place.run(
            &[&["x509", "-req", "-in", "root.csr", "-signkey", "root.key", "-out", "root"], LONG, &["root"]].concat(),
        );
        place.signs("policy.csr", "root", "policy", "policy", "-sha384");
        place
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, args: &[&str]) {
        let (good, said) = openssl(self.path(), args);
        assert!(good, "{args:?}: {said}");
    }

    /// `by` answers a request with these extensions, into the file `out`.
    fn signs(&self, csr: &str, by: &str, extensions: &str, out: &str, hash: &str) -> Cert {
        let key = format!("{by}.key");
        let sign = ["x509", "-req", "-in", csr, "-CA", by, "-CAkey", &key, "-CAcreateserial", "-out", out, hash];
        self.run(&[&sign[..], LONG, &[extensions]].concat());
        self.cert(out)
    }

    fn cert(&self, name: &str) -> Cert {
        Cert::from_pem(&std::fs::read_to_string(self.path().join(name)).unwrap()).unwrap()
    }

    fn check(&self, cert: Cert, others: &[Cert]) -> Result<Subordinate, Wrong> {
        Subordinate::check(cert, others, self.cert("root"), self.ours.spki(), today())
    }
}

const LONG: &[&str] = &["-days", "3650", "-extfile", "ext", "-extensions"];

/// OpenSSL 3.0 dates what it signs today.
fn today() -> wardline_model::Time {
    wardline_model::Time::from_unix_s(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() + 60)
}

#[test]
fn our_request_asks_for_what_an_issuing_ca_needs_as_openssl_reads_it() {
    let place = Hospital::open();
    let (good, text) = openssl(place.path(), &["req", "-in", "ours.csr", "-noout", "-verify", "-text"]);
    assert!(good, "{text}");
    for words in ["CA:TRUE, pathlen:0", "Certificate Sign, CRL Sign", "O = St. Elsewhere, CN = Wardline issuing CA"] {
        assert!(text.contains(words), "{words} is missing in {text}");
    }
    assert_eq!(text.matches("critical").count(), 2, "{text}");
}

#[test]
fn a_hospitals_rsa_root_and_p384_policy_authority_carry_our_certificates() {
    let place = Hospital::open();
    let cert = place.signs("ours.csr", "policy", "sub", "ours", "-sha384");
    let found = place.check(cert, &[place.cert("root"), place.cert("policy")]).expect("good");
    assert_eq!(found.between(), [place.cert("policy")]);
    let Hospital { folder, ours } = place;
    let ca = Authority::new(found.cert().clone(), ours).unwrap();
    let key = P256Key::generate().unwrap();
    let content = profile::server(key.spki(), &["hub.wardline.internal"], &[]).unwrap();
    let leaf = ca.sign(&content, &crate::tests::serial(3), today()).unwrap();
    let chain = [&leaf, ca.cert(), &found.between()[0], found.root()];
    strict::chain(&chain, strict::Usage::Server, today()).expect("key identifiers meet, whatever rule made them");
    std::fs::write(folder.path().join("leaf"), leaf.to_pem()).unwrap();
    let untrusted = found.between()[0].to_pem() + &ca.cert().to_pem();
    std::fs::write(folder.path().join("untrusted"), untrusted).unwrap();
    let verify =
        ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "root", "-untrusted", "untrusted", "leaf"];
    let (good, said) = openssl(folder.path(), &verify);
    assert!(good, "{said}");
}

#[test]
fn each_wrong_answer_is_refused_by_what_is_wrong_with_it() {
    let place = Hospital::open();
    let policy = [place.cert("policy")];
    let sign = |extensions| place.signs("ours.csr", "policy", extensions, "wrong", "-sha384");
    assert_eq!(place.check(sign("leaf"), &policy), Err(Wrong::NotAuthority));
    assert_eq!(place.check(sign("nolist"), &policy), Err(Wrong::NotAuthority));
    assert_eq!(place.check(sign("noid"), &policy), Err(Wrong::NoKeyId));
    assert!(matches!(place.check(sign("sub"), &[]), Err(Wrong::Missing { .. })));
    assert_eq!(place.check(place.signs("policy.csr", "root", "sub", "wrong", "-sha256"), &policy), Err(Wrong::Key));
    let short = ["-days", "60", "-extfile", "ext", "-extensions", "sub"];
    let sign =
        ["x509", "-req", "-in", "ours.csr", "-CA", "root", "-CAkey", "root.key", "-CAcreateserial", "-out", "short"];
    place.run(&[&sign[..], &short[..]].concat());
    assert!(matches!(place.check(place.cert("short"), &[]), Err(Wrong::EndsSoon(_))));
    let late = today() + wardline_model::Span::from_days(4000);
    let root = place.cert("root");
    let judged = Subordinate::check(place.cert("short"), &[], root, place.ours.spki(), late);
    assert!(matches!(judged, Err(Wrong::Dates(_))), "{judged:?}");
    assert!(NOW < late);
}

#[test]
fn a_policy_authority_that_allows_none_below_it_is_seen() {
    let place = Hospital::open();
    place.signs("policy.csr", "root", "last", "policy", "-sha256");
    let cert = place.signs("ours.csr", "policy", "sub", "ours", "-sha384");
    assert!(matches!(place.check(cert, &[place.cert("policy")]), Err(Wrong::PathLength(_, 0, 1))));
}

#[test]
fn an_authority_of_the_same_name_with_another_key_carries_nothing() {
    let place = Hospital::open();
    let cert = place.signs("ours.csr", "policy", "sub", "ours", "-sha384");
    let other = Hospital::open();
    let judged = place.check(cert, &[other.cert("policy")]);
    assert!(matches!(judged, Err(Wrong::Chain { .. })), "{judged:?}");
}

#[test]
fn a_file_of_certificates_is_pem_blocks_or_der() {
    let place = Hospital::open();
    let two = place.cert("root").to_pem() + "text between\n" + &place.cert("policy").to_pem();
    assert_eq!(read_file(two.as_bytes()).unwrap(), [place.cert("root"), place.cert("policy")]);
    assert_eq!(read_file(place.cert("root").der()).unwrap(), [place.cert("root")]);
    assert!(read_file(b"nothing").is_err() && read_file(&[]).is_err() && read_file(&[0x30]).is_err());
    assert!(read_file(&vec![b'a'; 1 << 20]).is_err());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2000)) {
        let _ = read_file(&bytes);
    }
}
