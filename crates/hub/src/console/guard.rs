//! Who may pass. Runs before every handler, for every row of the table; there is no way around it.
//!
//! 1. Who is it? A bearer token, else a session cookie, else nobody. A token that does not work is an end, not a
//!    fallback to the cookie.
//! 2. May they? [`Access`] of the row against the role, decided here and nowhere else (A22, A23).
//! 3. Did they mean it? A form must carry the session's secret and come from our own origin; a JSON call with a session
//!    must carry the secret in `X-CSRF` (A27). A bearer token is not sent by browsers on their own and needs neither.
//!
//! Tokens and sessions are opaque random values looked up in the store (A24): nothing in them can be forged or decoded.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use wardline_api::types::Problem;
use wardline_api::{Access, Permission, ROUTES, Role, Route, RouteId, Surface};
use wardline_store::{Actor, Decision, Entry};

use super::app::{Console, PeerAddress};
use super::fault::Fault;
use super::page;

/// The cookie's name. `__Host-` makes browsers demand `Secure`, `Path=/` and no `Domain`.
pub(super) const COOKIE: &str = "__Host-wardline";

/// The most bytes of an ordinary request body: the longest form here has a few hundred.
const BODY: usize = 64 << 10;

/// The most bytes of a manifest, which may be three times longer when it travels as a form.
const MANIFEST: usize = 3 * (16 << 20);

/// The most bytes of a setting, or of a list of 5,000 pumps' ids.
const SETTING: usize = 512 << 10;

/// The most bytes of an uploaded artifact or metadata file: the largest drug library and some room.
const UPLOAD: usize = 32 << 20;

/// Who calls.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub name: String,
    pub display: String,
    pub role: Role,
    pub via: Via,
}

/// How the caller proved who it is.
#[derive(Clone, Debug)]
pub(super) enum Via {
    Session { token: String, csrf: String },
    Token,
}

impl Caller {
    pub(super) fn actor(&self) -> Actor {
        match self.via {
            Via::Session { .. } => Actor::Person(self.name.clone()),
            Via::Token => Actor::Token(self.name.clone()),
        }
    }

    pub(super) fn may(&self, permission: Permission) -> bool {
        permission.held_by(self.role)
    }

    pub(super) fn csrf(&self) -> &str {
        match &self.via {
            Via::Session { csrf, .. } => csrf,
            Via::Token => "",
        }
    }
}

/// The fields of a form, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The first value of a field; empty when it is missing.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.trim())
    }
}

/// The middleware of one row.
pub(super) async fn guard(
    State((console, route)): State<(Arc<Console>, &'static Route)>,
    request: Request,
    next: Next,
) -> Response {
    let uri = request.uri().clone();
    let live = request.headers().contains_key("x-live");
    let local = is_local(request.headers());
    let (caller, mut response) = match pass(&console, route, request).await {
        Ok((caller, request)) => (caller, next.run(request).await),
        Err((caller, fault)) => (caller, fault.into_response()),
    };
    let fault = response.extensions_mut().remove::<Fault>().or_else(|| unsaid(&response));
    if let Some(fault) = fault {
        response = say(&fault, route, caller.as_ref(), &uri, live);
    }
    headers(response.headers_mut(), route, local);
    response
}

/// A refusal by the framework itself, such as a body that is too large, in our own words.
fn unsaid(response: &Response) -> Option<Fault> {
    let own =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"));
    let message = match response.status() {
        _ if own => return None,
        StatusCode::PAYLOAD_TOO_LARGE => "the request is larger than this call takes",
        status if status.is_client_error() => "the request was not understood",
        _ => return None,
    };
    Some(Fault::new(response.status(), "bad-request", message))
}

type Passed = (Option<Caller>, Request);

async fn pass(console: &Console, route: &Route, mut request: Request) -> Result<Passed, (Option<Caller>, Fault)> {
    let caller = match identify(console, request.headers()).await {
        Ok(caller) => caller,
        Err(fault) => return Err((None, fault)),
    };
    if let Err(fault) = authorise(route, caller.as_ref()) {
        let peer = request.extensions().get::<PeerAddress>().copied();
        let path: String = request.uri().path().chars().take(200).collect();
        record_refusal(console, route, caller.as_ref(), peer, path, &fault).await;
        return Err((caller, fault));
    }
    if route.method.changes() {
        match meant(route, caller.as_ref(), request).await {
            Ok(checked) => request = checked,
            Err(fault) => return Err((caller, fault)),
        }
    }
    if let Some(caller) = &caller {
        request.extensions_mut().insert(caller.clone());
    }
    Ok((caller, request))
}

async fn identify(console: &Console, headers: &HeaderMap) -> Result<Option<Caller>, Fault> {
    let now = console.now();
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let secret = value.to_str().ok().and_then(|v| v.strip_prefix("Bearer ")).map(str::trim).unwrap_or_default();
        let token = if secret.is_empty() { None } else { console.store.token(secret, now).await? };
        let token = token.ok_or_else(|| {
            Fault::new(
                StatusCode::UNAUTHORIZED,
                "token",
                "the token is unknown, expired or revoked; make a new one in Settings",
            )
        })?;
        return Ok(Some(Caller { display: token.name.clone(), name: token.name, role: token.role, via: Via::Token }));
    }
    let Some(token) = cookie(headers) else { return Ok(None) };
    let session = console.store.session(&token, console.settings.idle, now).await?;
    Ok(session.filter(|session| session.user.disabled.is_none()).map(|session| Caller {
        name: session.user.name,
        display: session.user.display,
        role: session.user.role,
        via: Via::Session { token, csrf: session.csrf },
    }))
}

