//! Chains of a fleet between two roots, judged by OpenSSL in its strict mode.

use wardline_model::Span;

use super::Crosses;
use crate::profile;
use crate::strict::{self, Usage};
use crate::tests::{NOW, Pki, names, openssl, pki, request, serial};
use crate::{Authority, Cert, Csr, P256Key, PkiError};

/// The moment of the roll-over: the old root is ten years old.
const LATER: wardline_model::Time = wardline_model::Time::from_unix_s(NOW.as_unix_s() + 3_000 * 86_400);

/// A second fleet root with its issuing CA, made later.
fn next() -> Pki {
    let key = P256Key::generate().unwrap();
    let content = profile::root(key.spki(), "Test root 2", "St. Elsewhere").unwrap();
    let root = Authority::self_signed(&content, key, &serial(11), LATER).unwrap();
    let key = P256Key::generate().unwrap();
    let content = profile::issuing(key.spki(), "Test issuing 2", "St. Elsewhere").unwrap();
    let issuing = Authority::new(root.sign(&content, &serial(12), LATER).unwrap(), key).unwrap();
    Pki { root, issuing }
}

fn crosses(old: &Pki, new: &Pki) -> Crosses {
    Crosses::sign(&old.root, &new.root, [&serial(21), &serial(22)], LATER).unwrap()
}

#[test]
fn openssl_finds_its_way_from_either_root_to_either_certificate() {
    let (old, new) = (pki(), next());
    let Crosses { old_with_new, new_with_old } = crosses(&old, &new);
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let algorithm = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let csr = Csr::parse(&request(dir, &algorithm)).unwrap();
    let pump = |pki: &Pki, n| pki.issuing.sign(&profile::pump(&csr, &names()).unwrap(), &serial(n), LATER).unwrap();
    let put = |name: &str, certs: &[&Cert]| {
        let text: String = certs.iter().map(|cert| cert.to_pem()).collect();
        std::fs::write(dir.join(name), text).unwrap();
    };
    put("old.pem", &[old.root.cert()]);
    put("new.pem", &[new.root.cert()]);
    put("old-pump.pem", &[&pump(&old, 31)]);
    put("new-pump.pem", &[&pump(&new, 32)]);
    put("old-path.pem", &[old.issuing.cert()]);
    put("new-path.pem", &[new.issuing.cert()]);
    put("old-path-to-new.pem", &[old.issuing.cert(), &old_with_new]);
    put("new-path-to-old.pem", &[new.issuing.cert(), &new_with_old]);

    let at = LATER.as_unix_s().to_string();
    let verify = |root: &str, path: &str, leaf: &str| {
        let (good, said) = openssl(
            dir,
            &[
                "verify",
                "-x509_strict",
                "-purpose",
                "sslclient",
                "-attime",
                &at,
                "-CAfile",
                root,
                "-untrusted",
                path,
                leaf,
            ],
        );
        assert_eq!(good, said.contains(": OK"), "{said}");
        good
    };
    assert!(verify("old.pem", "old-path.pem", "old-pump.pem"));
    assert!(verify("new.pem", "new-path.pem", "new-pump.pem"));
    assert!(verify("new.pem", "old-path-to-new.pem", "old-pump.pem"), "OldWithNew");
    assert!(verify("old.pem", "new-path-to-old.pem", "new-pump.pem"), "NewWithOld");
    // And without the cross certificates there is no way.
    assert!(!verify("new.pem", "old-path.pem", "old-pump.pem"));
    assert!(!verify("old.pem", "new-path.pem", "new-pump.pem"));

    let chain = [&pump(&new, 32), new.issuing.cert(), &new_with_old, old.root.cert()];
    assert_eq!(strict::chain(&chain, Usage::Pump, LATER), Ok(()));
    let chain = [&pump(&old, 31), old.issuing.cert(), &old_with_new, new.root.cert()];
    assert_eq!(strict::chain(&chain, Usage::Pump, LATER), Ok(()));
}

#[test]
fn the_dates_are_those_of_the_rfc() {
    let (old, new) = (pki(), next());
    let Crosses { old_with_new, new_with_old } = crosses(&old, &new);
    assert_eq!(old_with_new.not_before(), old.root.cert().not_before());
    assert_eq!(old_with_new.not_after(), old.root.cert().not_after());
    assert_eq!(new_with_old.not_before(), new.root.cert().not_before());
    assert_eq!(new_with_old.not_after(), old.root.cert().not_after(), "never longer than the root that signed it");
    assert!(new.root.cert().not_after() > old.root.cert().not_after());
}

#[test]
fn what_is_no_change_of_roots_is_refused() {
    let (old, new) = (pki(), next());
    let refused = |old: &Authority, new: &Authority, at| {
        Crosses::sign(old, new, [&serial(1), &serial(2)], at).expect_err("no change of roots").to_string()
    };
    assert!(refused(&old.root, &pki().root, LATER).contains("another name"));
    let dates = (new.issuing.cert().not_before(), new.issuing.cert().not_after());
    assert!(profile::cross(new.issuing.cert(), dates).expect_err("no root").to_string().contains("only a root"));
    assert!(refused(&new.root, &old.root, LATER).contains("end before"));
    let over = old.root.cert().not_after() + Span::from_s(1);
    assert!(matches!(
        Crosses::sign(&old.root, &new.root, [&serial(1), &serial(2)], over),
        Err(PkiError::Refused("the CA's own certificate is not valid at this moment; renew the CA"))
    ));
}
