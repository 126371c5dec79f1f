//! `openssl` and `curl` beside a hub of real processes, and a second pump that is neither simulated nor ours: a key made by
//! OpenSSL, enrolled with a one-time code by curl.

use std::process::Command;

use crate::ward::Ward;

/// The name that the hub's certificate carries.
const HUB: &str = "hub.wardline.internal";

/// What `curl` got.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// Runs `openssl` in the ward's folder; whether it did well, and what it printed.
pub fn openssl(ward: &Ward, args: &[&str]) -> (bool, String) {
    let out = Command::new("openssl").current_dir(ward.folder.path()).args(args).output();
    let out = out.expect("openssl is installed (Debian: openssl)");
    (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr))
}

/// The same, which must do well.
pub fn well(ward: &Ward, args: &[&str]) -> String {
    let (good, said) = openssl(ward, args);
    assert!(good, "openssl {args:?}: {said}");
    said
}

/// Fetches a file over plain HTTP, as a RADIUS server does.
pub fn fetch(ward: &Ward, url: &str, to: &str) -> bool {
    let out = Command::new("curl")
        .current_dir(ward.folder.path())
        .args(["--silent", "--show-error", "--fail", "--max-time", "60", "--output", to, url])
        .output()
        .expect("curl is installed (Debian: curl)");
    out.status.success()
}

/// Makes `<name>.key` and asks for a certificate for it at the enrolment listener; a good answer is left in
/// `<name>.pem`, and its chain in `chain.pem`.
pub fn enrol(ward: &Ward, name: &str, route: &str, who: &[&str]) -> Answer {
    let (key, csr) = (format!("{name}.key"), format!("{name}.csr"));
    well(ward, &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key]);
    let subject = if route == "simplereenroll" {
        // A renewal names what the certificate names (RFC 7030 section 4.2.2).
        let said = well(ward, &["x509", "-in", "pump.pem", "-noout", "-subject", "-nameopt", "compat"]);
        said.trim().trim_start_matches("subject=").trim().to_owned()
    } else {
        "/CN=a pump".to_owned()
    };
    well(ward, &["req", "-new", "-key", &key, "-subj", &subject, "-outform", "DER", "-out", &csr]);
    well(ward, &["base64", "-in", &csr, "-out", "body"]);
    let port = ward.ports[1].to_string();
    let resolve = format!("{HUB}:{port}:127.0.0.1");
    let url = format!("https://{HUB}:{port}/.well-known/est/{route}");
    let out = Command::new("curl")
        .current_dir(ward.folder.path())
        .args(["--silent", "--show-error", "--max-time", "60", "--tlsv1.3", "--resolve", &resolve])
        .args(["--cacert", "wardline-data/hub/keys/root.pem", "--header", "Content-Type: application/pkcs10"])
        .args(["--data-binary", "@body", "--write-out", "\n%{http_code}"])
        .args(who)
        .arg(&url)
        .output()
        .expect("curl is installed (Debian: curl)");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let (body, status) = text.rsplit_once('\n').expect("curl writes the status in a line of its own");
    let answer = Answer { status: status.parse().expect("a status"), body: format!("{body}{said}") };
    if answer.status == 200 {
        std::fs::write(ward.path("p7"), body).expect("written");
        well(ward, &["base64", "-d", "-in", "p7", "-out", "p7.der"]);
        let pem = well(ward, &["pkcs7", "-inform", "DER", "-in", "p7.der", "-print_certs"]);
        std::fs::write(ward.path("printed"), pem).expect("written");
        well(ward, &["x509", "-in", "printed", "-out", &format!("{name}.pem")]);
    }
    answer
}

/// A one-time code for a pump, as curl's credentials.
pub fn code(ward: &Ward, tag: &str, serial: &str) -> String {
    let codes = ward.json(&["enrol", "codes", tag]);
    format!("{serial}:{}", codes["codes"][0]["code"].as_str().expect("a code"))
}

/// The second pump of the ward enrols, and its certificate is good for OpenSSL with nothing but the root and what the hub
/// gives out.
pub fn second_pump(ward: &Ward) {
    let user = code(ward, "P-2", "HX3-2");
    let answer = enrol(ward, "pump", "simpleenroll", &["--user", &user]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let chain: Vec<String> = ["issuing", "chain"]
        .iter()
        .filter_map(|name| std::fs::read_to_string(ward.path(&format!("wardline-data/hub/keys/{name}.pem"))).ok())
        .collect();
    std::fs::write(ward.path("chain.pem"), chain.concat()).expect("written");
    let pass = std::fs::read_to_string(ward.path("pump.pem")).expect("enrolled") + &chain.concat();
    std::fs::write(ward.path("pass.pem"), pass).expect("written");
    let root = "wardline-data/hub/keys/root.pem";
    let verify = ["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", root, "-untrusted", "chain.pem"];
    well(ward, &[&verify[..], &["pump.pem"]].concat());
}

/// What OpenSSL says of the second pump's certificate with the hub's list and its OCSP responder.
pub fn asked_about_the_second_pump(ward: &Ward, status: &str) -> String {
    let root = "wardline-data/hub/keys/root.pem";
    assert!(fetch(ward, &format!("{status}/issuing.crl"), "list.der"), "no list");
    let mut said = well(ward, &["crl", "-inform", "DER", "-in", "list.der", "-out", "list.pem", "-text"]);
    let verify = ["verify", "-crl_check", "-CRLfile", "list.pem", "-CAfile", root, "-untrusted", "chain.pem"];
    said += &openssl(ward, &[&verify[..], &["pump.pem"]].concat()).1;
    let (url, issuer) = (format!("{status}/ocsp"), "wardline-data/hub/keys/issuing.pem");
    let ask = ["ocsp", "-url", &url, "-issuer", issuer, "-CAfile", root, "-verify_other", "chain.pem"];
    let (good, answer) =
        openssl(ward, &[&ask[..], &["-cert", "pump.pem", "-respout", "answer.der", "-resp_text"]].concat());
    assert!(good && answer.contains("Response verify OK"), "{answer}");
    said + &answer
}
