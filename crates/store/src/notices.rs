//! What hubs on one PostgreSQL tell each other, so that a decision taken at one reaches the pump's link at another at once
//! (LISTEN and NOTIFY), and how they take turns (advisory locks).
//!
//! A notice names pumps and nothing else: who hears it reads the truth from the database. It is sent inside the
//! transaction of its decision, so it arrives when the decision is durable and never otherwise. A hub whose connection was
//! away may have missed notices, is told so, and reads everything anew. On SQLite there is one hub and nothing to tell.

use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{Any, Row as _, Transaction};
use tokio::time::timeout;
use wardline_model::PumpId;

use crate::engine::{self, Engine};
use crate::row::{query, sha256};
use crate::store::{Core, Trouble};
use crate::{Store, StoreError};

/// The channel on which all hubs of a database listen.
const CHANNEL: &str = "wardline";
/// The most pumps of one notice: PostgreSQL takes 8,000 bytes, and an id has 36.
const MOST_PUMPS: usize = 200;
/// After this long without a notice the connection is asked whether it still lives: a network that swallows packets does
/// not say so.
const QUIET: Duration = Duration::from_secs(10);
/// How long the answer may take, and a new connection.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Something that another hub decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Where these pumps are in their life, or which certificate they use, changed.
    Pumps(Vec<PumpId>),
    /// These pumps have new goals.
    Goals(Vec<PumpId>),
    /// The list of pumps changed.
    List,
}

impl Notice {
    fn lines(&self, from: &str) -> Vec<String> {
        let lines = |what: &str, pumps: &[PumpId]| {
            let line = |pumps: &[PumpId]| {
                let list: Vec<String> = pumps.iter().map(ToString::to_string).collect();
                format!("{from} {what} {}", list.join(","))
            };
            pumps.chunks(MOST_PUMPS).map(line).collect()
        };
        match self {
            Self::Pumps(pumps) => lines("pumps", pumps),
            Self::Goals(pumps) => lines("goals", pumps),
            Self::List => vec![format!("{from} list")],
        }
    }

    /// Reads what [`Notice::lines`] wrote, with its sender.
    fn read(line: &str) -> Option<(&str, Self)> {
        let mut words = line.split(' ');
        let (from, what, list) = (words.next()?, words.next()?, words.next());
        let pumps = || list?.split(',').map(|id| id.parse().ok()).collect::<Option<Vec<PumpId>>>();
        let notice = match what {
            "pumps" => Self::Pumps(pumps()?),
            "goals" => Self::Goals(pumps()?),
            "list" => Self::List,
            _ => return None,
        };
        Some((from, notice))
    }
}

/// Sends notices inside a transaction.
pub(crate) async fn announce(
    core: &Core,
    tx: &mut Transaction<'static, Any>,
    notices: &[Notice],
) -> Result<(), Trouble> {
    if core.engine == Engine::Postgres {
        for line in notices.iter().flat_map(|notice| notice.lines(&core.id)) {
            sqlx::query("SELECT pg_notify($1, $2)::text AS told").bind(CHANNEL).bind(line).fetch_one(&mut **tx).await?;
        }
    }
    Ok(())
}

/// What a hub hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Another hub decided something.
    Notice(Notice),
    /// The connection was away: notices may have been missed, so everything must be read anew.
    Missed,
}

/// The ear of one hub.
#[derive(Debug)]
pub struct Neighbours {
    url: String,
    own: String,
    place: String,
    node: i64,
    listener: Option<PgListener>,
}

impl Neighbours {
    /// Waits for the next notice of another hub. It may be dropped while it waits, and nothing is lost.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] while there is no connection; call it again after a moment.
    pub async fn next(&mut self) -> Result<Heard, StoreError> {
        loop {
            let Some(listener) = &mut self.listener else {
                self.connect().await?;
                return Ok(Heard::Missed);
            };
            match timeout(QUIET, listener.try_recv()).await {
                Ok(Ok(Some(notice))) => match Notice::read(notice.payload()) {
                    Some((from, _)) if from == self.own => {}
                    Some((_, notice)) => return Ok(Heard::Notice(notice)),
                    // A newer hub may tell more than this one knows.
                    None => return Ok(Heard::Missed),
                },
                Ok(Ok(None) | Err(_)) => self.listener = None,
                Err(_) => {
                    let lives = timeout(ANSWER_WITHIN, sqlx::query("SELECT 1").execute(&mut *listener)).await;
                    if !matches!(lives, Ok(Ok(_))) {
                        self.listener = None;
                    }
                }
            }
        }
    }

