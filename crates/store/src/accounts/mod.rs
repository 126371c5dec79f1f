//! People, their sessions and their tokens.
//!
//! Passwords are stored as Argon2id with 46 MiB, one pass, one lane (first of the equal choices of OWASP's Password
//! Storage Cheat Sheet); two are computed at a time, so that a flood of sign-ins cannot take the memory. Session tokens,
//! sign-in links and API tokens are 256 random bits of which only the SHA-256 is stored. There is no default account.

mod sessions;
mod tokens;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use tokio::sync::Semaphore;
use wardline_model::{Role, Span, Time};

pub(crate) use sessions::csrf_place;
pub use sessions::{NewSession, Session, SignInLink};
pub use tokens::{Token, TokenRow};

use crate::engine::is_taken;
use crate::group::Deciding;
use crate::row::{maybe_moment, moment, number, parse, query, sha256, text, time};
use crate::store::Trouble;
use crate::{Decision, Entry, Store, StoreError};

/// Argon2id's memory in KiB.
const MEMORY_KIB: u32 = 47_104;
/// How many passwords are computed at once.
static COMPUTING: Semaphore = Semaphore::const_new(2);
/// The shortest password (NIST SP 800-63B asks for 8 with, 15 without a second factor; we stand between and forbid
/// nothing else).
const SHORTEST_PASSWORD: usize = 12;
/// The longest password in bytes, so that nobody makes the hub hash a novel.
const LONGEST_PASSWORD: usize = 256;
/// The longest account or token name.
const LONGEST_NAME: usize = 64;
/// A session or token is noted as used at most this often, so that reading does not write all the time.
const NOTE_USE_EVERY: Span = Span::from_min(1);

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name: lower case, at most 64 characters.
    pub name: String,
    /// What people read.
    pub display: String,
    /// What it may do.
    pub role: Role,
    /// Since when it is shut; `None` while it works.
    pub disabled: Option<Time>,
    /// When it was made.
    pub created: Time,
    /// When it last signed in.
    pub last_sign_in: Option<Time>,
}

/// An account to be made.
#[derive(Clone, PartialEq, Eq)]
pub struct NewUser {
    /// Its name.
    pub name: String,
    /// What people read.
    pub display: String,
    /// What it may do.
    pub role: Role,
    /// Its password; `None` when it signs in by link first.
    pub password: Option<String>,
}

/// 256 random bits as text.
fn secret() -> String {
    let mut bytes = [0; 32];
    crate::keys::random(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is stored of a secret: each kind of secret has its own prefix, so that one cannot serve as another.
fn hash(kind: &str, secret: &str) -> String {
    sha256(&[kind.as_bytes(), b"\n", secret.as_bytes()]).to_string()
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, 1, 1, None).expect("the parameters are within Argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Computes away from the tasks that serve pumps.
async fn compute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    let _turn = COMPUTING.acquire().await.expect("nobody closes the semaphore");
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::value("a password's hash"))
}

async fn hash_password(password: &str) -> Result<String, StoreError> {
    if password.chars().count() < SHORTEST_PASSWORD || password.len() > LONGEST_PASSWORD {
        let why = format!("it must have at least {SHORTEST_PASSWORD} characters and at most {LONGEST_PASSWORD} bytes");
        return Err(StoreError::refused("the password", why));
    }
    let password = zeroize::Zeroizing::new(password.as_bytes().to_vec());
    let hash = compute(move || argon2().hash_password(&password).map(|hash| hash.to_string())).await?;
    hash.map_err(|_| StoreError::value("a password's hash"))
}

fn check_name(what: &str, name: &str) -> Result<(), StoreError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | '@');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(plain) {
        let why = format!("use 1 to {LONGEST_NAME} of a-z, 0-9, '-', '_', '.' and '@'");
        return Err(StoreError::refused(format!("the {what} name"), why));
    }
    Ok(())
}

/// Every column of a [`User`].
const USERS: &str = "SELECT name, display, role, disabled, created, last_sign_in FROM accounts";

impl User {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        Ok(Self {
            name: text(row, "name")?,
            display: text(row, "display")?,
            role: parse(row, "role")?,
            disabled: maybe_moment(row, "disabled")?,
            created: moment(row, "created")?,
            last_sign_in: maybe_moment(row, "last_sign_in")?,
        })
    }

    async fn in_transaction(deciding: &mut Deciding, name: &str) -> Result<Self, Trouble> {
        let row = query(format!("{USERS} WHERE name = $1")).bind(name.to_owned());
        let row = row.fetch_optional(deciding.connection()).await?;
        Self::read(&row.ok_or_else(|| StoreError::not_found(format!("account {name}")))?)
    }
}

async fn end_sessions(deciding: &mut Deciding, name: &str) -> Result<(), Trouble> {
    for sql in ["DELETE FROM sessions WHERE account = $1", "DELETE FROM sign_in_links WHERE account = $1"] {
        sqlx::query(sql).bind(name.to_owned()).execute(deciding.connection()).await?;
    }
    Ok(())
}

impl Store {
    /// Makes an account, with the audit record `account.create`.
    ///
    /// # Errors
    /// [`StoreError::Taken`]; [`StoreError::Refused`] for a name or password that will not do.
    pub async fn create_user(&self, user: &NewUser, by: &Decision) -> Result<User, StoreError> {
        check_name("account", &user.name)?;
        let password = match &user.password {
            Some(password) => Some(hash_password(password).await?),
            None => None,
        };
        self.step("making an account", async {
            let mut deciding = self.decide().await?;
            sqlx::query("INSERT INTO accounts (name, display, role, password, created) VALUES ($1, $2, $3, $4, $5)")
                .bind(user.name.clone())
                .bind(user.display.chars().take(100).collect::<String>())
                .bind(user.role.as_str())
                .bind(password)
                .bind(time(by.at))
                .execute(deciding.connection())
                .await
                .map_err(|error| match is_taken(&error) {
                    true => StoreError::Taken { rows: vec![(0, format!("account {}", user.name))] }.into(),
                    false => Trouble::from(error),
                })?;
            let made = User::in_transaction(&mut deciding, &user.name).await?;
            let subject = format!("{} as {}", user.name, user.role);
            deciding.note(by, &Entry::done("account.create", None, subject)).await?;
            deciding.commit().await?;
            Ok(made)
        })
        .await
    }

