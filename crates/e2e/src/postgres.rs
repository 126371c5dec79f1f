//! A PostgreSQL server of a test's own, as it is installed on this machine. It ends with its value, and with the test
//! process however that ends, because it runs only while a pipe to it is open.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The server will not run as root, so root runs it as the user that Debian made for it.
const RUN: &str = r#"
run() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi; }
"#;

/// Makes a cluster, runs the server until standard input ends, and removes everything.
const SERVE: &str = r#"
run "$BIN/initdb" -D "$DIR/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$DIR/init.log" 2>&1
run "$BIN/postgres" -D "$DIR/data" -k "$DIR" -c listen_addresses= $SETTINGS >"$DIR/server.log" 2>&1 &
server=$!
cat >/dev/null
kill -INT "$(head -n 1 "$DIR/data/postmaster.pid")"; wait $server; rm -rf "$DIR"
"#;

/// Ends every connection in the middle of what it does, and starts the server again.
const RESTART: &str = r#"
run "$BIN/pg_ctl" restart -w -m immediate -D "$DIR/data" -l "$DIR/again.log" -o "-k $DIR -c listen_addresses= $SETTINGS"
"#;

/// A running server. Databases in it are made one by one.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    folder: PathBuf,
    settings: String,
    databases: AtomicU32,
    script: Child,
}

impl Postgres {
    /// Starts one in a folder of its own below `place`, with these settings, each `name=value` as in `postgresql.conf`;
    /// `None` when PostgreSQL is not installed. Without `fsync=off` it is as durable as it is installed. Its own user
    /// must be able to enter `place`.
    ///
    /// # Panics
    /// When it is installed and does not start.
    #[must_use]
    pub fn start(place: &Path, settings: &[&str]) -> Option<Self> {
        let bin = installed()?;
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = place.join(format!("wardline-postgres-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).expect("the server may write");
        let settings = settings.iter().map(|setting| format!("-c {setting}")).collect::<Vec<_>>().join(" ");
        let mut script = shell(SERVE, &bin, &folder, &settings);
        let script = script.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a shell");
        let server = Self { bin, folder, settings, databases: AtomicU32::new(0), script };
        let began = Instant::now();
        while !server.client("psql", &["-c", "SELECT 1", "postgres"]).status.success() {
            let log = || std::fs::read_to_string(server.folder.join("init.log")).unwrap_or_default();
            assert!(began.elapsed() < crate::PATIENCE, "PostgreSQL does not start: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    /// The address of a new, empty database.
    ///
    /// # Panics
    /// When the server does not make one.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("ward{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = self.client("createdb", &[&name]);
        assert!(made.status.success(), "no new database: {}", String::from_utf8_lossy(&made.stderr));
        format!("postgres://postgres@localhost/{name}?host={}", self.folder.display())
    }

    /// Ends every connection in the middle of what it does, as a crash would, and starts again.
    ///
    /// # Panics
    /// When it does not start again.
    pub fn restart(&self) {
        let status = shell(RESTART, &self.bin, &self.folder, &self.settings).status().expect("a shell");
        assert!(status.success(), "PostgreSQL does not start again");
    }

    fn client(&self, program: &str, arguments: &[&str]) -> Output {
        let mut client = Command::new(self.bin.join(program));
        client.arg("-h").arg(&self.folder).args(["-U", "postgres"]).args(arguments).current_dir("/tmp");
        client.output().expect("a client of PostgreSQL")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

/// The newest version's programs.
fn installed() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let bin = versions.flatten().map(|entry| entry.path()).max()?.join("bin");
    bin.join("postgres").exists().then_some(bin)
}

fn shell(script: &str, bin: &Path, folder: &Path, settings: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{RUN}{script}")).env("BIN", bin).env("DIR", folder).env("SETTINGS", settings);
    shell.current_dir("/tmp").stdout(Stdio::null());
    shell
}
