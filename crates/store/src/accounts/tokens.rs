//! Tokens with which scripts sign in.

use sqlx::any::AnyRow;
use wardline_model::{Role, Span, Time};

use super::{NOTE_USE_EVERY, check_name, hash, secret};
use crate::engine::is_taken;
use crate::row::{maybe_moment, moment, parse, query, text, time};
use crate::store::Trouble;
use crate::{Decision, Entry, Store, StoreError};

/// An API token as found by its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created: Time,
    /// By whom.
    pub created_by: String,
    /// Until when it works.
    pub expires: Time,
    /// When it was last used, to the minute.
    pub last_used: Option<Time>,
}

/// An API token that was just made. This is the only time that the secret can be read.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// What is listed of it.
    pub row: TokenRow,
    /// The secret.
    pub secret: String,
}

impl TokenRow {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        Ok(Self {
            name: text(row, "name")?,
            role: parse(row, "role")?,
            created: moment(row, "created")?,
            created_by: text(row, "created_by")?,
            expires: moment(row, "expires")?,
            last_used: maybe_moment(row, "last_used")?,
        })
    }
}

/// Every column of a [`TokenRow`].
const TOKENS: &str = "SELECT name, role, created, created_by, expires, last_used FROM tokens";

impl Store {
    /// Makes an API token, with the audit record `token.create`.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the name exists; [`StoreError::Refused`] for a name that will not do.
    pub async fn create_token(&self, name: &str, role: Role, lives: Span, by: &Decision) -> Result<Token, StoreError> {
        check_name("token", name)?;
        let row = TokenRow {
            name: name.to_owned(),
            role,
            created: by.at,
            created_by: by.by.to_string(),
            expires: by.at + lives,
            last_used: None,
        };
        // The prefix lets scanners of leaked secrets recognise one.
        let token = Token { row, secret: format!("wardline_{}", secret()) };
        self.step("making a token", async {
            let mut deciding = self.decide().await?;
            sqlx::query(
                "INSERT INTO tokens (name, hash, role, created, created_by, expires) VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(name.to_owned())
            .bind(hash("token", &token.secret))
            .bind(role.as_str())
            .bind(time(by.at))
            .bind(by.by.to_string())
            .bind(time(token.row.expires))
            .execute(deciding.connection())
            .await
            .map_err(|error| match is_taken(&error) {
                true => StoreError::Taken { rows: vec![(0, format!("token {name}"))] }.into(),
                false => Trouble::from(error),
            })?;
            deciding.note(by, &Entry::done("token.create", None, format!("{name} as {role}"))).await?;
            deciding.commit().await?;
            Ok(token)
        })
        .await
    }

    /// The API token with this secret. `None` when it is unknown, expired or revoked.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn token(&self, secret: &str, now: Time) -> Result<Option<TokenRow>, StoreError> {
        let hashed = hash("token", secret);
        self.step("reading a token", async {
            let row = query(format!("{TOKENS} WHERE hash = $1 AND expires > $2")).bind(hashed.clone()).bind(time(now));
            let Some(row) = row.fetch_optional(&self.core.read).await? else { return Ok(None) };
            let token = TokenRow::read(&row)?;
            if token.last_used.is_none_or(|used| now.since(used) >= NOTE_USE_EVERY) {
                let note = sqlx::query("UPDATE tokens SET last_used = $1 WHERE hash = $2").bind(time(now)).bind(hashed);
                note.execute(&self.core.write).await?;
            }
            Ok(Some(token))
        })
        .await
    }

    /// Every API token, by name.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        self.step("listing tokens", async {
            let rows = query(format!("{TOKENS} ORDER BY name")).fetch_all(&self.core.read).await?;
            rows.iter().map(TokenRow::read).collect()
        })
        .await
    }

    /// Revokes an API token, with the audit record `token.revoke`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn revoke_token(&self, name: &str, by: &Decision) -> Result<(), StoreError> {
        self.step("revoking a token", async {
            let mut deciding = self.decide().await?;
            let gone = sqlx::query("DELETE FROM tokens WHERE name = $1").bind(name.to_owned());
            if gone.execute(deciding.connection()).await?.rows_affected() == 0 {
                return Err(StoreError::not_found(format!("token {name}")).into());
            }
            deciding.note(by, &Entry::done("token.revoke", None, name)).await?;
            deciding.commit().await
        })
        .await
    }
}
