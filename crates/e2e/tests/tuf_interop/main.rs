//! python-tuf, the reference implementation, on the other side: as a client of a repository that we wrote, and as the
//! writer of one that we read.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use ed25519_dalek::SigningKey;
use wardline_e2e::skip;
use wardline_model::{Kind, Span, Time, Version, covers};
use wardline_release::author::{self, Entry, Role, TopRoles};
use wardline_release::client::{Client, Need, Search, Stored};
use wardline_release::therapy;

/// The Python of the tests' own environment, which `cargo xtask test` makes.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("WARDLINE_PY").map(PathBuf::from);
    let found =
        named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/python/bin/python"));
    if found.is_file() {
        return Some(found);
    }
    skip("TUF interoperability", "no Python environment with python-tuf; run `cargo xtask test`");
    None
}

fn run(python: &Path, script: &str, args: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tuf_interop").join(script);
    Command::new(python).arg(script).args(args).output().expect("python starts")
}

fn now() -> Time {
    Time::from_unix_s(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

/// Files over plain HTTP on loopback, as any TUF repository may be served. Ends with the test process.
fn serve(files: BTreeMap<String, Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 1024];
            while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(n) => request.extend_from_slice(&buffer[..n]),
                }
            }
            let line = String::from_utf8_lossy(&request);
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let (status, body) = files.get(&path).map_or(("404 Not Found", &[][..]), |body| ("200 OK", body));
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    place
}

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn role(keys: &[u8], threshold: u32) -> Role {
    Role { keys: keys.iter().map(|n| key(*n).verifying_key().into()).collect(), threshold }
}

/// Our repository: served path to bytes, and the root.
fn ours(signers: &[u8], artifact: &[u8]) -> (BTreeMap<String, Vec<u8>>, Vec<u8>) {
    let expires = now() + Span::from_days(30);
    let top =
        TopRoles { root: role(&[1, 2], 2), timestamp: role(&[3], 1), snapshot: role(&[4], 1), targets: role(&[5], 1) };
    let root = author::root(1, expires, &top).signed_by(&[&key(1), &key(2)]).to_bytes();
    let reference = author::reference(Kind::DrugLibrary, Version(7), artifact);
    let entry = Entry {
        reference,
        entries: Some(1),
        sample: Some("0.5 mg/mL\n\"µ\"".into()),
        notes: String::new(),
        withdrawn: None,
    };
    let mut delegated = author::delegated(1, expires, &[entry]);
    signers.iter().for_each(|n| delegated.sign(&key(*n)));
    let delegated = delegated.to_bytes();
    let targets =
        author::targets(1, expires, &[(Kind::DrugLibrary, role(&[6, 7], 2))]).signed_by(&[&key(5)]).to_bytes();
    let listed: [(&str, u64, &[u8]); 2] = [("targets", 1, &targets), ("drug-library", 1, &delegated)];
    let snapshot = author::snapshot(1, expires, &listed).signed_by(&[&key(4)]).to_bytes();
    let timestamp = author::timestamp(1, expires, (1, &snapshot)).signed_by(&[&key(3)]).to_bytes();
    let files = [
        ("/metadata/1.root.json".to_owned(), root.clone()),
        ("/metadata/1.targets.json".to_owned(), targets),
        ("/metadata/1.drug-library.json".to_owned(), delegated),
        ("/metadata/1.snapshot.json".to_owned(), snapshot),
        ("/metadata/timestamp.json".to_owned(), timestamp),
        (format!("/targets/drug-library/{}.7.json", reference.digest), artifact.to_vec()),
    ];
    (files.into(), root)
}

fn read_by_python(python: &Path, signers: &[u8]) -> (Output, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let (files, root) = ours(signers, b"ours");
    let (root_file, out) = (folder.path().join("root.json"), folder.path().join("out"));
    std::fs::write(&root_file, root).unwrap();
    let url = format!("http://{}", serve(files));
    let args = [root_file.to_str().unwrap(), &url, "drug-library/7.json", out.to_str().unwrap()];
    let output = run(python, "reader.py", &args);
    (output, std::fs::read(out).unwrap_or_default())
}

#[test]
fn python_tuf_reads_what_we_wrote() {
    let Some(python) = python() else { return };
    let (output, downloaded) = read_by_python(&python, &[6, 7]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(downloaded, b"ours");
    let (refused, _) = read_by_python(&python, &[6]);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && why.contains("drug-library was signed by 1/2 keys"), "{why}");
}

#[test]
fn we_read_what_python_tuf_wrote() {
    covers!("N13");
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let output = run(&python, "writer.py", &[folder.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = |name: &str| std::fs::read(folder.path().join(name)).ok();
    let root = file("1.root.json").unwrap();
    let mut client = Client::start(&root, Stored::new(), now()).unwrap();
    while let Need::File { name, .. } = client.need() {
        client.give(file(&name).as_deref()).unwrap();
    }
    let listed = loop {
        match client.search("drug-library/7.json").unwrap() {
            Search::Found(listed) => break listed,
            Search::Needs(Need::File { name, .. }) => drop(client.give(file(&name).as_deref()).unwrap()),
            Search::Needs(Need::Nothing) => {}
            Search::NotListed => panic!("not listed"),
        }
    };
    let artifact = file("artifact").unwrap();
    let asked = author::reference(Kind::DrugLibrary, Version(7), &artifact);
    client.release(&listed, &asked, Version(0)).unwrap();
    let (targets, delegated) = (file("1.targets.json").unwrap(), file("1.drug-library.json").unwrap());
    let bundle = therapy::Bundle { roots: &[], targets: &targets, delegated: &delegated, artifact: &artifact };
    therapy::verify(&root, &bundle, &asked, &therapy::Floors::default()).unwrap();
}
