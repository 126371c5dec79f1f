//! A refusal: one value, said as JSON to programs and as a page to people. It names the thing, what was wrong, and what
//! to do next, and never more than the caller may know.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use wardline_store::StoreError;

/// Why a call was not carried out.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The HTTP status.
    pub status: StatusCode,
    /// A short word that programs can compare.
    pub code: &'static str,
    /// What was wrong and what to do next.
    pub message: String,
}

impl Fault {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", message)
    }

    pub(super) fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            format!("{what} does not exist. It may have been renamed or removed"),
        )
    }

    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "refused", message)
    }
}

impl Fault {
    /// What the operator must mend. Where the database lies is for the log only: strangers see this text too.
    fn database(error: &StoreError, message: &str) -> Self {
        tracing::error!(%error, "the database failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "database", message)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, "not-found", error.to_string()),
            StoreError::Taken { .. } => Self::new(StatusCode::CONFLICT, "taken", error.to_string()),
            StoreError::Moved { .. } | StoreError::StaleGoal { .. } => {
                Self::new(StatusCode::CONFLICT, "moved", error.to_string())
            }
            // Whoever is signed in may know it, and can do something about it.
            StoreError::Full { .. } => {
                tracing::error!(error = &error as &dyn std::error::Error, "the disk is full");
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", error.to_string())
            }
            StoreError::Refused { .. } => Self::new(StatusCode::BAD_REQUEST, "refused", error.to_string()),
            StoreError::Unreachable { .. } => Self::database(
                &error,
                "the hub's database cannot be reached: nothing was confirmed. The hub tries again by itself; look at this page again in a moment",
            ),
            StoreError::Corrupt { .. } => Self::database(
                &error,
                "the hub's database is damaged: nothing was changed. The hub's log names the file and how to restore the newest backup",
            ),
            _ => {
                tracing::error!(error = &error as &dyn std::error::Error, "a console call failed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "database",
                    "the hub's database did not answer as it should; nothing was changed. The hub's log says more",
                )
            }
        }
    }
}

impl IntoResponse for Fault {
    /// Only marks the response: `guard` knows who asks and writes the body.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
