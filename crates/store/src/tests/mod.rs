//! Tests of the store. Every test runs on both engines: SQLite in a folder of its own, PostgreSQL in a database of its
//! own on one server that this test binary starts and that ends with it. Where PostgreSQL is not installed the test says
//! that it is skipped, and fails when `CI=true`.

mod accounts;
mod audit;
mod authority;
mod backup;
mod enrolment_requests;
mod events;
mod faults;
mod group;
mod growth;
mod kills;
mod plans;
mod provisioning;
mod quarantine;
mod registry;
mod roll_overs;
mod rollouts;
mod sealing;

use std::sync::LazyLock;

use wardline_e2e::postgres::Postgres;
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
    match engine {
        Engine::Sqlite => Some(sqlite_url(file)),
        Engine::Postgres => Some(SERVER.as_ref()?.database()),
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

/// The PostgreSQL server of this test binary. It ends when the process does.
static SERVER: LazyLock<Option<Postgres>> = LazyLock::new(|| {
    let server = server();
    assert!(server.is_some() || !wardline_e2e::under_ci(), "CI needs PostgreSQL: install its server");
    server
});

/// A server for many small databases at once.
pub(crate) fn server() -> Option<Postgres> {
    Postgres::start(&std::env::temp_dir(), &["fsync=off", "max_connections=400", "shared_buffers=64MB"])
}
