//! Opening, closing, and the two ways to touch the database: reading, and a decision with its audit record.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{Any, AnyPool, Row as _, Transaction};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use wardline_model::Time;

use crate::engine::{self, Engine};
use crate::group::{Deciding, Turnstile};
use crate::keys::{DataKeys, WrappedKey};
use crate::writer::{self, Work};
use crate::{Decision, MasterKey, StoreError, migrate};

/// How many calls may wait for the writer before callers wait too: several group commits' worth.
const WAITING_WORK: usize = 4_096;
/// How often the lock of a SQLite file is asked for. A hub that is just ending, or a child that it is just starting, may
/// hold it for a moment.
const CLAIMS: u32 = 20;
/// How long between two times.
const CLAIM_EVERY: std::time::Duration = std::time::Duration::from_millis(50);
/// How often a transaction is tried again when two hubs met on PostgreSQL.
pub(crate) const RETRIES: u32 = 5;

/// The open database. Cheap to clone; every clone is the same database.
#[derive(Clone)]
pub struct Store {
    pub(crate) core: Arc<Core>,
    pub(crate) work: mpsc::Sender<Work>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.core.place)
    }
}

/// What the store's functions and its writer share.
pub(crate) struct Core {
    pub(crate) engine: Engine,
    /// For people.
    pub(crate) place: String,
    pub(crate) read: AnyPool,
    pub(crate) write: AnyPool,
    pub(crate) keys: DataKeys,
    pub(crate) master: std::sync::RwLock<MasterKey>,
    /// The address as it was given, with its password.
    pub(crate) url: String,
    /// Tells what this store said from what other hubs on the same PostgreSQL said.
    pub(crate) id: String,
    /// Where decisions take turns.
    pub(crate) turnstile: Turnstile,
    /// How many transactions decisions have shared so far.
    pub(crate) groups: AtomicU64,
    /// Held while a SQLite file is open, so that no second hub opens it.
    lock: std::sync::Mutex<Option<File>>,
}

impl Core {
    /// A failure in words.
    pub(crate) fn explain(&self, doing: &str, error: Trouble) -> StoreError {
        match error {
            Trouble::Store(error) => error,
            Trouble::Sql(error) => engine::explain(&self.place, doing, error),
        }
    }

    /// The number of the next group of decisions.
    pub(crate) fn next_group(&self) -> u64 {
        self.groups.fetch_add(1, Ordering::Relaxed)
    }

    /// A transaction that will write what pumps send. On PostgreSQL it does not wait long for a row that a decision
    /// holds, and is tried again instead: of the two the decision must not be the one to fail.
    pub(crate) async fn begin_yielding(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        self.write.begin_with(self.engine.begin_yielding()).await
    }

    /// A transaction that will write.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        self.write.begin_with(self.engine.begin_write()).await
    }
}

/// What a step inside the store fails with: a reason of ours, or the engine's, which gets its words at the door.
#[derive(Debug)]
pub(crate) enum Trouble {
    Store(StoreError),
    Sql(sqlx::Error),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl Store {
    /// Makes the database when it is not there, brings its tables up to date, and opens it. For `init`, demo and tests.
    ///
    /// # Errors
    /// As [`Store::open`], but never [`StoreError::Missing`].
    pub async fn create(url: &str, master: &MasterKey, now: Time) -> Result<Self, StoreError> {
        Self::start(url, master, now, Absent::Make).await
    }

    /// Opens a database that [`Store::create`] made, and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::WrongKey`], [`StoreError::Corrupt`], [`StoreError::Newer`],
    /// [`StoreError::InUse`], [`StoreError::Unreachable`] or [`StoreError::Url`]; each says what to do.
    pub async fn open(url: &str, master: &MasterKey, now: Time) -> Result<Self, StoreError> {
        Self::start(url, master, now, Absent::Refuse).await
    }

    /// Looks through a whole database for damage, without a key and without changing anything. On PostgreSQL it only
    /// connects: the server looks after its own pages.
    ///
    /// # Errors
    /// Those of [`Store::open`] but for the key.
    pub async fn inspect(url: &str) -> Result<(), StoreError> {
        let place = engine::place(url);
        let engine = Engine::of(url).ok_or_else(|| StoreError::Url { url: place.clone() })?;
        let _lock = match engine {
            Engine::Sqlite => Some(claim(&engine::sqlite_file(url), &place, Absent::Refuse).await?),
            Engine::Postgres => None,
        };
        let explain = |doing: &'static str| {
            let place = place.clone();
            move |error| engine::explain(&place, doing, error)
        };
        let (read, write) = engine::connect(engine, url).await.map_err(explain("connecting"))?;
        let looked = look_through(engine, &place, &write).await;
        read.close().await;
        write.close().await;
        looked
    }