/// The session's token in the cookie header.
pub(super) fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned())
}

fn authorise(route: &Route, caller: Option<&Caller>) -> Result<(), Fault> {
    match (route.access, caller) {
        (Access::Anyone, _) | (Access::SignedIn, Some(_)) => Ok(()),
        (Access::SignedIn | Access::Needs(_), None) => {
            Err(Fault::new(StatusCode::UNAUTHORIZED, "sign-in", "nobody is signed in; sign in, or send a token"))
        }
        (Access::Needs(permission), Some(caller)) if caller.may(permission) => Ok(()),
        (Access::Needs(permission), Some(caller)) => Err(Fault::new(
            StatusCode::FORBIDDEN,
            "role",
            format!(
                "the role {} does not hold the permission {}; ask {}",
                caller.role,
                permission.as_str(),
                holders(permission)
            ),
        )),
    }
}

fn holders(permission: Permission) -> String {
    let names: Vec<&str> = Role::ALL.into_iter().filter(|role| permission.held_by(*role)).map(Role::as_str).collect();
    names.join(" or ")
}

async fn record_refusal(
    console: &Console,
    route: &Route,
    caller: Option<&Caller>,
    peer: Option<PeerAddress>,
    path: String,
    fault: &Fault,
) {
    let Some(action) = route.audit else { return };
    let address = peer.map(|peer| peer.0.to_string());
    let by = match caller {
        Some(caller) => caller.actor(),
        None if console.may_record() => Actor::Stranger(address.unwrap_or_else(|| "unknown address".into())),
        None => return,
    };
    let entry = Entry::refused(action, None, path);
    if let Err(error) = console.store.record(&console.decision(by, &fault.message), &entry).await {
        tracing::error!(error = &error as &dyn std::error::Error, "a refusal could not be recorded");
    }
}

/// The proof that a change was meant; returns the request with its form read.
async fn meant(route: &Route, caller: Option<&Caller>, request: Request) -> Result<Request, Fault> {
    if matches!(caller, Some(Caller { via: Via::Token, .. })) {
        return if route.surface == Surface::Form { Err(forged()) } else { Ok(request) };
    }
    if !same_origin(request.headers()) {
        return Err(forged());
    }
    if route.surface == Surface::Api {
        let sent = request.headers().get("x-csrf").map(HeaderValue::as_bytes).unwrap_or_default();
        return if caller.is_some_and(|caller| same(sent, caller.csrf().as_bytes())) {
            Ok(request)
        } else {
            Err(forged())
        };
    }
    let (mut parts, body) = request.into_parts();
    let fields = read_form(route, &parts.headers, body).await?;
    if let Some(caller) = caller
        && route.access != Access::Anyone
        && !same(fields.get("csrf").as_bytes(), caller.csrf().as_bytes())
    {
        return Err(forged());
    }
    parts.extensions.insert(fields);
    Ok(Request::from_parts(parts, Body::empty()))
}

fn forged() -> Fault {
    Fault::new(
        StatusCode::FORBIDDEN,
        "forged",
        "this request did not come from a page of this console, or the page is from an older sign-in; \
         open the page again and repeat the step",
    )
}

/// Compares without telling by its time where two values differ. Empty never equals.
fn same(a: &[u8], b: &[u8]) -> bool {
    !b.is_empty() && aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// Whether the browser says that the request comes from our own pages: `Origin` is sent with every POST by browsers.
fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else { return false };
    origin.strip_prefix("https://") == Some(host)
}

async fn read_form(route: &Route, headers: &HeaderMap, body: Body) -> Result<Fields, Fault> {
    let form = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !form.starts_with("application/x-www-form-urlencoded") {
        return Err(Fault::bad("a form was expected"));
    }
    let limit = body_limit(route.id);
    let bytes = to_bytes(body, limit).await.map_err(|_| {
        Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", format!("the form is larger than {} KiB", limit >> 10))
    })?;
    pairs(&bytes).map(Fields).ok_or_else(|| Fault::bad("the form could not be read"))
}

