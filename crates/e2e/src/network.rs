//! Network namespaces of a test's own: small networks of their own inside this machine, where packet filters are real and
//! nothing reaches the outside. They end with their values.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, setns, unshare};

/// A namespace with its loopback up. Needs root.
#[derive(Debug)]
pub struct Namespace {
    network: File,
    /// A thread inside; by its number other namespaces name this one.
    inhabitant: u32,
    /// Dropped first: the thread ends, and with it the namespace when nobody else is inside.
    leave: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Namespace {
    /// Makes one; `None` when this machine does not allow it.
    ///
    /// # Panics
    /// When the system gives a namespace and then does not let it be used.
    #[must_use]
    pub fn new() -> Option<Self> {
        let (tell, told) = channel();
        let (leave, left) = channel::<()>();
        let thread = std::thread::spawn(move || {
            let made = unshare(CloneFlags::CLONE_NEWNET).is_ok();
            let _ = tell.send(made.then(|| {
                let id = nix::unistd::gettid().as_raw();
                (File::open("/proc/thread-self/ns/net").expect("a namespace"), u32::try_from(id).expect("a thread"))
            }));
            let _ = left.recv();
        });
        let (network, inhabitant) = told.recv().ok()??;
        let space = Self { network, inhabitant, leave: Some(leave), thread: Some(thread) };
        space.must("ip", &["link", "set", "lo", "up"]);
        Some(space)
    }

    /// Joins two namespaces by a cable: an interface here and one there.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn cable(&self, here: &str, other: &Self, there: &str) {
        let number = other.inhabitant.to_string();
        self.must("ip", &["link", "add", here, "type", "veth", "peer", "name", there, "netns", &number]);
        self.must("ip", &["link", "set", here, "up"]);
        other.must("ip", &["link", "set", there, "up"]);
    }

    /// Gives an interface an address with its prefix, at once usable.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn address(&self, interface: &str, address: &str) {
        let mut arguments = vec!["address", "add", address, "dev", interface];
        if address.contains(':') {
            // Nobody else has it here, so nobody is asked (duplicate address detection takes a second).
            arguments.push("nodad");
        }
        self.must("ip", &arguments);
    }

    /// Runs a function inside, on a thread of its own.
    ///
    /// # Panics
    /// When the function does.
    pub fn inside<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let work = || {
                setns(self.network.as_fd(), CloneFlags::CLONE_NEWNET).expect("the namespace lets us in");
                what()
            };
            scope.spawn(work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs a program inside, with this on its standard input.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(&self, program: &str, arguments: &[&str], input: &str) -> Output {
        self.inside(|| {
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
            let mut to = child.stdin.take().expect("a pipe");
            std::io::Write::write_all(&mut to, input.as_bytes()).expect("the program reads");
            drop(to);
            child.wait_with_output().expect("the program ends")
        })
    }

    fn must(&self, program: &str, arguments: &[&str]) {
        let output = self.run(program, arguments, "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {}: {said}", arguments.join(" "));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.leave.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
