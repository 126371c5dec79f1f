//! People, their sessions and their tokens.
//!
//! Passwords are stored as Argon2id (RFC 9106, second recommended option: 64 MiB, 3 passes, 4 lanes). Session tokens,
//! sign-in links and API tokens are 256 random bits of which only the SHA-256 is stored. There is no default account.

use wardline_model::{Role, Span, Time};

use crate::error::unbuilt;
use crate::{Decision, Store, StoreError};

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

impl Store {
    /// Makes an account, with the audit record `account.create`.
    ///
    /// # Errors
    /// [`StoreError::Taken`]; [`StoreError::Refused`] for a name or password that will not do.
    pub async fn create_user(&self, user: &NewUser, by: &Decision) -> Result<User, StoreError> {
        let _ = (user, by);
        unbuilt()
    }

    /// One account.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let _ = name;
        unbuilt()
    }

    /// Every account, by name.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        unbuilt()
    }

    /// Sets a password and ends every session of the account, with the audit record `account.password`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Refused`] for a password that will not do.
    pub async fn set_password(&self, name: &str, password: &str, by: &Decision) -> Result<(), StoreError> {
        let _ = (name, password, by);
        unbuilt()
    }

    /// Gives an account another role, or shuts or opens it. Ends its sessions. Audit records `account.role`,
    /// `account.disable`, `account.enable`. The last administrator cannot be shut out.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Refused`].
    pub async fn change_user(&self, user: &User, by: &Decision) -> Result<(), StoreError> {
        let _ = (user, by);
        unbuilt()
    }

    /// Checks a password. Takes the same time whether the account exists or not. `None` when it does not fit or the
    /// account is shut; the caller records the refusal and slows down repeated tries.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn check_password(&self, name: &str, password: &str) -> Result<Option<User>, StoreError> {
        let _ = (name, password);
        unbuilt()
    }

    /// Opens a session, with the audit record `session.open`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn open_session(&self, user: &str, lives: Span, by: &Decision) -> Result<NewSession, StoreError> {
        let _ = (user, lives, by);
        unbuilt()
    }

    /// The session with this token. `None` when it is unknown, expired, or idle for longer than `idle`.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn session(&self, token: &str, idle: Span, now: Time) -> Result<Option<Session>, StoreError> {
        let _ = (token, idle, now);
        unbuilt()
    }

    /// Ends a session, with the audit record `session.close`.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn close_session(&self, token: &str, by: &Decision) -> Result<(), StoreError> {
        let _ = (token, by);
        unbuilt()
    }

    /// Makes a link that signs this account in once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn new_sign_in_link(&self, user: &str, lives: Span, by: &Decision) -> Result<SignInLink, StoreError> {
        let _ = (user, lives, by);
        unbuilt()
    }

    /// Uses a sign-in link up. `None` when it is unknown, expired, used, or its account is shut.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn spend_sign_in_link(&self, token: &str, now: Time) -> Result<Option<User>, StoreError> {
        let _ = (token, now);
        unbuilt()
    }

    /// Makes an API token, with the audit record `token.create`.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the name exists.
    pub async fn create_token(&self, name: &str, role: Role, lives: Span, by: &Decision) -> Result<Token, StoreError> {
        let _ = (name, role, lives, by);
        unbuilt()
    }

    /// The API token with this secret. `None` when it is unknown, expired or revoked.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn token(&self, secret: &str, now: Time) -> Result<Option<TokenRow>, StoreError> {
        let _ = (secret, now);
        unbuilt()
    }

    /// Every API token, by name.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        unbuilt()
    }

    /// Revokes an API token, with the audit record `token.revoke`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn revoke_token(&self, name: &str, by: &Decision) -> Result<(), StoreError> {
        let _ = (name, by);
        unbuilt()
    }

    /// Removes sessions, sign-in links, enrolment codes and tokens that ended. Returns how many.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn sweep(&self, now: Time) -> Result<u64, StoreError> {
        let _ = now;
        unbuilt()
    }
}
