//! RFC 7030 enrolment.

use std::sync::Arc;

use axum::Router;

use crate::state::Hub;

/// What enrolment remembers between requests.
#[derive(Debug, Default)]
pub(crate) struct EstState {}

/// The routes of the enrolment listener.
pub fn router(_hub: Arc<Hub>) -> Router {
    Router::new()
}
