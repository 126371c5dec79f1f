//! Tests of the console through its smallest public door: a request in, a response out.

mod access;
mod attacks;
mod pages;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use ed25519_dalek::SigningKey;
use tower::ServiceExt as _;
use wardline_api::{Method, Role};
use wardline_model::{AssetTag, CareArea, Lifecycle, Model, PumpId, Serial, Span, Time};
use wardline_store::{Actor, Decision, ExpectedPump, LifecycleChange, MasterKey, NewUser, Store, sqlite_url};

use super::{Console, LabelPlace, Settings, Wiring, router};

/// The name by which the tests' browser calls the hub.
const HOST: &str = "hub.wardline.internal:7445";

/// A hub with nothing but a store and a console.
struct Hub {
    console: Arc<Console>,
    router: Router,
    store: Store,
    _folder: tempfile::TempDir,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

/// Who asks.
enum As<'a> {
    Nobody,
    Token(&'a str),
    /// Session token and its secret.
    Session(&'a str, &'a str),
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
    Time::from_unix_ms(u64::try_from(since.as_millis()).expect("not that far in the future"))
}

fn by(why: &str) -> Decision {
    Decision { by: Actor::Operator("test".into()), reason: why.into(), at: now() }
}

impl Hub {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = sqlite_url(&folder.path().join("hub.db"));
        let store = Store::create(&url, &MasterKey::generate(), now()).await.expect("a store");
        let ledger = Arc::new(crate::ca::ledger::Ledger::new(store.clone(), "hub".into()));
        let wiring = Wiring {
            moved: Box::new(|_| 0),
            upload: Box::new(|_, _| Box::pin(async { Err("not in this test".to_owned()) })),
            trust: Box::new(|_, _| {
                Box::pin(async { Err(crate::trust::TrustFault::Refused("not in this test".into())) })
            }),
            stranger: Box::new(|_, _, _| ()),
            suspect: Box::new(|_| ()),
            place: LabelPlace {
                est: "hub.example.org:7444".into(),
                link: "hub.example.org:7443".into(),
                name: "hub.wardline.internal".into(),
                root: Box::new(|| wardline_model::Digest::from_bytes([0xab; 32])),
            },
            audit_key: SigningKey::from_bytes(&[7; 32]),
            changes: Arc::default(),
            ledger,
            now,
        };
        let console = Console::new(store.clone(), wiring, Settings::default());
        Self { router: router(&console), console, store, _folder: folder }
    }

    async fn user(&self, name: &str, role: Role, password: Option<&str>) {
        let user = NewUser { name: name.into(), display: name.into(), role, password: password.map(Into::into) };
        self.store.create_user(&user, &by("test")).await.expect("an account");
    }

    async fn token(&self, role: Role) -> String {
        let name = format!("token-{role}");
        self.store.create_token(&name, role, Span::from_h(1), &by("test")).await.expect("a token").secret
    }

    /// Session token and its secret.
    async fn session(&self, user: &str) -> (String, String) {
        let session = self.store.open_session(user, Span::from_h(1), &by("test")).await.expect("a session");
        (session.token, session.csrf)
    }

    /// Puts pumps on the list and, when asked, in service as far as a database without pumps can say.
    async fn pumps(&self, tags: &[&str], to: Lifecycle) -> Vec<PumpId> {
        let list: Vec<ExpectedPump> = tags
            .iter()
            .map(|tag| ExpectedPump {
                model: Model::new("Halcyon 3").expect("a model"),
                serial: Serial::new(&format!("S-{tag}")).expect("a serial"),
                asset_tag: AssetTag::new(tag).expect("a tag"),
                care_area: CareArea::new("Ward <i>1</i>").expect("an area"),
            })
            .collect();
        let ids = self.store.expect_pumps(&list, &by("test")).await.expect("pumps");
        if to != Lifecycle::Expected {
            for &pump in &ids {
                let change = LifecycleChange { pump, from: Lifecycle::Expected, to };
                self.store.decide_lifecycle(change, &by("test")).await.expect("a move");
            }
        }
        ids
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let stream = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let body = if stream { Vec::new() } else { to_bytes(body, 64 << 20).await.expect("a body").to_vec() };
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body).expect("text") }
    }

    async fn get(&self, path: &str, who: As<'_>) -> Answer {
        self.send(request(Method::Get, path, who).body(Body::empty()).expect("a request")).await
    }

    /// Sends a form as a browser would from our own page.
    async fn form(&self, path: &str, who: As<'_>, fields: &str) -> Answer {
        let csrf = if let As::Session(_, csrf) = who { format!("csrf={csrf}&") } else { String::new() };
        let request = request(Method::Post, path, who)
            .header(header::ORIGIN, format!("https://{HOST}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(format!("{csrf}{fields}")))
            .expect("a request");
        self.send(request).await
    }
}

fn request(method: Method, path: &str, who: As<'_>) -> axum::http::request::Builder {
    let builder = Request::builder().method(method.as_str()).uri(path).header(header::HOST, HOST);
    match who {
        As::Nobody => builder,
        As::Token(token) => builder.header(header::AUTHORIZATION, format!("Bearer {token}")),
        As::Session(token, _) => builder.header(header::COOKIE, format!("{}={token}", super::guard::COOKIE)),
    }
}
