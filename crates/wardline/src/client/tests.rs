//! Addresses and targets, byte by byte.

use super::{host_and_port, target, understand};

#[test]
fn only_https_addresses_without_a_path_are_hubs() {
    assert_eq!(host_and_port("https://localhost:7445").unwrap(), ("localhost".into(), 7445));
    assert_eq!(host_and_port("https://hub.example/").unwrap(), ("hub.example".into(), 443));
    assert_eq!(host_and_port("https://[::1]:7445").unwrap(), ("::1".into(), 7445));
    for wrong in ["http://localhost:7445", "localhost:7445", "https://", "https://a@b", "https://a/b", "https://a:x"] {
        assert!(host_and_port(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_people_type_never_becomes_another_path() {
    let parts = ["../accounts?x=1#y"];
    assert_eq!(target("/api/v1/pumps/{pump}/release", &parts, &[]), "/api/v1/pumps/..%2Faccounts%3Fx%3D1%23y/release");
    let query = [("search", "a&b=c d".to_owned()), ("page", "2".to_owned())];
    assert_eq!(target("/api/v1/pumps", &[], &query), "/api/v1/pumps?search=a%26b%3Dc%20d&page=2");
}

#[test]
fn a_refusal_is_told_in_the_hubs_own_words() {
    let body = br#"{"code":"forbidden","message":"the role viewer may not retire: ask biomed or administrator"}"#;
    let said = understand(403, body, "POST /x").unwrap_err().to_string();
    assert_eq!(said, "the role viewer may not retire: ask biomed or administrator");
    assert!(understand(502, b"<html>", "GET /x").unwrap_err().to_string().contains("status 502"));
    assert!(understand(204, b"", "GET /x").unwrap().is_null());
}
