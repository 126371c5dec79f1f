//! Wipe orders and their receipts. An order is written in the same transaction as the decision that it follows from.

use sqlx::Row as _;
use sqlx::any::AnyRow;
use wardline_model::{Digest, Ending, Lifecycle, PumpId, Time};

use crate::group::Deciding;
use crate::row::{maybe_moment, moment, parse, text, time};
use crate::store::Trouble;
use crate::{Decision, Entry, Store, StoreError};

/// How many of a pump's newest certificates an order names. A pump holds one, or two while it renews; what it got in an
/// earlier life is long gone, and naming it does no harm.
const NAMED: i64 = 8;

/// A wipe order and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WipeRow {
    /// Its name: 32 hexadecimal digits.
    pub nonce: String,
    /// Whom it is for.
    pub pump: PumpId,
    /// Why.
    pub ending: Ending,
    /// SHA-256 of each certificate that the pump may hold.
    pub certificates: Vec<Digest>,
    /// When it was decided.
    pub decided: Time,
    /// When the pump first took it.
    pub fetched: Option<Time>,
    /// When it was taken back, because the pump was found before it took it.
    pub withdrawn: Option<Time>,
    /// The pump's receipt, as it came.
    pub receipt: Option<Vec<u8>>,
    /// When it came.
    pub received: Option<Time>,
}

const SELECT: &str =
    "SELECT nonce, pump, ending, certificates, decided, fetched, withdrawn, receipt, received FROM wipe_orders";

impl WipeRow {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        let digest = |text: &str| text.parse().map_err(|_| StoreError::value("wipe_orders.certificates").into());
        Ok(Self {
            nonce: text(row, "nonce")?,
            pump: parse(row, "pump")?,
            ending: parse(row, "ending")?,
            certificates: text(row, "certificates")?.split(' ').map(digest).collect::<Result<_, Trouble>>()?,
            decided: moment(row, "decided")?,
            fetched: maybe_moment(row, "fetched")?,
            withdrawn: maybe_moment(row, "withdrawn")?,
            receipt: row.try_get("receipt")?,
            received: maybe_moment(row, "received")?,
        })
    }

    /// Whether the pump still has to obey it.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.withdrawn.is_none() && self.received.is_none()
    }
}

/// What a pump's move means for its wipe order. A pump that never had a certificate has nothing to forget.
pub(crate) async fn follow_in(
    deciding: &mut Deciding,
    pump: PumpId,
    from: Lifecycle,
    to: Lifecycle,
    ending: Ending,
    by: &Decision,
) -> Result<(), Trouble> {
    match (from, to) {
        // The order for a lost pump stands: it may be obeyed already.
        (Lifecycle::Lost, Lifecycle::Retired) => {
            let standing = "SELECT COUNT(*) AS orders FROM wipe_orders WHERE pump = $1 AND withdrawn IS NULL";
            let row = sqlx::query(standing).bind(pump.to_string()).fetch_one(deciding.connection()).await?;
            if row.try_get::<i64, _>("orders")? == 0 { order_in(deciding, pump, ending, by).await } else { Ok(()) }
        }
        (_, Lifecycle::Lost | Lifecycle::Retired) => order_in(deciding, pump, ending, by).await,
        (Lifecycle::Lost, _) => {
            let take_back =
                "UPDATE wipe_orders SET withdrawn = $1 WHERE pump = $2 AND withdrawn IS NULL AND received IS NULL";
            let update = sqlx::query(take_back).bind(time(by.at)).bind(pump.to_string());
            update.execute(deciding.connection()).await?;
            Ok(())
        }
        (_, Lifecycle::Expected | Lifecycle::Enrolled | Lifecycle::InService | Lifecycle::Quarantined) => Ok(()),
    }
}

