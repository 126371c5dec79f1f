//! Who is signed in, and links that sign in once. Tokens are not kept, only what they hash to.

use sqlx::Row as _;
use wardline_model::{Span, Time};

use super::{NOTE_USE_EVERY, User, hash, secret};
use crate::row::{moment, text, time};
use crate::{Decision, Entry, Store, StoreError};

/// A session that was just opened. The token goes into the cookie and is not kept.
#[derive(Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The token for the cookie.
    pub token: String,
    /// The secret that every changing request must repeat.
    pub csrf: String,
    /// Until when, at the latest.
    pub expires: Time,
}

/// A session as found by its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub user: User,
    /// The secret that every changing request must repeat.
    pub csrf: String,
    /// When it was opened.
    pub opened: Time,
    /// Until when, at the latest.
    pub expires: Time,
}

/// A link that signs in once.
#[derive(Clone, PartialEq, Eq)]
pub struct SignInLink {
    /// The token in the link.
    pub token: String,
    /// Until when it works.
    pub expires: Time,
}

/// The place for which a session's secret is sealed.
pub(crate) fn csrf_place(hash: &str) -> String {
    format!("sessions/csrf/{hash}")
}

impl Store {
    /// Opens a session, with the audit record `session.open`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn open_session(&self, user: &str, lives: Span, by: &Decision) -> Result<NewSession, StoreError> {
        let session = NewSession { token: secret(), csrf: secret(), expires: by.at + lives };
        let hashed = hash("session", &session.token);
        self.step("opening a session", async {
            let mut deciding = self.decide().await?;
            User::in_transaction(&mut deciding, user).await?;
            sqlx::query(
                "INSERT INTO sessions (hash, account, csrf, opened, expires, last_used) VALUES ($1, $2, $3, $4, $5, $4)",
            )
            .bind(hashed.clone())
            .bind(user.to_owned())
            .bind(self.core.keys.seal(&csrf_place(&hashed), session.csrf.as_bytes()))
            .bind(time(by.at))
            .bind(time(session.expires))
            .execute(deciding.connection())
            .await?;
            sqlx::query("UPDATE accounts SET last_sign_in = $1 WHERE name = $2")
                .bind(time(by.at))
                .bind(user.to_owned())
                .execute(deciding.connection())
                .await?;
            deciding.note(by, &Entry::done("session.open", None, user)).await?;
            deciding.commit().await?;
            Ok(session)
        })
        .await
    }

    /// The session with this token. `None` when it is unknown, expired, idle for longer than `idle`, or its account is
    /// shut.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn session(&self, token: &str, idle: Span, now: Time) -> Result<Option<Session>, StoreError> {
        let hashed = hash("session", token);
        let sql = "SELECT a.name, a.display, a.role, a.disabled, a.created, a.last_sign_in, s.csrf, s.opened, s.expires, \
             s.last_used FROM sessions s JOIN accounts a ON a.name = s.account \
             WHERE s.hash = $1 AND s.expires > $2 AND s.last_used > $3 AND a.disabled IS NULL";
        self.step("reading a session", async {
            let row = sqlx::query(sql).bind(hashed.clone()).bind(time(now)).bind(time(now - idle));
            let Some(row) = row.fetch_optional(&self.core.read).await? else { return Ok(None) };
            let csrf = self.core.keys.open(&csrf_place(&hashed), &row.try_get::<Vec<u8>, _>("csrf")?)?;
            if now.since(moment(&row, "last_used")?) >= NOTE_USE_EVERY {
                sqlx::query("UPDATE sessions SET last_used = $1 WHERE hash = $2")
                    .bind(time(now))
                    .bind(hashed.clone())
                    .execute(&self.core.write)
                    .await?;
            }
            Ok(Some(Session {
                user: User::read(&row)?,
                csrf: String::from_utf8(csrf).map_err(|_| StoreError::value("sessions.csrf"))?,
                opened: moment(&row, "opened")?,
                expires: moment(&row, "expires")?,
            }))
        })
        .await
    }

    /// Ends a session, with the audit record `session.close`.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn close_session(&self, token: &str, by: &Decision) -> Result<(), StoreError> {
        let hashed = hash("session", token);
        self.step("ending a session", async {
            let mut deciding = self.decide().await?;
            let row = sqlx::query("SELECT account FROM sessions WHERE hash = $1").bind(hashed.clone());
            let Some(row) = row.fetch_optional(deciding.connection()).await? else { return Ok(()) };
            let account = text(&row, "account")?;
            let gone = sqlx::query("DELETE FROM sessions WHERE hash = $1").bind(hashed);
            gone.execute(deciding.connection()).await?;
            deciding.note(by, &Entry::done("session.close", None, account)).await?;
            deciding.commit().await
        })
        .await
    }

    /// Makes a link that signs this account in once, with the audit record `sign-in-link.create`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn new_sign_in_link(&self, user: &str, lives: Span, by: &Decision) -> Result<SignInLink, StoreError> {
        let link = SignInLink { token: secret(), expires: by.at + lives };
        self.step("making a sign-in link", async {
            let mut deciding = self.decide().await?;
            User::in_transaction(&mut deciding, user).await?;
            sqlx::query("INSERT INTO sign_in_links (hash, account, expires) VALUES ($1, $2, $3)")
                .bind(hash("sign-in link", &link.token))
                .bind(user.to_owned())
                .bind(time(link.expires))
                .execute(deciding.connection())
                .await?;
            deciding.note(by, &Entry::done("sign-in-link.create", None, user)).await?;
            deciding.commit().await?;
            Ok(link)
        })
        .await
    }

    /// Uses a sign-in link up. `None` when it is unknown, expired, used, or its account is shut.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn spend_sign_in_link(&self, token: &str, now: Time) -> Result<Option<User>, StoreError> {
        let hashed = hash("sign-in link", token);
        self.step("using a sign-in link", async {
            let mut deciding = self.decide().await?;
            let row = sqlx::query("SELECT account, expires FROM sign_in_links WHERE hash = $1").bind(hashed.clone());
            let Some(row) = row.fetch_optional(deciding.connection()).await? else { return Ok(None) };
            let gone = sqlx::query("DELETE FROM sign_in_links WHERE hash = $1").bind(hashed);
            gone.execute(deciding.connection()).await?;
            let user = User::in_transaction(&mut deciding, &text(&row, "account")?).await?;
            let works = moment(&row, "expires")? > now && user.disabled.is_none();
            deciding.commit().await?;
            Ok(works.then_some(user))
        })
        .await
    }
}
