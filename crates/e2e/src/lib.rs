//! Real binaries, real peers, kill -9, lossy networks.
//!
//! This library only holds what the end-to-end tests share: finding the built programs, running them as processes that
//! never outlive their test, and waiting for what they print. The tests themselves are in `tests/`.

pub mod network;
pub mod postgres;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a test waits for something that must happen. Generous, because test machines are slow and shared; it is a
/// limit against hanging, never a claim about speed.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A built program of this workspace, found beside the running test.
///
/// # Panics
/// When it has not been built; `cargo xtask test` builds it first.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the running test has a path");
    let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let path = profile.join(name);
    assert!(path.is_file(), "{} is not built: run `cargo xtask test`, or `cargo build -p {name}` once", path.display());
    path
}

/// Whether this run may not skip a suite.
#[must_use]
pub fn under_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// Says that a suite is skipped and why; under CI that is a failure.
///
/// # Panics
/// Under CI.
pub fn skip(suite: &str, why: &str) {
    assert!(!under_ci(), "{suite} would be skipped ({why}), and under CI nothing may be");
    eprintln!("SKIPPED {suite}: {why}");
}

/// A child process that is killed when the test lets go of it.
pub struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    /// Starts a program with its output captured line by line.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("could not start {name}: {error}"));
        let (sender, lines) = channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("piped")), Box::new(child.stderr.take().expect("piped"))];
        for stream in streams {
            let sender = sender.clone();
            // One thread per stream: a test process has two, and they end with the child.
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self { name: name.to_owned(), child, lines, seen: Vec::new() }
    }

    /// Waits until a printed line contains `text` and returns it.
    ///
    /// # Panics
    /// When the process ends or [`PATIENCE`] runs out first; the message holds everything that it printed.
    pub fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let printed = self.printed();
                    panic!("{} never printed {text:?}:\n{printed}", self.name)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let printed = self.printed();
                    panic!("{} ended before it printed {text:?}:\n{printed}", self.name)
                }
            }
        }
    }

    /// Everything printed so far.
    #[must_use]
    pub fn printed(&mut self) -> String {
        self.seen.extend(self.lines.try_iter());
        self.seen.join("\n")
    }

    /// Kills it as a power cut would: SIGKILL, no chance to tidy up.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When [`PATIENCE`] runs out first.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status;
            }
            let in_time = Instant::now() < deadline;
            let printed = if in_time { String::new() } else { self.printed() };
            assert!(in_time, "{} did not end:\n{printed}", self.name);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks `question` again and again until it answers; the answer is returned.
///
/// # Panics
/// When [`PATIENCE`] runs out first.
pub fn until<T>(what: &str, mut question: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A loopback port that was free a moment ago.
///
/// # Panics
/// When the machine has none.
#[must_use]
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// A hub in a process of its own, with a new data folder.
pub struct FreeHub {
    /// The process; killed when it is let go.
    pub process: Process,
    /// The ports of live link, enrolment and console, on 127.0.0.1.
    pub ports: [u16; 3],
}

/// Starts a hub in `<folder>/alone`.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn free_hub(folder: &Path) -> FreeHub {
    let alone = folder.join("alone");
    std::fs::create_dir_all(&alone).expect("a folder");
    let ports = [free_port(), free_port(), free_port()];
    let places = ports.map(|port| format!("127.0.0.1:{port}"));
    let command = || {
        let mut command = Command::new(program("wardline"));
        command.current_dir(&alone).env("WARDLINE_PASSPHRASE", "correct horse battery staple");
        command
    };
    let init =
        ["init", "--hospital", "St. Elsewhere", "--link", &places[0], "--est", &places[1], "--console", &places[2]];
    let made = command().args(init).output().expect("wardline starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut process = Process::start("a hub", command().arg("serve"));
    process.wait_for("console");
    FreeHub { process, ports }
}