/// Reads `application/x-www-form-urlencoded` (WHATWG URL, section 5.1).
pub(super) fn pairs(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((percent_decode(name)?, percent_decode(value)?))
        })
        .collect()
}

/// Undoes percent-encoding with `+` for a space; `None` when the result is not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let hex = |b: u8| (b as char).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let pair = (bytes.get(i + 1).copied().and_then(hex), bytes.get(i + 2).copied().and_then(hex));
        match (bytes[i], pair) {
            (b'+', _) => out.push(b' '),
            (b'%', (Some(high), Some(low))) => {
                out.push(high << 4 | low);
                i += 2;
            }
            (other, _) => out.push(other),
        }
        i += 1;
    }
    String::from_utf8(out).ok()
}

/// The query of an address, in order.
pub(super) fn query(uri: &Uri) -> Fields {
    Fields(uri.query().and_then(|query| pairs(query.as_bytes())).unwrap_or_default())
}

/// The most bytes that a row's request may have.
pub(super) const fn body_limit(id: RouteId) -> usize {
    match id {
        RouteId::ApiManifestImport | RouteId::FormManifest | RouteId::ApiScanImport | RouteId::FormScan => MANIFEST,
        RouteId::ApiReleaseUpload => UPLOAD,
        RouteId::ApiRulesSet | RouteId::ApiProfilesSet | RouteId::ApiProfileAssign | RouteId::FormProfileAssign => {
            SETTING
        }
        _ => BODY,
    }
}

/// What an address outside the table answers: the same page for everyone.
pub(super) fn say_outside(route: &Route, mut response: Response) -> Response {
    if let Some(fault) = response.extensions_mut().remove::<Fault>() {
        response = say(&fault, route, None, &Uri::default(), false);
        headers(response.headers_mut(), route, true);
    }
    response
}

fn say(fault: &Fault, route: &Route, caller: Option<&Caller>, uri: &Uri, live: bool) -> Response {
    let mut response = match route.surface {
        Surface::Api => axum::Json(Problem { code: fault.code.into(), message: fault.message.clone() }).into_response(),
        Surface::Page if fault.status == StatusCode::UNAUTHORIZED && !live && route.id != RouteId::PageLive => {
            return Redirect::to(&format!("/sign-in?next={}", percent_encode(uri.path()))).into_response();
        }
        Surface::Page | Surface::Form => page::fault(fault, caller),
    };
    *response.status_mut() = fault.status;
    response
}

/// Encodes everything but unreserved characters and `/` (RFC 3986 section 2.3).
pub(super) fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(byte as char);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Where to go after signing in: one of our own pages by the table, never another address (A27, open redirect).
pub(super) fn own_page(path: &str) -> &str {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |route: &Route| {
        let pattern: Vec<&str> = route.path.split('/').collect();
        route.surface == Surface::Page
            && !matches!(route.access, Access::Anyone)
            && !matches!(route.id, RouteId::PageLive | RouteId::PagePumpsCsv | RouteId::PageAuditCsv)
            && pattern.len() == parts.len()
            && pattern.iter().zip(&parts).all(|(want, have)| {
                want == have || (want.starts_with('{') && have.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
            })
    };
    if ROUTES.iter().any(fits) { path } else { "/" }
}

/// The name by which the browser calls the hub is this machine's own.
fn is_local(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1" | "[::1]" | "")
}

/// What no page here needs, browsers are told to refuse: scripts, styles, pictures and connections from elsewhere or from
/// inside the page, frames, plug-ins, base addresses, forms to elsewhere (A25).
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

fn headers(headers: &mut HeaderMap, route: &Route, local: bool) {
    let mut set = |name: &'static str, value: &'static str| {
        headers.insert(header::HeaderName::from_static(name), HeaderValue::from_static(value));
    };
    set("content-security-policy", POLICY);
    set("x-content-type-options", "nosniff");
    set("x-frame-options", "DENY");
    // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
    set("referrer-policy", "same-origin");
    set("cross-origin-opener-policy", "same-origin");
    set("cross-origin-resource-policy", "same-origin");
    set("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
    if !local {
        // Not for localhost: it would force HTTPS on every other program of this machine.
        set("strict-transport-security", "max-age=31536000");
    }
    if route.id != RouteId::PageAsset {
        set("cache-control", "no-store");
    }
}

/// The decision of a caller, with their reason.
pub(super) fn decision(console: &Console, caller: &Caller, reason: &str) -> Decision {
    console.decision(caller.actor(), reason)
}