    async fn start(url: &str, master: &MasterKey, now: Time, absent: Absent) -> Result<Self, StoreError> {
        let place = engine::place(url);
        let engine = Engine::of(url).ok_or_else(|| StoreError::Url { url: place.clone() })?;
        let lock = match engine {
            Engine::Sqlite => Some(claim(&engine::sqlite_file(url), &place, absent).await?),
            Engine::Postgres => None,
        };
        let explain = |doing: &'static str| {
            let place = place.clone();
            move |error| engine::explain(&place, doing, error)
        };
        let (read, write) = engine::connect(engine, url).await.map_err(explain("connecting"))?;
        if is_small(engine, url) {
            look_through(engine, &place, &write).await?;
        }
        let wrapped = match prepare(engine, &place, &write, master, now, absent).await {
            Ok(wrapped) => wrapped,
            Err(error) => {
                write.close().await;
                return Err(match error {
                    Trouble::Store(error) => error,
                    Trouble::Sql(error) => explain("bringing its tables up to date")(error),
                });
            }
        };
        let keys = DataKeys::unwrap(master, &wrapped)?;
        let core = Core {
            engine,
            place,
            read,
            write,
            keys,
            url: url.to_owned(),
            id: random_id(),
            turnstile: Turnstile::default(),
            groups: AtomicU64::new(0),
            master: std::sync::RwLock::new(master.clone()),
            lock: std::sync::Mutex::new(lock),
        };
        let core = Arc::new(core);
        let (work, waiting) = mpsc::channel(WAITING_WORK);
        // The one task that carries out group commits; it ends when every clone of the store is gone, or on `close`.
        let writer = tokio::spawn(writer::run(Arc::clone(&core), waiting));
        Ok(Self { core, work, writer: Arc::new(Mutex::new(Some(writer))) })
    }

    /// Which engine is behind it.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.core.engine
    }

    /// Where the database is, for people: a file, or a server without user and password.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.core.place
    }

    /// Writes out what is under way and closes every connection. Later calls fail.
    pub async fn close(&self) {
        let mut writer = self.writer.lock().await;
        if let Some(writer) = writer.take() {
            // A writer that is gone already has nothing left to write.
            let _ = self.work.send(Work::Stop).await;
            let _ = writer.await;
        }
        self.core.read.close().await;
        self.core.write.close().await;
        // Only now may another hub open the file.
        self.core.lock.lock().expect("no panic while the lock is held").take();
    }

    /// Runs a step and puts its failure into words.
    pub(crate) async fn step<T>(
        &self,
        doing: &str,
        step: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, StoreError> {
        step.await.map_err(|error| self.core.explain(doing, error))
    }

    /// Begins a decision: the head of the audit is locked first, so that decisions never wait for each other in a circle.
    pub(crate) async fn decide(&self) -> Result<Deciding, Trouble> {
        Deciding::begin(&self.core).await
    }

    /// Makes a new data key, seals everything sensitive again under it, and forgets the old ones (on PostgreSQL those of
    /// the rotation before, because another hub may still seal with the last one). Safe to interrupt: what is left is
    /// sealed again by the next call. Returns how many values were sealed again.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn rotate_data_key(&self, by: &Decision) -> Result<u64, StoreError> {
        self.step("rotating the data key", crate::rotate::rotate(self, by)).await
    }

    /// Takes data keys that another hub on the same PostgreSQL made. Called every minute.
    ///
    /// # Errors
    /// [`StoreError::WrongKey`] when the master key was changed elsewhere.
    pub async fn refresh_keys(&self) -> Result<(), StoreError> {
        self.step("reading the data keys", crate::rotate::refresh(self)).await
    }

    /// Wraps the data keys with another master key, which must be used from then on.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn change_master_key(&self, new: &MasterKey, by: &Decision) -> Result<(), StoreError> {
        self.step("changing the master key", crate::rotate::change_master(self, new, by)).await
    }
}

