//! A key in a device signs as well as one here, and a device that answers wrongly makes an error and no certificate.

use std::sync::Mutex;

use der::Decode as _;
use spki::SubjectPublicKeyInfoOwned;

use super::{EcdsaSignature, SignElsewhere, Signer};
use crate::tests::{NOW, pki, serial};
use crate::{Authority, P256Key, PkiError, profile};

/// A device around a key in software, and what it does wrong.
#[derive(Debug)]
struct Device {
    key: P256Key,
    wrong: Wrong,
    last: Mutex<Option<[u8; 64]>>,
}

#[derive(Debug, PartialEq)]
enum Wrong {
    Nothing,
    Gone,
    Zero,
    /// Answers with the signature before this one.
    Late,
}

impl Device {
    fn signer(key: P256Key, wrong: Wrong) -> Signer {
        Signer::elsewhere(Box::new(Self { key, wrong, last: Mutex::new(None) })).unwrap()
    }
}

impl SignElsewhere for Device {
    fn spki(&self) -> &SubjectPublicKeyInfoOwned {
        self.key.spki()
    }

    fn sign_digest(&self, digest: &[u8; 32]) -> Result<[u8; 64], PkiError> {
        self.check()?;
        // aws-lc hashes itself; a raw signature over a digest is made with the same private key by another library.
        let raw = crate::tests::sign_raw(&self.key, digest);
        let before = self.last.lock().unwrap().replace(raw);
        Ok(match self.wrong {
            Wrong::Zero => [0; 64],
            Wrong::Late => before.unwrap_or(raw),
            Wrong::Nothing | Wrong::Gone => raw,
        })
    }

    fn check(&self) -> Result<(), PkiError> {
        if self.wrong == Wrong::Gone {
            return Err(PkiError::Elsewhere("the token is gone".into()));
        }
        Ok(())
    }
}

#[test]
fn a_ca_whose_key_is_in_a_device_signs_as_one_here() {
    let pki = pki();
    let key = P256Key::generate().unwrap();
    let content = profile::issuing(key.spki(), "In a device", "St. Elsewhere").unwrap();
    let cert = pki.root.sign(&content, &serial(7), NOW).unwrap();
    let ca = Authority::new(cert, Device::signer(key, Wrong::Nothing)).unwrap();
    assert!(ca.key().is_elsewhere() && ca.key().software().is_none());
    let pump = P256Key::generate().unwrap();
    let leaf = ca.sign(&profile::server(pump.spki(), &["hub"], &[]).unwrap(), &serial(8), NOW).unwrap();
    leaf.verify_issued_by(ca.cert()).unwrap();
    let list = ca.sign_crl(1, &[], NOW, NOW).unwrap();
    assert_eq!(crate::crl::parse(&list, ca.cert(), NOW).unwrap().number, 1);
}

#[test]
fn a_device_that_answers_wrongly_makes_no_certificate() {
    let pki = pki();
    let ca = |wrong| {
        let key = P256Key::generate().unwrap();
        let content = profile::issuing(key.spki(), "In a device", "St. Elsewhere").unwrap();
        Authority::new(pki.root.sign(&content, &serial(7), NOW).unwrap(), Device::signer(key, wrong)).unwrap()
    };
    let pump = P256Key::generate().unwrap();
    let content = profile::server(pump.spki(), &["hub"], &[]).unwrap();
    let sign = |ca: &Authority, n| ca.sign(&content, &serial(n), NOW);
    assert_eq!(sign(&ca(Wrong::Gone), 1), Err(PkiError::Elsewhere("the token is gone".into())));
    assert!(matches!(sign(&ca(Wrong::Zero), 1), Err(PkiError::Signature(_))));
    let late = ca(Wrong::Late);
    sign(&late, 1).expect("the first answer is right");
    assert!(matches!(sign(&late, 2), Err(PkiError::Signature(_))));
    assert!(matches!(late.sign_crl(1, &[], NOW, NOW), Err(PkiError::Signature(_))));
}

#[test]
fn small_and_large_halves_of_a_signature_are_written_as_positive_integers() {
    for first in [0x00, 0x01, 0x7f, 0x80, 0xff] {
        let mut raw = [0x11; 64];
        (raw[0], raw[32]) = (first, first);
        let der = super::asn1(&raw).unwrap();
        let back = EcdsaSignature::from_der(&der).unwrap();
        let tail = |bytes: &[u8]| bytes.iter().rev().take(31).all(|b| *b == 0x11);
        assert!(tail(back.r.as_bytes()) && tail(back.s.as_bytes()));
        assert_eq!(back.r.as_bytes().len(), if first == 0 { 31 } else { 32 });
    }
}