    /// Opens the connection, listens, and holds this hub's name while the connection lives. Returns whether nobody else
    /// holds it.
    async fn connect(&mut self) -> Result<bool, StoreError> {
        let opening = async {
            let mut listener = PgListener::connect(&self.url).await?;
            listener.eager_reconnect(false);
            // A machine that lost its power must not hold its name for hours: the server asks after 15 s, three times.
            sqlx::raw_sql(
                "SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3",
            )
            .execute(&mut listener)
            .await?;
            listener.listen(CHANNEL).await?;
            let row = sqlx::query("SELECT pg_try_advisory_lock($1)").bind(self.node).fetch_one(&mut listener).await?;
            Ok((listener, row.try_get(0)?))
        };
        let away = |detail: String| StoreError::Unreachable { place: self.place.clone(), detail };
        match timeout(ANSWER_WITHIN, opening).await {
            Ok(Ok((listener, is_ours))) => {
                self.listener = Some(listener);
                Ok(is_ours)
            }
            Ok(Err(error)) => Err(engine::explain(&self.place, "listening to the other hubs", error)),
            Err(_) => Err(away("it does not answer".to_owned())),
        }
    }
}

/// The advisory lock of a name: a number that two names share once in 2^64.
fn lock_of(name: &str) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&sha256(&[b"wardline ", name.as_bytes()]).as_bytes()[..8]);
    i64::from_be_bytes(bytes)
}

fn node_lock(node: &str) -> i64 {
    lock_of(&format!("hub {node}"))
}

/// Takes an advisory lock for the rest of a transaction, or says that another hub has it.
async fn try_lock(tx: &mut Transaction<'static, Any>, lock: i64) -> Result<bool, sqlx::Error> {
    let sql = "SELECT CAST(CASE WHEN pg_try_advisory_xact_lock($1) THEN 1 ELSE 0 END AS BIGINT) AS got";
    sqlx::query(sql).bind(lock).fetch_one(&mut **tx).await?.try_get::<i64, _>("got").map(|got| got == 1)
}

/// A turn that only one hub has at a time; dropping it ends it.
#[derive(Debug)]
pub struct Turn {
    /// On PostgreSQL the open transaction that holds the lock.
    _held: Option<Transaction<'static, Any>>,
}

impl Store {
    /// Listens to the other hubs on the same PostgreSQL, under this hub's name; `None` on SQLite, which serves one hub.
    /// Call it before the registry is read, so that nothing falls in between.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] when another hub runs under the name, and those of the engine.
    pub async fn neighbours(&self, node: &str) -> Result<Option<Neighbours>, StoreError> {
        if self.core.engine == Engine::Sqlite {
            return Ok(None);
        }
        let (url, own, place) = (self.core.url.clone(), self.core.id.clone(), self.core.place.clone());
        let mut ears = Neighbours { url, own, place, node: node_lock(node), listener: None };
        if ears.connect().await? {
            Ok(Some(ears))
        } else {
            Err(StoreError::NameTaken { place: self.core.place.clone(), node: node.to_owned() })
        }
    }

    /// Takes the planner's turn unless another hub has it.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn planners_turn(&self) -> Result<Option<Turn>, StoreError> {
        if self.core.engine == Engine::Sqlite {
            return Ok(Some(Turn { _held: None }));
        }
        self.step("taking the planner's turn", async {
            let mut tx = self.core.read.begin().await?;
            let got = try_lock(&mut tx, lock_of("planner")).await?;
            Ok(got.then_some(Turn { _held: Some(tx) }))
        })
        .await
    }

    /// Forgets the links of hubs that are gone: those that hold no lock on their name. Returns how many pumps are seen as
    /// without a link from now on.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn forget_dead_hubs(&self, own: &str) -> Result<u64, StoreError> {
        self.step("forgetting links of hubs that are gone", async {
            let nodes = sqlx::query("SELECT DISTINCT link_node FROM pumps WHERE link_node IS NOT NULL");
            let nodes = nodes.fetch_all(&self.core.read).await?;
            let mut forgotten = 0;
            for row in nodes {
                let node: String = row.try_get("link_node")?;
                if node == own {
                    continue;
                }
                let mut tx = self.core.begin().await?;
                if self.core.engine == Engine::Postgres && !try_lock(&mut tx, node_lock(&node)).await? {
                    continue;
                }
                let sql = "UPDATE pumps SET linked_since = NULL, link_node = NULL WHERE link_node = $1";
                forgotten += query(sql.to_owned()).bind(node).execute(&mut *tx).await?.rows_affected();
                tx.commit().await?;
            }
            Ok(forgotten)
        })
        .await
    }
}