fn random_id() -> String {
    let mut bytes = [0; 8];
    crate::keys::random(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    Make,
    Refuse,
}

/// A SQLite file up to this size is looked through at every start: half a second on a plain disk. A larger one is looked
/// through by `wardline doctor`.
const LOOKED_THROUGH_AT_START: u64 = 256 << 20;

fn is_small(engine: Engine, url: &str) -> bool {
    engine == Engine::Sqlite
        && std::fs::metadata(engine::sqlite_file(url)).is_ok_and(|file| file.len() <= LOOKED_THROUGH_AT_START)
}

/// Every page of a SQLite file is read, and every tree in it walked.
async fn look_through(engine: Engine, place: &str, pool: &sqlx::AnyPool) -> Result<(), StoreError> {
    if engine == Engine::Postgres {
        return Ok(());
    }
    let row = sqlx::query("PRAGMA quick_check(1)").fetch_one(pool).await;
    let row = row.map_err(|error| engine::explain(place, "looking through the database", error))?;
    let said: String = row.try_get(0).map_err(|error| engine::explain(place, "looking through the database", error))?;
    if said == "ok" { Ok(()) } else { Err(StoreError::Corrupt { place: place.to_owned(), detail: said }) }
}

/// Makes sure that a SQLite file is there (or may be made), is a database, and is ours alone.
async fn claim(file: &Path, place: &str, absent: Absent) -> Result<File, StoreError> {
    if !file.exists() {
        if absent == Absent::Refuse {
            return Err(StoreError::Missing { place: place.to_owned() });
        }
        make_private(file).map_err(|error| unusable(place, &error))?;
    }
    let head = read_head(file).map_err(|error| unusable(place, &error))?;
    if !head.is_empty() && head.as_slice() != b"SQLite format 3\0" {
        let detail = "the file does not begin as a SQLite database does".to_owned();
        return Err(StoreError::Corrupt { place: place.to_owned(), detail });
    }
    let lock = file.with_extension("lock");
    let lock = File::options().create(true).truncate(false).write(true).open(&lock);
    let lock = lock.map_err(|error| unusable(place, &error))?;
    for _ in 0..CLAIMS {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(std::fs::TryLockError::WouldBlock) => tokio::time::sleep(CLAIM_EVERY).await,
            Err(std::fs::TryLockError::Error(error)) => return Err(unusable(place, &error)),
        }
    }
    Err(StoreError::InUse { place: place.to_owned() })
}

/// Makes an empty file that only its owner may read.
fn make_private(file: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

fn read_head(file: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut head = Vec::new();
    File::open(file)?.take(16).read_to_end(&mut head)?;
    Ok(head)
}

fn unusable(place: &str, error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull => StoreError::Full { place: place.to_owned() },
        _ => StoreError::Unreachable { place: place.to_owned(), detail: error.to_string() },
    }
}

/// Brings the tables up to date and returns the data keys, all in one transaction.
async fn prepare(
    engine: Engine,
    place: &str,
    write: &AnyPool,
    master: &MasterKey,
    now: Time,
    absent: Absent,
) -> Result<Vec<WrappedKey>, Trouble> {
    let mut tx = write.begin_with(engine.begin_write()).await?;
    migrate::lock(&mut tx, engine).await?;
    let from = match migrate::found(&mut tx, engine).await? {
        migrate::Found::Nothing if absent == Absent::Refuse => {
            return Err(StoreError::Missing { place: place.to_owned() }.into());
        }
        migrate::Found::Nothing => 0,
        migrate::Found::Version(version) if version > migrate::NEWEST => {
            let detail = format!("its tables have version {version}, this program knows {}", migrate::NEWEST);
            return Err(StoreError::Newer { place: place.to_owned(), detail }.into());
        }
        migrate::Found::Version(version) => version,
    };
    migrate::run(&mut tx, engine, from, migrate::NEWEST, now).await?;
    let mut keys = wrapped_keys(&mut tx).await?;
    if keys.is_empty() {
        let fresh = DataKeys::fresh(master, 1);
        insert_key(&mut tx, &fresh, now).await?;
        keys.push(fresh);
    }
    // The wrong key must change nothing, so it is found out before the commit.
    DataKeys::unwrap(master, &keys)?;
    tx.commit().await?;
    Ok(keys)
}

/// The data keys as the database holds them.
pub(crate) async fn wrapped_keys(tx: &mut Transaction<'static, Any>) -> Result<Vec<WrappedKey>, Trouble> {
    let rows = sqlx::query("SELECT id, wrapped FROM data_keys ORDER BY id").fetch_all(&mut **tx).await?;
    rows.into_iter()
        .map(|row| {
            let id = u32::try_from(row.try_get::<i64, _>("id")?).map_err(|_| StoreError::value("data key number"))?;
            Ok(WrappedKey { id, wrapped: row.try_get("wrapped")? })
        })
        .collect()
}

/// Keeps a new data key.
pub(crate) async fn insert_key(
    tx: &mut Transaction<'static, Any>,
    key: &WrappedKey,
    now: Time,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO data_keys (id, wrapped, created) VALUES ($1, $2, $3)")
        .bind(i64::from(key.id))
        .bind(key.wrapped.clone())
        .bind(crate::row::time(now))
        .execute(&mut **tx)
        .await
        .map(drop)
}
