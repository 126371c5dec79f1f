//! Server-sent events: a page hears that something changed and asks for itself again.
//!
//! No data travels here (only a `1`, because browsers ignore events without any), so nothing can leak past the page's own authorisation. The stream ends within seconds of the
//! session (a service must not outlive its disabling, attack class A20).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use futures_util::stream::{self, Stream};
use tokio::sync::watch;

use super::app::Console;
use super::guard::{Caller, Via};

/// Changes are told at most this often: a screen is read by people.
const AT_MOST: Duration = Duration::from_millis(700);

/// Without a change, pages ask anyway after this long: ages grow and silence becomes unknown by itself.
const AT_LEAST: Duration = Duration::from_secs(15);

/// How often the session is looked at again.
const CHECK: Duration = Duration::from_secs(5);

struct Listener {
    console: Arc<Console>,
    caller: Caller,
    changes: watch::Receiver<u64>,
    quiet: Duration,
    over: bool,
}

/// `GET /live`.
pub(super) async fn live(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = console.watch();
    let listener = Listener { console, caller, changes, quiet: Duration::ZERO, over: false };
    Sse::new(stream::unfold(listener, next))
}

async fn next(mut listener: Listener) -> Option<(Result<Event, Infallible>, Listener)> {
    if listener.over {
        return None;
    }
    loop {
        tokio::time::sleep(AT_MOST).await;
        match tokio::time::timeout(CHECK, listener.changes.changed()).await {
            Ok(Ok(())) => listener.quiet = AT_LEAST,
            Ok(Err(_)) => listener.over = true,
            Err(_) => listener.quiet += CHECK + AT_MOST,
        }
        listener.over |= !still_signed_in(&listener).await;
        if listener.over {
            return Some((Ok(Event::default().event("ended").data("1")), listener));
        }
        if listener.quiet >= AT_LEAST {
            listener.quiet = Duration::ZERO;
            return Some((Ok(Event::default().event("changed").data("1")), listener));
        }
    }
}

async fn still_signed_in(listener: &Listener) -> bool {
    let Via::Session { token, .. } = &listener.caller.via else { return true };
    let now = listener.console.now();
    let session = listener.console.store.session(token, listener.console.settings.idle, now).await;
    matches!(session, Ok(Some(session)) if session.user.disabled.is_none() && session.user.role == listener.caller.role)
}
