//! What an operator may write about the place of a key, and what is said when it cannot work.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::{CaKeys, KeyPlace, TokenKey};

fn token(key: &str) -> TokenKey {
    TokenKey {
        module: "/usr/lib/softhsm/libsofthsm2.so".into(),
        token: "wardline".into(),
        key: key.into(),
        pin_file: Some("/etc/wardline/pin".into()),
        pin_env: None,
    }
}

#[test]
fn the_words_of_the_file_are_those_of_the_manual_and_nothing_means_sealed() {
    let text = r#"{"issuing": {"pkcs11": {"module": "/usr/lib/softhsm/libsofthsm2.so", "token": "wardline",
        "key": "issuing", "pin_file": "/etc/wardline/pin"}}}"#;
    let read: CaKeys = serde_json::from_str(text).unwrap();
    assert_eq!(read, CaKeys { root: KeyPlace::Sealed, issuing: KeyPlace::Pkcs11(token("issuing")) });
    assert_eq!(read.check(), Ok(()));
    assert_eq!(serde_json::from_str::<CaKeys>("{}").unwrap(), CaKeys::default());
    assert_eq!(read.of("root"), KeyPlace::Sealed);
    assert_eq!(read.of("issuing"), KeyPlace::Pkcs11(token("issuing")));
    assert_eq!(read.of("issuing-2"), KeyPlace::Pkcs11(token("issuing-2")), "each authority has a key of its own");
    assert!(serde_json::from_str::<CaKeys>(r#"{"issuing": {"pkcs11": {"modul": "/x"}}}"#).is_err());
}

#[test]
fn what_cannot_work_is_said_by_field() {
    type Change = fn(&mut TokenKey);
    let cases: [(&str, Change); 4] = [
        ("module", |t| t.module = PathBuf::from("softhsm2.so")),
        ("token", |t| t.token = "x".repeat(33)),
        ("key", |t| t.key = String::new()),
        ("pin_file and pin_env", |t| t.pin_env = Some("PIN".into())),
    ];
    for (word, change) in cases {
        let mut key = token("issuing");
        change(&mut key);
        let said = CaKeys { issuing: KeyPlace::Pkcs11(key), ..CaKeys::default() }.check().unwrap_err();
        assert!(said.contains(word) && said.contains("ca_key.issuing"), "{word}: {said}");
    }
    let both = CaKeys { root: KeyPlace::Pkcs11(token("one")), issuing: KeyPlace::Pkcs11(token("one")) };
    assert!(both.check().is_err_and(|why| why.contains("two keys")));
}

#[test]
fn a_pin_file_is_its_owners_only_and_its_last_line_end_is_no_part_of_the_pin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pin");
    let key = TokenKey { pin_file: Some(path.clone()), ..token("issuing") };
    assert!(key.pin().is_err(), "it is not there");
    std::fs::write(&path, "1234\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(key.pin().is_err_and(|why| why.contains("chmod 600")));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(key.pin().unwrap().as_str(), "1234");
    std::fs::write(&path, "\n").unwrap();
    assert!(key.pin().is_err_and(|why| why.contains("empty")));
    std::fs::write(&path, "1".repeat(258)).unwrap();
    assert!(key.pin().is_err_and(|why| why.contains("longer")));
}
