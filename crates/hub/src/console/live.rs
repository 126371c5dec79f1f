//! Server-sent events: a page hears that something changed and asks for itself again.
//!
//! No data travels here (only a `1`, because browsers ignore events without any), so nothing can leak past the page's own
//! authorisation. The stream ends within seconds of the session (a service must not outlive its disabling, attack class
//! A20). A change is told at once; the next one waits, so that a busy hospital does not keep every screen drawing.

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
const AT_MOST: Duration = Duration::from_millis(500);

/// Without a change, pages ask anyway after this long: ages grow and silence becomes unknown by itself.
const AT_LEAST: Duration = Duration::from_secs(15);

/// How often the session is looked at again.
const CHECK: Duration = Duration::from_secs(5);

struct Listener {
    console: Arc<Console>,
    caller: Caller,
    changes: watch::Receiver<u64>,
    greeted: bool,
    over: bool,
}

/// `GET /live`.
pub(super) async fn live(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = console.watch();
    let listener = Listener { console, caller, changes, greeted: false, over: false };
    Sse::new(stream::unfold(listener, next))
}

async fn next(mut listener: Listener) -> Option<(Result<Event, Infallible>, Listener)> {
    if listener.over {
        return None;
    }
    if !listener.greeted {
        // At once, so that a page that was cut off asks for what it missed.
        listener.greeted = true;
        return Some((Ok(event("changed")), listener));
    }
    let mut quiet = Duration::ZERO;
    tokio::time::sleep(AT_MOST).await;
    loop {
        let changed = match tokio::time::timeout(CHECK, listener.changes.changed()).await {
            Ok(Ok(())) => true,
            Ok(Err(_)) => return None,
            Err(_) => {
                quiet += CHECK;
                quiet >= AT_LEAST
            }
        };
        if !still_signed_in(&listener).await {
            listener.over = true;
            return Some((Ok(event("ended")), listener));
        }
        if changed {
            return Some((Ok(event("changed")), listener));
        }
    }
}

fn event(name: &str) -> Event {
    Event::default().event(name).data("1")
}

async fn still_signed_in(listener: &Listener) -> bool {
    let Via::Session { token, .. } = &listener.caller.via else { return true };
    let now = listener.console.now();
    let session = listener.console.store.session(token, listener.console.settings.idle, now).await;
    matches!(session, Ok(Some(session)) if session.user.disabled.is_none() && session.user.role == listener.caller.role)
}
