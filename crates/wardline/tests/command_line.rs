//! The real program, as a hospital would use it: prepare, serve, import, take down, give back, verify, back up, restore.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use wardline_model::covers;

use support::free_ports;

fn wardline(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wardline"))
        .current_dir(folder)
        .env("WARDLINE_LOGIN", folder.join("login.json"))
        .env_remove("WARDLINE_TOKEN")
        .args(args)
        .output()
        .unwrap()
}

/// Runs a command that must do well; gives what it printed.
fn well(folder: &Path, args: &[&str]) -> String {
    let output = wardline(folder, args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{args:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// Runs a command that must end with this code; gives what it said on standard error.
fn ends(folder: &Path, code: i32, args: &[&str]) -> String {
    let output = wardline(folder, args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    said
}

/// A hub that is ended in order when the test is done with it, and killed when the test fails.
struct Serving(Child);

impl Serving {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wardline"))
            .current_dir(folder)
            .arg("serve")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.map_while(Result::ok).any(|line| line.starts_with("console"));
        let serving = Self(child);
        assert!(ready, "the hub ended before it listened");
        serving
    }

    fn stop(mut self) {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_hospital_is_run_from_the_command_line() {
    covers!("N8", "N11");
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let base = free_ports();
    let place = |offset: u16| format!("127.0.0.1:{}", base + offset);
    let (link, est, console) = (place(0), place(1), place(2));
    let init = ["init", "--hospital", "St. Elsewhere", "--link", &link, "--est", &est, "--console", &console];
    assert!(well(at, &init).contains("/sign-in/once?token="));
    assert!(ends(at, 1, &init).contains("holds a hub already"));
    let token = well(at, &["token", "create", "test", "--role", "administrator", "--data", "wardline-data"]);
    let viewer = well(at, &["token", "create", "eyes", "--role", "viewer", "--data", "wardline-data"]);

    let serving = Serving::start(at);
    let hub = format!("https://localhost:{}", base + 2);
    let ca = "wardline-data/hub/keys/root.pem";
    ends(at, 4, &["pumps"]);
    well(at, &["login", "--hub", &hub, "--ca", ca, "--token", token.trim()]);
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/pump-manifest.csv");
    assert!(well(at, &["pumps", "import", list]).contains("24 pumps are expected now"));
    assert!(ends(at, 6, &["pumps", "import", list]).contains("is on the list already"));
    assert!(well(at, &["pumps", "--search", "intensive P-0001"]).contains("1 of 1 pumps"));

    let down = well(at, &["quarantine", "P-0007", "HX3-007009", "--reason", "scans the network"]);
    assert!(down.contains("2 pumps") && down.contains("Therapy is not touched"), "{down}");
    assert!(well(at, &["pump", "show", "P-0007"]).contains("scans the network"));
    assert!(ends(at, 4, &["pump", "retire", "P-0007", "--reason", "x", "--token", viewer.trim()]).contains("viewer"));
    well(at, &["quarantine", "P-0007", "P-0009", "--undo", "--reason", "clean"]);
    well(at, &["enrol", "codes", "P-0011"]);
    let status: serde_json::Value = serde_json::from_str(&well(at, &["enrol", "status", "--json"])).unwrap();
    let code = status["codes"][0]["id"].as_str().unwrap().to_owned();
    assert!(ends(at, 4, &["enrol", "withdraw", &code, "--token", viewer.trim()]).contains("viewer"));
    assert!(well(at, &["enrol", "withdraw", &code]).contains("works no more"));
    assert!(ends(at, 3, &["enrol", "withdraw", &code]).contains(&code));
    assert!(well(at, &["audit", "list", "--pump", "P-0011"]).contains("enrolment-code.withdraw"));
    let never = ends(at, 1, &["pump", "re-enrol", "P-0011", "--reason", "repaired"]);
    assert!(never.contains("expected"), "a pump that never enrolled has nothing to give up: {never}");
    assert!(ends(at, 3, &["pump", "show", "P-9999"]).contains("P-9999"));
    assert!(well(at, &["audit", "list", "--pump", "P-0007"]).contains("scans the network"));
    assert!(well(at, &["audit", "verify"]).contains("intact"));
    let json: serde_json::Value = serde_json::from_str(&well(at, &["pumps", "--json", "--size", "500"])).unwrap();
    assert_eq!(json["total"], 24);
    assert!(well(at, &["backup", "--to", "running.wardline"]).contains("rows"), "while the hub runs");
    serving.stop();

    assert!(well(at, &["audit", "verify", "--data", "wardline-data"]).contains("intact"));
    assert!(ends(at, 5, &["pumps"]).contains("wardline serve"));
    well(at, &["keys", "rotate", "--master", "--reason", "yearly"]);
    root_key_goes_and_comes_back(at);
    well(at, &["backup", "--to", "monday.wardline"]);
    let database = at.join("wardline-data/hub");
    for entry in std::fs::read_dir(&database).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("hub.db") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    assert!(well(at, &["restore", "--from", "monday.wardline"]).contains("audit trail is intact"));
    assert!(ends(at, 1, &["restore", "--from", "monday.wardline"]).contains("exists already"));
    let serving = Serving::start(at);
    assert!(well(at, &["audit", "list", "--pump", "P-0007"]).contains("scans the network"));
    serving.stop();
}

/// The fleet's root key leaves the hub into a file with a passphrase and comes back only with it; it leaves again, and the
/// hub that is started afterwards does without it.
fn root_key_goes_and_comes_back(at: &Path) {
    let kept = at.join("wardline-data/hub/keys/root.sealed");
    std::fs::write(at.join("right.txt"), "correct horse battery\n").unwrap();
    std::fs::write(at.join("wrong.txt"), "incorrect horse battery\n").unwrap();
    let act = |verb: [&str; 3], passphrase: &'static str| {
        let [act, way, file] = verb.map(str::to_owned);
        let words = ["keys", "root", &act, &way, &file, "--reason", "into the safe", "--passphrase-file", passphrase];
        wardline(at, &words)
    };
    let code = |output: Output| output.status.code();
    assert_eq!(code(act(["export", "--to", "root.key"], "right.txt")), Some(0));
    assert!(!kept.exists(), "it left the hub");
    assert_eq!(code(act(["export", "--to", "again.key"], "right.txt")), Some(1), "it is not here twice");
    assert_eq!(code(act(["import", "--from", "root.key"], "wrong.txt")), Some(4));
    assert!(!kept.exists());
    assert_eq!(code(act(["import", "--from", "root.key"], "right.txt")), Some(0));
    assert!(kept.exists(), "it is back");
    assert_eq!(code(act(["export", "--to", "root.key"], "right.txt")), Some(1), "nothing is written over");
    assert_eq!(code(act(["export", "--to", "later.key"], "right.txt")), Some(0));
}

/// Which file a name stands for: another one after it was replaced.
fn identity(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|file| file.ino())
}

#[test]
fn a_change_of_keys_that_is_killed_anywhere_loses_nothing_and_the_next_one_ends_it() {
    covers!("N11");
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    well(at, &["init", "--hospital", "St. Elsewhere"]);
    let keys = at.join("wardline-data/hub/keys");
    // Killed when the new key is on the disk, when the first and the last key file are sealed under it, and at the end.
    for file in ["master.key.next", "audit.sealed", "goal.sealed", "issuing.sealed", "root.sealed", "master.key"] {
        let before = identity(&keys.join(file));
        let mut changing = Command::new(env!("CARGO_BIN_EXE_wardline"))
            .current_dir(at)
            .args(["keys", "rotate", "--master", "--reason", "killed"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while identity(&keys.join(file)) == before && changing.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        changing.kill().unwrap();
        changing.wait().unwrap();
        assert!(well(at, &["audit", "verify", "--data", "wardline-data"]).contains("intact"), "killed at {file}");
    }
    well(at, &["keys", "rotate", "--master", "--reason", "to the end"]);
    assert!(!keys.join("master.key.next").exists(), "nothing is left half done");
    assert!(well(at, &["audit", "verify", "--data", "wardline-data"]).contains("intact"));
}

#[test]
fn the_demonstration_ends_by_itself_with_no_promise_broken() {
    covers!("N1");
    let folder = tempfile::tempdir().unwrap();
    let base = free_ports().to_string();
    let said = well(folder.path(), &["demo", "--pumps", "3", "--for", "2s", "--port-base", &base]);
    for words in ["Sign in once", "SHA-256", "not for clinical use", "imported a list of 3 pumps", "0 never events"] {
        assert!(said.contains(words), "{words:?} is missing in:\n{said}");
    }
    let again = well(folder.path(), &["demo", "--pumps", "3", "--for", "1s", "--port-base", &base]);
    assert!(again.contains("knows 3 pumps already"), "{again}");
}

#[test]
fn one_pump_is_searched_and_what_is_claimed_was_put_to_the_test() {
    covers!("N1", "N3", "N12");
    let folder = tempfile::tempdir().unwrap();
    let json = well(folder.path(), &["sim", "search", "--scene", "library-agent-fooled", "--json"]);
    let searched: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(searched[0]["verdict"], "holds", "{json}");
    assert!(searched[0]["states"].as_u64().unwrap() > 100, "{json}");
    for never in ["N1", "N3", "N12"] {
        assert!(searched[0]["tested"][never].as_u64().unwrap() > 0, "{never} in {json}");
    }
    assert!(well(folder.path(), &["sim", "search", "--list"]).contains("firmware-does-not-start"));
    assert!(ends(folder.path(), 3, &["sim", "search", "--scene", "none"]).contains("--list"));
}
