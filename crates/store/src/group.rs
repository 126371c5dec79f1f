//! Decisions that wait at the same time share one commit, so that three hundred quarantines do not each wait for the disk.
//!
//! One transaction is open at a time. A decision enters it behind a savepoint, does its work, adds its audit record, and
//! leaves the transaction open for those who were waiting behind it; whoever was first has it committed when they are
//! through. Nobody is answered before that commit returned (N11). A decision that fails is rolled back to its savepoint
//! and takes nothing of the others with it; only a failure of the commit itself, or of the connection, fails them all, and
//! then nothing of any of them is kept.

use std::sync::Arc;

use sqlx::{Any, AnyConnection, Executor as _, Transaction};
use tokio::sync::{OwnedMutexGuard, oneshot};
use wardline_model::covers;

use crate::audit::Head;
use crate::notices::{Notice, announce};
use crate::store::{Core, Trouble};
use crate::{Decision, Entry, StoreError};

/// The most decisions of one commit: a few dozen milliseconds of work, so that events never wait long for their turn.
const LARGEST_GROUP: usize = 64;

/// A transaction that decisions share.
pub(crate) struct Open {
    tx: Transaction<'static, Any>,
    /// The newest audit record of those decisions that are through.
    head: Head,
    /// Whom to tell how the commit ended.
    members: Vec<oneshot::Sender<Result<(), StoreError>>>,
    /// A decision ended without success, and its part must be rolled back before anything else.
    spoiled: bool,
    /// Which group it is.
    number: u64,
}

impl Open {
    /// Takes back what a failed decision left behind.
    async fn clean(&mut self) -> Result<(), sqlx::Error> {
        if self.spoiled {
            self.tx.execute("ROLLBACK TO SAVEPOINT one").await?;
            self.spoiled = false;
        }
        Ok(())
    }

    /// Makes the group durable and tells its members.
    async fn commit(mut self, core: &Core) {
        covers!("N11");
        let done = match self.clean().await {
            Ok(()) => self.tx.commit().await.map_err(|error| core.explain("keeping decisions", error.into())),
            Err(_) => Err(lost(core)),
        };
        for member in self.members {
            // A member that is gone does not want to know.
            let _ = member.send(done.clone());
        }
    }
}

/// What the members of a group are told when another one's failure ended their transaction, as a full disk does.
fn lost(core: &Core) -> StoreError {
    let detail = "a decision of the same moment failed together with its connection, and nothing was kept".to_owned();
    StoreError::Unreachable { place: core.place.clone(), detail }
}

/// Where decisions take turns.
pub(crate) type Turnstile = Arc<tokio::sync::Mutex<Option<Open>>>;

/// A decision under way. It holds the head of the audit: decisions take turns here, on both engines and across hubs.
pub(crate) struct Deciding {
    seat: OwnedMutexGuard<Option<Open>>,
    core: Arc<Core>,
    /// The newest audit record as this decision sees it.
    head: Head,
    notices: Vec<Notice>,
    is_through: bool,
}

impl Deciding {
    /// Waits for its turn, and begins or joins a transaction.
    pub(crate) async fn begin(core: &Arc<Core>) -> Result<Self, Trouble> {
        let mut seat = Arc::clone(&core.turnstile).lock_owned().await;
        let is_full = seat.as_ref().is_some_and(|open| open.members.len() >= LARGEST_GROUP);
        let is_lost = match seat.as_mut() {
            Some(open) => open.clean().await.is_err(),
            None => false,
        };
        if (is_full || is_lost)
            && let Some(open) = seat.take()
        {
            // A task of its own: a caller who gives up now must take nobody's commit with him.
            let committing = Arc::clone(core);
            let _ = tokio::spawn(async move { open.commit(&committing).await }).await;
        }
        if seat.is_none() {
            let mut tx = core.begin().await?;
            let head = Head::lock(&mut tx, core.engine).await?;
            let number = core.next_group();
            *seat = Some(Open { tx, head, members: Vec::new(), spoiled: false, number });
        }
        let head = seat.as_ref().expect("it was just made").head.clone();
        let mut deciding = Self { seat, core: Arc::clone(core), head, notices: Vec::new(), is_through: false };
        deciding.tx().execute("SAVEPOINT one").await?;
        Ok(deciding)
    }

    fn open(&mut self) -> &mut Open {
        self.seat.as_mut().expect("a decision under way has its transaction")
    }

    /// The transaction.
    pub(crate) fn tx(&mut self) -> &mut Transaction<'static, Any> {
        &mut self.open().tx
    }

    /// Its connection, to run statements on.
    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        self.tx()
    }

    /// The newest audit record.
    pub(crate) const fn head(&self) -> &Head {
        &self.head
    }

    /// Adds an audit record to the decision.
    pub(crate) async fn note(&mut self, by: &Decision, entry: &Entry) -> Result<u64, Trouble> {
        let open = self.seat.as_mut().expect("a decision under way has its transaction");
        self.head.append(&mut open.tx, by, entry).await
    }

    /// Tells the other hubs on the same PostgreSQL when, and only when, the decision is durable.
    pub(crate) fn tell(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// Makes the decision and its records durable, together.
    pub(crate) async fn commit(mut self) -> Result<(), Trouble> {
        let notices = std::mem::take(&mut self.notices);
        let core = Arc::clone(&self.core);
        announce(&core, self.tx(), &notices).await?;
        self.tx().execute("RELEASE SAVEPOINT one").await?;
        let (told, answer) = oneshot::channel();
        let head = self.head.clone();
        let open = self.open();
        open.head = head;
        open.members.push(told);
        let (is_first, number) = (open.members.len() == 1, open.number);
        self.is_through = true;
        drop(self);
        if is_first {
            // A task of its own, so that a caller who goes away takes nobody's commit with him. It queues behind those
            // who are waiting already: they are the group.
            tokio::spawn(finish(Arc::clone(&core), number));
        }
        answer.await.unwrap_or_else(|_| Err(lost(&core)))?;
        Ok(())
    }
}

impl Drop for Deciding {
    fn drop(&mut self) {
        if self.is_through {
            return;
        }
        match self.seat.as_mut() {
            // Dropping a transaction rolls it back.
            Some(open) if open.members.is_empty() => *self.seat = None,
            Some(open) => open.spoiled = true,
            None => {}
        }
    }
}

/// Commits a group once those who waited when it began are through.
async fn finish(core: Arc<Core>, number: u64) {
    let mut seat = Arc::clone(&core.turnstile).lock_owned().await;
    if seat.as_ref().is_some_and(|open| open.number == number)
        && let Some(open) = seat.take()
    {
        open.commit(&core).await;
    }
}
