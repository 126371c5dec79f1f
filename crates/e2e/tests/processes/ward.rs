//! One hospital of real processes in one folder: a hub, therapy controllers, agents, and people at a command line.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use wardline_e2e::{Process, program, until};

/// One hospital in one folder.
pub struct Ward {
    pub folder: tempfile::TempDir,
    pub ports: [u16; 3],
    /// Further environment of every command and of the hub.
    pub more: Vec<(&'static str, PathBuf)>,
}

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

impl Ward {
    pub fn new() -> Self {
        let free = || std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let held = [free(), free(), free()];
        let ports = held.each_ref().map(|listener| listener.local_addr().expect("bound").port());
        Self { folder: tempfile::tempdir().expect("a folder"), ports, more: Vec::new() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(program("wardline"));
        command
            .current_dir(self.folder.path())
            .env("WARDLINE_LOGIN", self.path("login.json"))
            .env("WARDLINE_PASSPHRASE", "correct horse battery staple")
            .envs(self.more.iter().map(|(name, value)| (name, value)))
            .env_remove("WARDLINE_TOKEN");
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command().args(args).output().expect("wardline starts")
    }

    /// Runs a command that must do well; gives what it printed.
    pub fn well(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{args:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let all: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.well(&all)).expect("JSON")
    }

    pub fn place(&self, which: usize) -> String {
        format!("127.0.0.1:{}", self.ports[which])
    }

    pub fn hub(&self) -> Process {
        let mut hub = Process::start("the hub", self.command().arg("serve"));
        hub.wait_for("console");
        hub
    }

    /// A hub with two expected pumps and a signed-in administrator.
    pub fn open(&self) -> Process {
        self.open_with(&[])
    }

    /// The same, prepared with further options of `wardline init`.
    pub fn open_with(&self, more: &[&str]) -> Process {
        self.init(more);
        self.start()
    }

    /// Prepares a hub that is not started.
    pub fn init(&self, more: &[&str]) -> String {
        let (link, est, console) = (self.place(0), self.place(1), self.place(2));
        let init = ["init", "--hospital", "St. Elsewhere", "--link", &link, "--est", &est, "--console", &console];
        self.well(&[&init, more].concat())
    }

    /// Starts the hub that was prepared, signs an administrator in, and puts two pumps on the list.
    pub fn start(&self) -> Process {
        let token = self.well(&["token", "create", "test", "--role", "administrator", "--data", "wardline-data"]);
        let hub = self.hub();
        let url = format!("https://localhost:{}", self.ports[2]);
        self.well(&["login", "--hub", &url, "--ca", "wardline-data/hub/keys/root.pem", "--token", token.trim()]);
        self.list();
        hub
    }

    /// Puts two pumps on the list.
    pub fn list(&self) {
        let list = "asset_tag,model,serial,care_area\nP-1,Halcyon 3,HX3-1,Intensive care\nP-2,Halcyon 3,HX3-2,Intensive care\n";
        std::fs::write(self.path("list.csv"), list).expect("a list");
        self.well(&["pumps", "import", "list.csv"]);
    }

    /// Two pharmacists sign the example library offline; the hub takes it in.
    pub fn release(&self) {
        let people = ["--root", "Ada", "--root", "Bo", "--pharmacist", "Cy Dahl", "--pharmacist", "Di Eng"];
        self.well(&[&["release", "init"], &people[..]].concat());
        self.well(&["release", "draft", "--library", &format!("{EXAMPLES}/drug-library.csv")]);
        self.well(&["release", "sign", "--yes", "--key", "release-desk/keys/drug-library-cy-dahl.key.json"]);
        let early = self.run(&["release", "publish"]);
        assert!(!early.status.success(), "one pharmacist must not be enough");
        self.well(&["release", "sign", "--yes", "--key", "release-desk/keys/drug-library-di-eng.key.json"]);
        assert!(self.well(&["release", "publish"]).contains("1 new release"));
    }

    pub fn controller(&self, serial: &str) -> Process {
        let socket = self.path(&format!("{serial}.sock"));
        let mut command = self.command();
        command.args(["sim", "controller", "--serial", serial, "--care-area", "Intensive care"]);
        command.arg("--socket").arg(&socket).arg("--state").arg(self.path(&format!("{serial}-controller")));
        command.arg("--root").arg(self.path("release-desk/metadata/1.root.json"));
        let controller = Process::start("a therapy controller", &mut command);
        until("the controller's socket is there", || socket.exists().then_some(()));
        controller
    }

    /// Writes the agent's configuration with a fresh one-time code.
    pub fn configure(&self, tag: &str, serial: &str) -> PathBuf {
        let codes = self.json(&["enrol", "codes", tag]);
        let code = codes["codes"][0]["code"].as_str().expect("a code");
        let config = serde_json::json!({
            "state": self.path(&format!("{serial}-agent")),
            "hub": { "link": self.place(0), "est": self.place(1) },
            "controller": self.path(&format!("{serial}.sock")),
            "model": "Halcyon 3",
            "serial": serial,
            "enrolment": { "code": { "root": self.path("wardline-data/hub/keys/root.pem"), "code": code } },
        });
        let path = self.path(&format!("{serial}.json"));
        std::fs::write(&path, config.to_string()).expect("a configuration");
        path
    }

    pub fn agent(config: &Path) -> Process {
        let mut command = Command::new(program("wardline-agent"));
        command.arg("run").arg("--config").arg(config);
        Process::start("an agent", &mut command)
    }

    pub fn shown(&self, tag: &str) -> String {
        String::from_utf8_lossy(&self.run(&["pump", "show", tag]).stdout).into_owned()
    }

    pub fn until_shown(&self, tag: &str, text: &str) {
        until(&format!("{tag} shows {text:?}"), || self.shown(tag).contains(text).then_some(()));
    }

    /// The numbers of the events that the hub has of a pump, oldest first.
    pub fn numbers(&self, tag: &str) -> Vec<u64> {
        let events = self.json(&["pump", "events", tag]);
        let list = events["events"].as_array().expect("events");
        let mut numbers: Vec<u64> = list.iter().filter_map(|event| event["seq"].as_u64()).collect();
        numbers.reverse();
        numbers
    }
}

/// A process id for a signal.
pub fn pid(process: &Process) -> nix::unistd::Pid {
    nix::unistd::Pid::from_raw(i32::try_from(process.id()).expect("a process id"))
}
