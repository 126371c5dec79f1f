//! Tests of the store. Every test runs on both engines: SQLite in a folder of its own, PostgreSQL in a database of its
//! own on one server that this test binary starts and that ends with it. Where PostgreSQL is not installed the test says
//! that it is skipped, and fails when `CI=true`.

mod accounts;
mod audit;
mod backup;
mod events;
mod faults;
mod group;
mod growth;
mod kills;
mod plans;
mod registry;
mod rollouts;
mod sealing;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::Connection as _;
use wardline_model::{AssetTag, CareArea, Model, PumpId, Serial, Time};

use crate::{Actor, Decision, Engine, ExpectedPump, MasterKey, Store, sqlite_url};

/// A moment to start from.
pub(crate) const T0: Time = Time::from_unix_s(1_800_000_000);

/// Makes one test for each engine out of an async function that takes a [`World`].
macro_rules! on_both_engines {
    ($($(#[$attribute:meta])* async fn $name:ident($world:ident) $body:block)*) => {$(
        mod $name {
            use super::*;
            #[allow(unused_mut, reason = "some tests reopen their store")]
            async fn body(mut $world: World) $body

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                body(World::new(crate::Engine::Sqlite).await.expect("SQLite is built in")).await;
            }

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                match World::new(crate::Engine::Postgres).await {
                    Some(world) => body(world).await,
                    None => eprintln!("skipped: PostgreSQL is not installed"),
                }
            }
        }
    )*};
}
pub(crate) use on_both_engines;

/// An open store and what is needed to open it again.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) url: String,
    pub(crate) master: MasterKey,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new(engine: Engine) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = address(engine, &folder.path().join("hub.db")).await?;
        let master = MasterKey::from_bytes([7; 32]);
        let store = Store::create(&url, &master, T0).await.expect("a new store");
        Some(Self { store, url, master, folder })
    }

    /// Closes the store and opens it again, as after a restart.
    pub(crate) async fn reopen(&mut self) {
        self.store.close().await;
        self.store = Store::open(&self.url, &self.master, T0).await.expect("the store opens again");
    }

    /// Puts more pumps on the list, numbered from `first`.
    pub(crate) async fn pumps_more(&self, first: usize, count: usize) -> Vec<PumpId> {
        let pumps: Vec<ExpectedPump> = (first..first + count).map(expected).collect();
        self.store.expect_pumps(&pumps, &by("anna", "more pumps")).await.expect("pumps are expected")
    }

    /// Puts this many pumps on the list.
    pub(crate) async fn pumps(&self, count: usize) -> Vec<PumpId> {
        let pumps: Vec<ExpectedPump> = (0..count).map(expected).collect();
        self.store.expect_pumps(&pumps, &by("anna", "new pumps")).await.expect("pumps are expected")
    }
}

/// An address of an empty database.
pub(crate) async fn address(engine: Engine, file: &std::path::Path) -> Option<String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    match engine {
        Engine::Sqlite => Some(sqlite_url(file)),
        Engine::Postgres => {
            let server = SERVER.as_ref()?;
            let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
            sqlx::any::install_default_drivers();
            let mut admin = sqlx::AnyConnection::connect(&server.url("postgres")).await.expect("the server answers");
            let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
            sqlx::query(create).execute(&mut admin).await.expect("a database is made");
            Some(server.url(&name))
        }
    }
}

pub(crate) fn expected(n: usize) -> ExpectedPump {
    ExpectedPump {
        model: Model::new("Halcyon 3").expect("a model"),
        serial: Serial::new(&format!("SN{n:06}")).expect("a serial number"),
        asset_tag: AssetTag::new(&format!("P-{n:05}")).expect("a tag"),
        care_area: CareArea::new(["Intensive care", "Oncology", "Überwachung"][n % 3]).expect("a care area"),
    }
}

pub(crate) fn by(name: &str, reason: &str) -> Decision {
    Decision { by: Actor::Person(name.to_owned()), reason: reason.to_owned(), at: T0 }
}

/// The PostgreSQL server of this test binary.
pub(crate) struct Server {
    folder: PathBuf,
    bin: PathBuf,
    /// While the pipe to it is open the server runs; the system closes it when this process ends, however it ends.
    _alive: std::process::Child,
}

static SERVER: LazyLock<Option<Server>> = LazyLock::new(|| {
    let server = Server::start();
    assert!(server.is_some() || std::env::var("CI").is_err(), "CI needs PostgreSQL: install its server");
    server
});

/// Makes a cluster, runs the server until standard input ends, and removes everything.
const SCRIPT: &str = r#"
run() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi; }
run "$BIN/initdb" -D "$DIR/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$DIR/init.log" 2>&1
run "$BIN/postgres" -D "$DIR/data" -k "$DIR" -c listen_addresses= -c fsync=off -c max_connections=400 \
    -c shared_buffers=64MB >"$DIR/server.log" 2>&1 &
server=$!
cat >/dev/null
kill -INT "$(head -n 1 "$DIR/data/postmaster.pid")"; wait $server; rm -rf "$DIR"
"#;

impl Server {
    pub(crate) fn start() -> Option<Self> {
        let mut bins: Vec<PathBuf> =
            std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|e| e.path()).collect();
        bins.sort();
        let bin = bins.pop()?.join("bin");
        if !bin.join("postgres").exists() {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("wlpg").tempdir_in("/tmp").expect("a folder").keep();
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).expect("the server may write");
        let child = Command::new("sh")
            .args(["-c", SCRIPT])
            .env("BIN", &bin)
            .env("DIR", &folder)
            .current_dir("/tmp")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let ready = (0..600).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            let answer = Command::new(bin.join("pg_isready")).arg("-q").arg("-h").arg(&folder).status();
            answer.is_ok_and(|status| status.success())
        });
        let log = || std::fs::read_to_string(folder.join("init.log")).unwrap_or_default();
        assert!(ready, "PostgreSQL does not start: {}", log());
        Some(Self { folder, bin, _alive: child })
    }

    /// Ends every connection in the middle of what it does, as a crash would, and starts again.
    pub(crate) fn restart(&self) {
        let run = r#"run() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi; }
            run "$BIN/pg_ctl" restart -w -m immediate -D "$DIR/data" -l "$DIR/again.log" \
                -o "-k $DIR -c listen_addresses= -c fsync=off -c max_connections=400""#;
        let mut restart = Command::new("sh");
        restart.args(["-c", run]).env("BIN", &self.bin).env("DIR", &self.folder).current_dir("/tmp");
        assert!(restart.stdout(Stdio::null()).status().expect("a shell").success(), "PostgreSQL does not start again");
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }
}