async fn order_in(deciding: &mut Deciding, pump: PumpId, ending: Ending, by: &Decision) -> Result<(), Trouble> {
    let newest = "SELECT fingerprint FROM certificates WHERE pump = $1 ORDER BY issued DESC, serial LIMIT $2";
    let rows = sqlx::query(newest).bind(pump.to_string()).bind(NAMED).fetch_all(deciding.connection()).await?;
    let certificates = rows.iter().map(|row| text(row, "fingerprint")).collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() {
        return Ok(());
    }
    let mut nonce = [0; 16];
    crate::keys::random(&mut nonce);
    let nonce: String = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
    sqlx::query("INSERT INTO wipe_orders (nonce, pump, ending, certificates, decided) VALUES ($1, $2, $3, $4, $5)")
        .bind(nonce)
        .bind(pump.to_string())
        .bind(ending.as_str())
        .bind(certificates.join(" "))
        .bind(time(by.at))
        .execute(deciding.connection())
        .await?;
    deciding.note(by, &Entry::done("pump.wipe-ordered", Some(pump), ending.as_str())).await?;
    Ok(())
}

impl Store {
    /// A pump's newest wipe order, whatever came of it.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn wipe_of(&self, pump: PumpId) -> Result<Option<WipeRow>, StoreError> {
        self.step("reading a wipe order", async {
            let sql = format!("{SELECT} WHERE pump = $1 ORDER BY decided DESC, nonce LIMIT 1");
            let row = crate::row::query(sql).bind(pump.to_string()).fetch_optional(&self.core.read).await?;
            row.as_ref().map(WipeRow::read).transpose()
        })
        .await
    }

    /// The order of this name.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn wipe_named(&self, nonce: &str) -> Result<Option<WipeRow>, StoreError> {
        self.step("reading a wipe order", async {
            let row = crate::row::query(format!("{SELECT} WHERE nonce = $1")).bind(nonce.to_owned());
            let row = row.fetch_optional(&self.core.read).await?;
            row.as_ref().map(WipeRow::read).transpose()
        })
        .await
    }

    /// Notes that the pump took its order.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn wipe_fetched(&self, nonce: &str, at: Time) -> Result<(), StoreError> {
        self.step("noting that a wipe order was taken", async {
            let mut tx = self.core.begin().await?;
            sqlx::query("UPDATE wipe_orders SET fetched = $1 WHERE nonce = $2 AND fetched IS NULL")
                .bind(time(at))
                .bind(nonce.to_owned())
                .execute(&mut *tx)
                .await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Keeps a receipt that was checked, with the audit record `pump.wiped`. The first one counts; false when there is one
    /// already.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such order.
    pub async fn keep_wipe_receipt(&self, nonce: &str, receipt: &[u8], by: &Decision) -> Result<bool, StoreError> {
        self.step("keeping a wipe receipt", async {
            let mut deciding = self.decide().await?;
            let row = sqlx::query("SELECT pump, ending, received FROM wipe_orders WHERE nonce = $1")
                .bind(nonce.to_owned())
                .fetch_optional(deciding.connection())
                .await?
                .ok_or_else(|| StoreError::not_found("the wipe order"))?;
            if maybe_moment(&row, "received")?.is_some() {
                return Ok(false);
            }
            let (pump, ending): (PumpId, Ending) = (parse(&row, "pump")?, parse(&row, "ending")?);
            sqlx::query("UPDATE wipe_orders SET receipt = $1, received = $2 WHERE nonce = $3")
                .bind(receipt.to_vec())
                .bind(time(by.at))
                .bind(nonce.to_owned())
                .execute(deciding.connection())
                .await?;
            deciding.note(by, &Entry::done("pump.wiped", Some(pump), ending.as_str())).await?;
            deciding.commit().await?;
            Ok(true)
        })
        .await
    }

    /// The DER of the certificate with this fingerprint.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn certificate_by_fingerprint(&self, fingerprint: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.step("reading a certificate", async {
            let row = sqlx::query("SELECT der FROM certificates WHERE fingerprint = $1").bind(fingerprint.to_string());
            let row = row.fetch_optional(&self.core.read).await?;
            row.map(|row| Ok(row.try_get("der")?)).transpose()
        })
        .await
    }
}
