//! The demonstration as people start it: with their own list and library, with mistakes in them, twice on one folder, and
//! on a port that is taken.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use wardline_model::covers;

use support::free_ports;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

/// A folder to work in, and the ports of its demonstration.
struct Desk {
    folder: tempfile::TempDir,
    base: String,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), base: free_ports().to_string() }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wardline"));
        command
            .current_dir(self.folder.path())
            .env("WARDLINE_LOGIN", self.path("wardline-data/people/login.json"))
            .env_remove("WARDLINE_TOKEN")
            .args(args);
        command
    }

    fn demo(&self, args: &[&str]) -> Output {
        let all = [&["demo", "--port-base", &self.base, "--seed", "7"], args].concat();
        self.command(&all).output().unwrap()
    }

    /// A demonstration that must end well; what it printed.
    fn well(&self, args: &[&str]) -> String {
        let output = self.demo(args);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{args:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// A demonstration that must end with this code and leave nothing behind; what it said.
    fn refused(&self, code: i32, args: &[&str]) -> String {
        let output = self.demo(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        said
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.command(args).arg("--json").output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// A demonstration that runs until it is told to stop, once all of its pumps are in service.
    fn start(&self, args: &[&str]) -> Running {
        let all = [&["demo", "--port-base", &self.base, "--speed", "240", "--seed", "7"], args].concat();
        let mut child = self.command(&all).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut seen = Vec::new();
        let in_service = lines.by_ref().inspect(|line| seen.push(line.clone())).any(|line| line.contains("in service"));
        let running = Running { child, lines: Box::new(lines) };
        assert!(in_service, "the pumps never were in service:\n{}", seen.join("\n"));
        running
    }

    /// Asset tag to identity and certificate of every pump.
    fn identities(&self) -> BTreeMap<String, (String, String)> {
        let page = self.json(&["pumps", "--size", "500"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let pumps = page["pumps"].as_array().unwrap();
        pumps
            .iter()
            .map(|pump| {
                let shown = self.json(&["pump", "show", &text(&pump["id"])]);
                let certificate = text(&shown["certificate"]["serial"]);
                assert!(!certificate.is_empty(), "{shown}");
                (text(&pump["asset_tag"]), (text(&pump["id"]), certificate))
            })
            .collect()
    }
}

/// A running demonstration, killed when the test lets go of it.
struct Running {
    child: Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Running {
    /// Waits for a line with these words. A demonstration prints a line at least every half a minute until it ends.
    fn until(&mut self, words: &str) {
        let mut seen = Vec::new();
        let found = self.lines.by_ref().inspect(|line| seen.push(line.clone())).any(|line| line.contains(words));
        assert!(found, "it ended without {words:?}:\n{}", seen.join("\n"));
    }

    /// Ctrl-C; everything that it printed after the last line that was waited for.
    fn interrupt(mut self) -> String {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).unwrap();
        let rest: Vec<String> = self.lines.by_ref().collect();
        let status = self.child.wait().unwrap();
        let rest = rest.join("\n");
        assert!(status.success(), "{rest}");
        rest
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn assert_nothing(at: &Path) {
    assert!(!at.exists(), "{} was made although nothing may be half done", at.display());
}

#[test]
fn what_is_wrong_with_a_list_or_a_library_is_named_and_nothing_is_begun() {
    let desk = Desk::new();
    let data = desk.path("wardline-data");
    let list = desk.file(
        "list.csv",
        "asset_tag,model,serial,care_area\nP-1,Halcyon 3,HX3-1,Intensive care\nP-2,Halcyon 3,,Intensive care\n\
         P-3,Halcyon 3,HX3-1,Intensive care\nP-4,Halcyon 3,HX3-4,=HYPERLINK(1)\n",
    );
    let said = desk.refused(6, &["--pump-manifest", &list, "--for", "1s"]);
    for words in [
        "line 3, column serial: \"\" is empty: expected the maker's serial number",
        "line 4, column serial: \"HX3-1\" is on line 2 already: expected a different one",
        "line 5, column care_area: \"=HYPERLINK(1)\" looks like a formula: expected plain text",
        "3 things are wrong",
    ] {
        assert!(said.contains(words), "{words:?} is missing in:\n{said}");
    }
    assert_nothing(&data);

    let good = std::fs::read_to_string(format!("{EXAMPLES}/drug-library.csv")).unwrap();
    let bad = good.replacen("0.02,0.5,2", "0.02,half,2", 1).replacen("mg,250,mcg/kg/min", "mg,250,furlongs", 2);
    assert_ne!(good, bad);
    let library = desk.file("library.csv", &bad);
    let said = desk.refused(6, &["--drug-library", &library, "--for", "1s"]);
    assert!(said.contains("line 14") && said.contains("half") && said.contains("furlongs"), "{said}");
    assert!(said.contains("expected") && said.contains("nothing was imported"), "{said}");
    let said = desk.refused(6, &["--drug-library", &desk.file("library.json", "{\"version\":1"), "--for", "1s"]);
    assert!(said.contains("nothing was imported"), "{said}");
    let said = desk.refused(6, &["--drug-library", &desk.file("library.pdf", "%PDF"), "--for", "1s"]);
    assert!(said.contains("expected .xlsx, .csv or .json"), "{said}");
    assert!(desk.refused(1, &["--pump-manifest", "nowhere.csv", "--for", "1s"]).contains("nowhere.csv"));
    assert_nothing(&data);

    let taken = TcpListener::bind(("127.0.0.1", desk.base.parse::<u16>().unwrap() + 1)).unwrap();
    let said = desk.refused(1, &["--for", "1s"]);
    assert!(said.contains(&taken.local_addr().unwrap().port().to_string()) && said.contains("--port-base"), "{said}");
    assert_nothing(&data);
}

#[test]
fn a_hospitals_own_list_and_library_are_used_kept_and_replaced() {
    covers!("N13");
    let desk = Desk::new();
    let (list, library) = (format!("{EXAMPLES}/pump-manifest.csv"), format!("{EXAMPLES}/drug-library.csv"));
    let own = ["--pump-manifest", &list, "--drug-library", &library, "--for", "2s"];
    let said = desk.well(&own);
    for words in
        ["imported a list of 24 pumps", "signed drug library 1", "0 never events", "each once and in order", "seed 7"]
    {
        assert!(said.contains(words), "{words:?} is missing in:\n{said}");
    }
    let again = desk.well(&own);
    assert!(again.contains("knows 24 pumps already") && !again.contains("signed drug library"), "{again}");

    // One pump more, and the next library, this time as JSON.
    let more = std::fs::read_to_string(&list).unwrap() + "P-0025,Halcyon 3,HX3-007025,Intensive care,,\n";
    let more = desk.file("more.csv", &more);
    let next = std::fs::read_to_string(format!("{EXAMPLES}/drug-library-2.csv")).unwrap();
    let next = desk.file("next.csv", &next);
    let said = desk.well(&["--pump-manifest", &more, "--drug-library", &next, "--for", "2s"]);
    assert!(said.contains("imported a list of 1 pumps") && said.contains("25 pumps are enrolled"), "{said}");
    assert!(said.contains("signed drug library 2"), "{said}");

    // Another library under a number that is taken: nobody signs two things as one.
    let other = std::fs::read_to_string(&next).unwrap().replacen("Central line only", "Central line ONLY", 1);
    let refused = desk.refused(6, &["--drug-library", &desk.file("other.csv", &other), "--for", "1s"]);
    assert!(refused.contains("above 2"), "{refused}");
    let older = desk.refused(6, &["--drug-library", &library, "--for", "1s"]);
    assert!(older.contains("above 2"), "{older}");
}

#[test]
fn a_second_start_goes_on_where_the_first_one_was() {
    covers!("N11", "N13");
    let desk = Desk::new();
    let mut first = desk.start(&["--pumps", "3"]);
    first.until("signed library 2");
    let before = desk.identities();
    assert_eq!(before.len(), 3);
    let issued = |desk: &Desk| {
        let records = desk.json(&["audit", "list", "--action", "certificate.issue"]);
        records["records"].as_array().unwrap().len()
    };
    let certificates = issued(&desk);
    let said = first.interrupt();
    assert!(said.contains("0 never events") && said.contains("each once and in order"), "{said}");

    let second = desk.start(&[]);
    assert_eq!(desk.identities(), before, "the same pumps with the same certificates");
    assert_eq!(issued(&desk), certificates, "nobody enrolled anew");
    // The rollout that was on its way reaches everybody.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(240);
    loop {
        let rollouts = desk.json(&["rollout", "list"]);
        let newest = &rollouts["rollouts"][0];
        assert_eq!(newest["version"], 2, "{newest}");
        if newest["adopted"] == 3 {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "library 2 never reached all three: {newest}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let said = second.interrupt();
    assert!(said.contains("library 2 on 3 of 3") && said.contains("0 never events"), "{said}");
}
