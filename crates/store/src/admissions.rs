//! Where each pump was last admitted to the network: learnt from the RADIUS server's question, so that the pump can be
//! sent off the air when it is taken down. One row for each pump; nothing is decided by it.

use sqlx::any::AnyRow;
use wardline_model::{PumpId, Time};

use crate::row::{moment, parse, text, time};
use crate::store::Trouble;
use crate::{Store, StoreError};

/// The longest identifier that is kept: RFC 2865 attributes have at most 253 bytes.
const LONGEST: usize = 253;

/// One admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnAir {
    /// Which pump.
    pub pump: PumpId,
    /// User-Name, as the pump gave it to the access point.
    pub user: String,
    /// Calling-Station-Id: the radio's address.
    pub station: String,
    /// NAS-IP-Address or NAS-Identifier of the access point or controller.
    pub nas: String,
    /// When it was asked about last.
    pub at: Time,
}

impl OnAir {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        Ok(Self {
            pump: parse(row, "pump")?,
            user: text(row, "user_name")?,
            station: text(row, "station")?,
            nas: text(row, "nas")?,
            at: moment(row, "at")?,
        })
    }
}

impl Store {
    /// Notes an admission; the newest of a pump replaces the one before.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn note_admission(&self, on_air: &OnAir) -> Result<(), StoreError> {
        let cut = |text: &str| text.chars().filter(|c| !c.is_control()).take(LONGEST).collect::<String>();
        self.step("noting an admission to the network", async {
            let mut tx = self.core.begin().await?;
            let upsert = "INSERT INTO admissions (pump, user_name, station, nas, at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (pump) DO UPDATE SET user_name = excluded.user_name, station = excluded.station, \
                 nas = excluded.nas, at = excluded.at";
            sqlx::query(upsert)
                .bind(on_air.pump.to_string())
                .bind(cut(&on_air.user))
                .bind(cut(&on_air.station))
                .bind(cut(&on_air.nas))
                .bind(time(on_air.at))
                .execute(&mut *tx)
                .await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Where a pump was last admitted.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn admission(&self, pump: PumpId) -> Result<Option<OnAir>, StoreError> {
        self.step("reading where a pump was admitted", async {
            let row = sqlx::query("SELECT pump, user_name, station, nas, at FROM admissions WHERE pump = $1");
            let row = row.bind(pump.to_string()).fetch_optional(&self.core.read).await?;
            row.as_ref().map(OnAir::read).transpose()
        })
        .await
    }
}
