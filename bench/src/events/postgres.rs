//! A PostgreSQL server of the measurement's own, as it is installed and with its default durability.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// A running server. It ends with this value.
pub struct Postgres {
    bin: PathBuf,
    folder: PathBuf,
    databases: AtomicU32,
    /// While the pipe to it is open the server runs.
    script: Child,
}

/// Makes a cluster and runs the server until standard input ends.
const SCRIPT: &str = r#"
run() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi; }
run "$BIN/initdb" -D "$DIR/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$DIR/init.log" 2>&1
run "$BIN/postgres" -D "$DIR/data" -k "$DIR" -c listen_addresses= -c max_connections=200 >"$DIR/server.log" 2>&1 &
server=$!
cat >/dev/null
kill -INT "$(head -n 1 "$DIR/data/postmaster.pid")"; wait $server
"#;

impl Postgres {
    /// Starts one in a folder below this one; `None` when it is not installed.
    pub fn start(above: &Path) -> Result<Option<Self>> {
        let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else { return Ok(None) };
        let Some(version) = versions.flatten().map(|entry| entry.path()).max() else { return Ok(None) };
        let bin = version.join("bin");
        if !bin.join("postgres").exists() {
            return Ok(None);
        }
        let folder = above.join("postgres");
        std::fs::create_dir(&folder)?;
        // The server runs as a user of its own where we are root.
        for (path, mode) in [(above, 0o711), (&folder, 0o777)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        }
        let script = Command::new("sh")
            .args(["-c", SCRIPT])
            .env("BIN", &bin)
            .env("DIR", &folder)
            .current_dir("/tmp")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting PostgreSQL")?;
        let server = Self { bin, folder, databases: AtomicU32::new(0), script };
        for _ in 0..600 {
            if server.run("psql", &["-c", "SELECT 1", "postgres"]).is_ok() {
                return Ok(Some(server));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        anyhow::bail!("PostgreSQL does not answer; its log is {}/server.log", server.folder.display())
    }

    /// The address of a new, empty database.
    pub fn database(&self) -> Result<String> {
        let name = format!("bench{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("createdb", &[&name])?;
        Ok(format!("postgres://postgres@localhost/{name}?host={}", self.folder.display()))
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let output = Command::new(self.bin.join(program))
            .args(["-h", &self.folder.display().to_string(), "-U", "postgres"])
            .args(arguments)
            .output()?;
        ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}
