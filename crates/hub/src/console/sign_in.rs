//! Signing in and out.
//!
//! A password, or a link that works once. Looking at the link does nothing, so that a preview in a mail program does not
//! burn it: only the button does. Every sign-in opens a new session (A27); signing out ends it in the store, not only in
//! the browser. Tries are limited per account and per address, and a wrong name costs as much time as a wrong password.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::header::{HeaderMap, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use wardline_store::{Actor, Entry, User};

use super::app::{Console, PeerAddress};
use super::fault::Fault;
use super::guard::{COOKIE, Caller, Fields, Via, cookie, decision, own_page, query};
use super::page::{Frame, show};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    fault: Option<&'static str>,
    next: String,
    name: String,
}

#[derive(Template)]
#[template(path = "sign_in_once.html")]
struct SignInOncePage {
    frame: Frame,
    token: String,
}

/// `GET /sign-in`.
pub(super) async fn show_page(State(console): State<Arc<Console>>, uri: Uri) -> Result<Response, Fault> {
    let fields = query(&uri);
    let next = own_page(fields.get("next")).to_owned();
    let done = (fields.get("done") == "password").then(|| "Your password is set. Sign in with it now.".into());
    let frame = Frame::new("Sign in", "", None, console.now()).done(done);
    show(&SignInPage { frame, fault: None, next, name: fields.get("name").chars().take(64).collect() })
}

/// `POST /sign-in`.
pub(super) async fn form(
    State(console): State<Arc<Console>>,
    Extension(fields): Extension<Fields>,
    peer: Option<Extension<PeerAddress>>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let (name, next) = (fields.get("name").to_lowercase(), own_page(fields.get("next")));
    let password = fields.0.iter().find(|(key, _)| key == "password").map_or("", |(_, value)| value.as_str());
    let address = peer.map_or_else(|| "unknown address".into(), |peer| peer.0.0.to_string());
    if !console.may_try(&format!("address {address}")) || !console.may_try(&format!("account {name}")) {
        let fault = "Too many tries. Wait a minute, then try again.";
        return again(&console, fault, StatusCode::TOO_MANY_REQUESTS, next, &name);
    }
    match console.store.check_password(&name, password).await? {
        Some(user) => enter(&console, &user, next, &headers, "signed in with a password").await,
        None => {
            if console.may_record() {
                let by = console.decision(Actor::Stranger(address), "wrong name or password");
                let claimed: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
                console.store.record(&by, &Entry::refused("session.sign-in", None, claimed)).await?;
            }
            again(&console, "Name and password do not fit together.", StatusCode::UNAUTHORIZED, next, &name)
        }
    }
}

fn again(
    console: &Console,
    fault: &'static str,
    status: StatusCode,
    next: &str,
    name: &str,
) -> Result<Response, Fault> {
    let frame = Frame::new("Sign in", "", None, console.now());
    let mut response = show(&SignInPage { frame, fault: Some(fault), next: next.into(), name: name.into() })?;
    *response.status_mut() = status;
    Ok(response)
}

/// Opens a new session; a session that the browser still had is ended.
async fn enter(console: &Console, user: &User, to: &str, headers: &HeaderMap, how: &str) -> Result<Response, Fault> {
    let by = console.decision(Actor::Person(user.name.clone()), how);
    if let Some(old) = cookie(headers) {
        // It may be unknown or over: then there is nothing to end.
        let _ = console.store.close_session(&old, &by).await;
    }
    let session = console.store.open_session(&user.name, console.settings.session, &by).await?;
    let value = format!(
        "{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={}",
        session.token,
        console.settings.session.as_s()
    );
    let mut response = Redirect::to(to).into_response();
    let value = HeaderValue::from_str(&value).map_err(|_| Fault::bad("the session could not be opened"))?;
    response.headers_mut().insert(SET_COOKIE, value);
    Ok(response)
}

/// `GET /sign-in/once?token=…`: only a button.
pub(super) async fn show_once(State(console): State<Arc<Console>>, uri: Uri) -> Result<Response, Fault> {
    let token = query(&uri).get("token").to_owned();
    let frame = Frame::new("Sign in", "", None, console.now());
    show(&SignInOncePage { frame, token })
}

/// `POST /sign-in/once`: uses the link up.
pub(super) async fn form_once(
    State(console): State<Arc<Console>>,
    Extension(fields): Extension<Fields>,
    peer: Option<Extension<PeerAddress>>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let address = peer.map_or_else(|| "unknown address".into(), |peer| peer.0.0.to_string());
    let fault = "This link was used already, or it is over. Ask an administrator for a new one; they make it \
                 under Settings, or with `wardline account link NAME`.";
    if !console.may_try(&format!("address {address}")) {
        return again(
            &console,
            "Too many tries. Wait a minute, then try again.",
            StatusCode::TOO_MANY_REQUESTS,
            "/",
            "",
        );
    }
    match console.store.spend_sign_in_link(fields.get("token"), console.now()).await? {
        Some(user) => {
            enter(&console, &user, "/settings?done=welcome", &headers, "signed in with a one-time link").await
        }
        None => {
            if console.may_record() {
                let by = console.decision(Actor::Stranger(address), "unknown, used or expired link");
                console.store.record(&by, &Entry::refused("session.sign-in-once", None, "one-time link")).await?;
            }
            again(&console, fault, StatusCode::UNAUTHORIZED, "/", "")
        }
    }
}

/// `POST /sign-out`.
pub(super) async fn sign_out(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Fault> {
    if let Via::Session { token, .. } = &caller.via {
        console.store.close_session(token, &decision(&console, &caller, "signed out")).await?;
    }
    let gone = format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    let mut response = Redirect::to("/sign-in").into_response();
    if let Ok(value) = HeaderValue::from_str(&gone) {
        response.headers_mut().insert(SET_COOKIE, value);
    }
    Ok(response)
}
