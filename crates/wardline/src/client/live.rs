//! The client against a real TLS listener: the pinned authority, the token, and what happens with another hub.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use wardline_api::RouteId;

use super::Client;
use crate::fault::report;
use crate::login::Kept;

/// Starts a hub that answers one call with `answer` and returns the request's head. Its authority's PEM comes first.
fn hub(answer: &'static str) -> (String, u16, thread::JoinHandle<String>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = BufReader::new(rustls::StreamOwned::new(connection, socket));
        let mut head = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        let _ = stream.read_exact(&mut body);
        let _ = stream.get_mut().write_all(answer.as_bytes());
        let _ = stream.get_mut().flush();
        head + &String::from_utf8_lossy(&body)
    });
    (authority.pem(), port, served)
}

fn kept(ca: String, port: u16) -> Kept {
    Kept { hub: format!("https://localhost:{port}"), ca, token: "secret-token".into() }
}

#[test]
fn a_call_carries_the_token_and_comes_back_as_json() {
    let (ca, port, served) = hub("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"yes\":true}");
    let client = Client::new(&kept(ca, port)).unwrap();
    let answer = client.get(RouteId::ApiPumps, &[], &[("search", "P 1".into())]);
    let head = served.join().unwrap();
    assert!(head.starts_with("GET /api/v1/pumps?search=P%201 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer secret-token\r\n"), "{head}");
    assert_eq!(answer.unwrap()["yes"], true);
}

#[test]
fn a_refusal_ends_with_the_code_for_it() {
    let (ca, port, served) = hub(
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 56\r\n\r\n{\"code\":\"forbidden\",\"message\":\"ask an administrator\"}   ",
    );
    let error = Client::new(&kept(ca, port)).unwrap().act(RouteId::ApiAuditVerify, &[]).unwrap_err();
    served.join().unwrap();
    assert_eq!(error.to_string(), "ask an administrator");
    assert_eq!(report(&error), std::process::ExitCode::from(4));
}

#[test]
fn another_hub_never_sees_the_token() {
    let (_, port, served) = hub("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    let (other_ca, _, other) = hub("");
    let error = Client::new(&kept(other_ca, port)).unwrap().get(RouteId::ApiWhoAmI, &[], &[]).unwrap_err();
    assert_eq!(report(&error), std::process::ExitCode::from(5));
    assert!(error.to_string().contains("another hub"), "{error}");
    assert!(!served.join().unwrap().contains("secret-token"));
    drop(other);
}
