//! A PostgreSQL server of a test's own, as it is installed on this machine. It ends with its value, and with the test
//! process however that ends, because it runs only while a pipe to it is open.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Makes a cluster and a database, runs the server until standard input ends, and removes everything.
const SCRIPT: &str = r#"
run() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi; }
run "$BIN/initdb" -D "$DIR/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$DIR/init.log" 2>&1
run "$BIN/postgres" -D "$DIR/data" -k "$DIR" -c listen_addresses= -c fsync=off >"$DIR/server.log" 2>&1 &
server=$!
until run "$BIN/createdb" -h "$DIR" -U postgres ward 2>/dev/null; do sleep 0.1; done
touch "$DIR/ready"
cat >/dev/null
kill -INT "$(head -n 1 "$DIR/data/postmaster.pid")"; wait $server; rm -rf "$DIR"
"#;

/// A running server with an empty database.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    _script: Child,
}

impl Postgres {
    /// Starts one; `None` when PostgreSQL is not installed.
    ///
    /// # Panics
    /// When it is installed and does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let mut versions: Vec<PathBuf> =
            std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path()).collect();
        versions.sort();
        let bin = versions.pop()?.join("bin");
        if !bin.join("postgres").exists() {
            return None;
        }
        // Beside other temporary folders, which may not be entered by the server's own user.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("wardline-e2e-postgres-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).expect("the server may write");
        let script = Command::new("sh")
            .args(["-c", SCRIPT])
            .env("BIN", &bin)
            .env("DIR", &folder)
            .current_dir("/tmp")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let began = Instant::now();
        while !folder.join("ready").exists() {
            let log = || std::fs::read_to_string(folder.join("init.log")).unwrap_or_default();
            assert!(began.elapsed() < crate::PATIENCE, "PostgreSQL does not start: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { folder, _script: script })
    }

    /// The database's address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/ward?host={}", self.folder.display())
    }
}