    /// One account.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        self.step("reading an account", async {
            let row = query(format!("{USERS} WHERE name = $1")).bind(name.to_owned());
            row.fetch_optional(&self.core.read).await?.as_ref().map(User::read).transpose()
        })
        .await
    }

    /// Every account, by name.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        self.step("listing accounts", async {
            let rows = query(format!("{USERS} ORDER BY name")).fetch_all(&self.core.read).await?;
            rows.iter().map(User::read).collect()
        })
        .await
    }

    /// Sets a password and ends every session of the account, with the audit record `account.password`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Refused`] for a password that will not do.
    pub async fn set_password(&self, name: &str, password: &str, by: &Decision) -> Result<(), StoreError> {
        let password = hash_password(password).await?;
        self.step("setting a password", async {
            let mut deciding = self.decide().await?;
            User::in_transaction(&mut deciding, name).await?;
            sqlx::query("UPDATE accounts SET password = $1 WHERE name = $2")
                .bind(password)
                .bind(name.to_owned())
                .execute(deciding.connection())
                .await?;
            end_sessions(&mut deciding, name).await?;
            deciding.note(by, &Entry::done("account.password", None, name)).await?;
            deciding.commit().await
        })
        .await
    }

    /// Gives an account another role, or shuts or opens it. Ends its sessions. Audit records `account.role`,
    /// `account.disable`, `account.enable`. The last administrator cannot be shut out.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Refused`].
    pub async fn change_user(&self, user: &User, by: &Decision) -> Result<(), StoreError> {
        self.step("changing an account", async {
            let mut deciding = self.decide().await?;
            let before = User::in_transaction(&mut deciding, &user.name).await?;
            sqlx::query("UPDATE accounts SET display = $1, role = $2, disabled = $3 WHERE name = $4")
                .bind(user.display.chars().take(100).collect::<String>())
                .bind(user.role.as_str())
                .bind(user.disabled.map(time))
                .bind(user.name.clone())
                .execute(deciding.connection())
                .await?;
            let left = "SELECT COUNT(*) AS left_over FROM accounts WHERE role = 'administrator' AND disabled IS NULL";
            let was_administrator = before.role == Role::Administrator && before.disabled.is_none();
            if was_administrator
                && number(&sqlx::query(left).fetch_one(deciding.connection()).await?, "left_over")? == 0
            {
                let why = "it is the last administrator; make another one first";
                return Err(StoreError::refused(format!("the change of account {}", user.name), why).into());
            }
            end_sessions(&mut deciding, &user.name).await?;
            if before.role != user.role {
                let subject = format!("{} from {} to {}", user.name, before.role, user.role);
                deciding.note(by, &Entry::done("account.role", None, subject)).await?;
            }
            match (before.disabled, user.disabled) {
                (None, Some(_)) => deciding.note(by, &Entry::done("account.disable", None, user.name.as_str())).await?,
                (Some(_), None) => deciding.note(by, &Entry::done("account.enable", None, user.name.as_str())).await?,
                (None, None) | (Some(_), Some(_)) => 0,
            };
            deciding.commit().await
        })
        .await
    }

    /// Checks a password. Takes the same time whether the account exists or not. `None` when it does not fit or the
    /// account is shut; the caller records the refusal and slows down repeated tries.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn check_password(&self, name: &str, password: &str) -> Result<Option<User>, StoreError> {
        let found = self
            .step("reading an account", async {
                let row = query(format!("{} WHERE name = $1", USERS.replace(" FROM", ", password FROM")));
                let row = row.bind(name.to_owned()).fetch_optional(&self.core.read).await?;
                row.map(|row| Ok((User::read(&row)?, row.try_get::<Option<String>, _>("password")?))).transpose()
            })
            .await?;
        let (user, stored) = match found {
            Some((user, stored)) => (Some(user), stored),
            None => (None, None),
        };
        let has_password = stored.is_some();
        let password = zeroize::Zeroizing::new(password.as_bytes().to_vec());
        let fits = compute(move || match stored {
            _ if password.len() > LONGEST_PASSWORD => false,
            Some(stored) => argon2().verify_password(&password, stored.as_str()).is_ok(),
            // The same work, so that an answer's delay does not tell which accounts exist.
            None => argon2().hash_password_with_salt(&password, b"no such account.").is_ok(),
        })
        .await?;
        Ok(user.filter(|user| fits && has_password && user.disabled.is_none()))
    }

    /// Removes sessions, sign-in links, enrolment codes and tokens that ended. Returns how many.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn sweep(&self, now: Time) -> Result<u64, StoreError> {
        self.step("removing what has expired", async {
            let mut tx = self.core.begin().await?;
            let mut gone = 0;
            for sql in [
                "DELETE FROM sessions WHERE expires <= $1",
                "DELETE FROM sign_in_links WHERE expires <= $1",
                "DELETE FROM enrolment_codes WHERE used IS NULL AND expires <= $1",
                "DELETE FROM tokens WHERE expires <= $1",
            ] {
                gone += sqlx::query(sql).bind(time(now)).execute(&mut *tx).await?.rows_affected();
            }
            tx.commit().await?;
            Ok(gone)
        })
        .await
    }
}
