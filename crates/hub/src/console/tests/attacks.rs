//! What has been done to servers like this one (attack classes A07, A16, A24 to A27).

use axum::body::Body;
use axum::http::{StatusCode, header};
use wardline_api::{Method, ROUTES, Role};
use wardline_model::{Lifecycle, Span};

use super::super::csv::Csv;
use super::super::guard::{POLICY, cookie, own_page, pairs, percent_encode};
use super::{As, HOST, Hub, by, request};

const PASSWORD: &str = "correct horse battery";

async fn signed_in(hub: &Hub, before: As<'_>) -> String {
    let answer = hub.form("/sign-in", before, "name=anna&password=correct+horse+battery").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    answer.headers[header::SET_COOKIE].to_str().unwrap().to_owned()
}

fn token_of(cookie: &str) -> &str {
    cookie.split_once('=').unwrap().1.split(';').next().unwrap()
}

#[tokio::test]
async fn there_is_no_default_account() {
    let hub = Hub::new().await;
    for (name, password) in [("admin", "admin"), ("administrator", "wardline"), ("root", ""), ("wardline", "wardline")]
    {
        let answer = hub.form("/sign-in", As::Nobody, &format!("name={name}&password={password}")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
    }
    assert!(hub.store.users().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_session_is_new_at_sign_in_locked_to_us_and_dead_after_signing_out() {
    let hub = Hub::new().await;
    hub.user("anna", Role::Viewer, Some(PASSWORD)).await;
    // A session that somebody else planted does not become ours (fixation).
    let cookie = signed_in(&hub, As::Session("planted-by-somebody", "x")).await;
    let token = token_of(&cookie).to_owned();
    assert_ne!(token, "planted-by-somebody");
    assert!(token.len() >= 32);
    for part in ["__Host-wardline=", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let session = hub.store.session(&token, Span::from_h(1), super::now()).await.unwrap().expect("a session");
    assert_eq!(hub.get("/pumps", As::Session(&token, "")).await.status, StatusCode::OK);
    // A second sign-in with the first session's cookie ends the first.
    let second = token_of(&signed_in(&hub, As::Session(&token, &session.csrf)).await).to_owned();
    assert_ne!(second, token);
    assert_eq!(hub.get("/pumps", As::Session(&token, "")).await.status, StatusCode::SEE_OTHER);
    let csrf = hub.store.session(&second, Span::from_h(1), super::now()).await.unwrap().expect("a session").csrf;
    assert_eq!(hub.form("/sign-out", As::Session(&second, &csrf), "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(hub.get("/pumps", As::Session(&second, "")).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let hub = Hub::new().await;
    hub.user("anna", Role::Viewer, Some(PASSWORD)).await;
    for _ in 0..10 {
        // Uses up the tries without paying for a password hash each.
        assert!(hub.console.may_try("account anna"));
    }
    let answer = hub.form("/sign-in", As::Nobody, "name=anna&password=correct+horse+battery").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn a_sign_in_link_survives_looking_and_works_once() {
    let hub = Hub::new().await;
    hub.user("anna", Role::Administrator, None).await;
    let link = hub.store.new_sign_in_link("anna", Span::from_h(1), &by("test")).await.unwrap();
    for _ in 0..3 {
        let answer = hub.get(&format!("/sign-in/once?token={}", link.token), As::Nobody).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
    }
    let fields = format!("token={}", link.token);
    let first = hub.form("/sign-in/once", As::Nobody, &fields).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.body);
    assert_eq!(first.headers[header::LOCATION], "/settings?done=welcome");
    assert!(first.headers.contains_key(header::SET_COOKIE));
    assert_eq!(hub.form("/sign-in/once", As::Nobody, &fields).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn forged_tokens_open_nothing() {
    let hub = Hub::new().await;
    let other = Hub::new().await;
    let foreign = other.token(Role::Administrator).await;
    let none = "eyJhbGciOiJub25lIn0.eyJyb2xlIjoiYWRtaW5pc3RyYXRvciJ9.";
    for token in [foreign.as_str(), none, "", "administrator", "null", "%00"] {
        assert_eq!(hub.get("/api/v1/whoami", As::Token(token)).await.status, StatusCode::UNAUTHORIZED, "{token}");
    }
    let mine = hub.token(Role::Viewer).await;
    assert_eq!(hub.get("/api/v1/whoami", As::Token(&mine)).await.status, StatusCode::OK);
    hub.store.revoke_token("token-viewer", &by("test")).await.unwrap();
    assert_eq!(hub.get("/api/v1/whoami", As::Token(&mine)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_bad_token_is_not_saved_by_a_good_cookie() {
    let hub = Hub::new().await;
    hub.user("anna", Role::Viewer, None).await;
    let (session, csrf) = hub.session("anna").await;
    let built = request(Method::Get, "/api/v1/whoami", As::Session(&session, &csrf))
        .header(header::AUTHORIZATION, "Bearer nonsense")
        .body(Body::empty())
        .unwrap();
    assert_eq!(hub.send(built).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_request_from_elsewhere_changes_nothing() {
    let hub = Hub::new().await;
    hub.user("anna", Role::Security, None).await;
    let pump = hub.pumps(&["INF-1"], Lifecycle::Expected).await[0];
    let (session, csrf) = hub.session("anna").await;
    let own = format!("https://{HOST}");
    let path = format!("/pumps/{pump}/quarantine");
    let good = format!("csrf={csrf}&reason=because");
    for (what, origin, body) in [
        ("another origin", "https://evil.example", good.as_str()),
        ("no origin", "", good.as_str()),
        ("a null origin", "null", good.as_str()),
        ("plain http", "http://hub.wardline.internal:7445", good.as_str()),
        ("no secret", own.as_str(), "reason=because"),
        ("an empty secret", own.as_str(), "csrf=&reason=because"),
        ("another's secret", own.as_str(), "csrf=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&reason=because"),
    ] {
        let mut builder = request(Method::Post, &path, As::Session(&session, &csrf))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if !origin.is_empty() {
            builder = builder.header(header::ORIGIN, origin);
        }
        let answer = hub.send(builder.body(Body::from(body.to_owned())).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
    }
    // The JSON call with a session needs the secret too.
    let api = request(Method::Post, &format!("/api/v1{path}"), As::Session(&session, &csrf))
        .header(header::ORIGIN, &own)
        .body(Body::from(r#"{"reason":"because"}"#))
        .unwrap();
    assert_eq!(hub.send(api).await.status, StatusCode::FORBIDDEN);
    let lifecycle = hub.store.pump(pump).await.unwrap().unwrap().standing.lifecycle;
    assert_eq!(lifecycle, Lifecycle::Expected);
    // And the same form from our own page does it.
    let answer = hub.form(&path, As::Session(&session, &csrf), "reason=because").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(hub.store.pump(pump).await.unwrap().unwrap().standing.lifecycle, Lifecycle::Quarantined);
}

#[test]
fn signing_in_leads_only_to_our_own_pages() {
    for page in ["/", "/pumps", "/pumps/6f1c2a34-0000-4000-8000-000000000001", "/audit", "/settings"] {
        assert_eq!(own_page(page), page);
    }
    for elsewhere in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/pumps/../../x",
        "/pumps/%2f%2fevil",
        "evil",
        "javascript:alert(1)",
        "/sign-out",
        "/live",
        "/pumps/a\r\nSet-Cookie: x",
        "",
        "/api/v1/pumps",
    ] {
        assert_eq!(own_page(elsewhere), "/", "{elsewhere:?}");
    }
}

#[tokio::test]
async fn names_are_text_wherever_they_are_shown() {
    let hub = Hub::new().await;
    hub.user("anna", Role::Administrator, None).await;
    let script = "<script>x</script>";
    let attribute = "\"'><img src=x>%n%s";
    let ids = hub.pumps(&[script, attribute, "${7*7}{{7*7}}"], Lifecycle::Expected).await;
    let (session, csrf) = hub.session("anna").await;
    let reason = "reason=%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let answer = hub.form(&format!("/pumps/{}/quarantine", ids[0]), As::Session(&session, &csrf), reason).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let token = hub.store.create_token("<script>y</script>", Role::Viewer, Span::from_h(1), &by("test")).await;
    assert!(token.is_err(), "a token's name has letters, digits and a few marks");
    let pages = [
        "/",
        "/pumps?search=%3Cscript%3E",
        "/pumps",
        "/enrolment",
        "/audit",
        "/audit?actor=%3Cscript%3E",
        "/settings",
        "/rollouts",
    ];
    let mut paths: Vec<String> = pages.iter().map(|page| (*page).to_owned()).collect();
    paths.extend(ids.iter().map(|id| format!("/pumps/{id}")));
    for path in paths {
        let answer = hub.get(&path, As::Session(&session, &csrf)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        // Our own page has one script element, by address, in its head.
        assert_eq!(answer.body.matches("<script").count(), 1, "{path}");
        assert!(!answer.body.contains("<img"), "{path}");
        assert!(!answer.body.contains("<i>1</i>"), "{path}");
        assert!(!answer.body.contains("style=\""), "{path}: an inline style would be refused by the policy");
        assert_eq!(answer.headers["content-security-policy"], POLICY);
    }
}

#[tokio::test]
async fn control_and_direction_characters_do_not_get_in() {
    let hub = Hub::new().await;
    hub.user("anna", Role::Administrator, None).await;
    let pump = hub.pumps(&["INF-1"], Lifecycle::Expected).await[0];
    let (session, csrf) = hub.session("anna").await;
    for reason in ["a%1B%5B31mred", "a%0D%0Ainjected", "a%E2%80%AEgnp", "", "%20%20"] {
        let answer = hub
            .form(&format!("/pumps/{pump}/quarantine"), As::Session(&session, &csrf), &format!("reason={reason}"))
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{reason}");
    }
}

#[test]
fn no_cell_of_an_export_is_a_formula() {
    for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\u{ff1d}1", "=cmd|' /C calc'!A0"] {
        let mut csv = Csv::default();
        csv.row([cell, "plain"]);
        assert!(csv.text().starts_with("\"'"), "{:?}", csv.text());
    }
    let mut csv = Csv::default();
    csv.row(["a\"b", "c,d", "e-f", "line\nbreak"]);
    assert_eq!(csv.text(), "\"a\"\"b\",\"c,d\",\"e-f\",\"line\nbreak\"\r\n");
}

#[tokio::test]
async fn every_answer_carries_the_policy_and_no_cors() {
    let hub = Hub::new().await;
    let token = hub.token(Role::Administrator).await;
    for route in ROUTES.iter().filter(|route| route.method == Method::Get && !route.path.contains('{')) {
        for who in [As::Nobody, As::Token(&token)] {
            let answer = hub.get(route.path, who).await;
            for name in [
                "content-security-policy",
                "x-content-type-options",
                "referrer-policy",
                "cache-control",
                "x-frame-options",
            ] {
                assert!(answer.headers.contains_key(name), "{:?} lacks {name}", route.id);
            }
            assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{:?}", route.id);
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_or_not_json_is_refused_in_words() {
    let hub = Hub::new().await;
    let token = hub.token(Role::Administrator).await;
    let path = "/api/v1/pumps/6f1c2a34-0000-4000-8000-000000000001/quarantine";
    for (body, status) in [
        ("x".repeat(65 << 10), StatusCode::PAYLOAD_TOO_LARGE),
        ("{".to_owned(), StatusCode::BAD_REQUEST),
        ("[".repeat(60_000), StatusCode::BAD_REQUEST),
    ] {
        let built = request(Method::Post, path, As::Token(&token)).body(Body::from(body)).unwrap();
        let answer = hub.send(built).await;
        assert_eq!(answer.status, status);
        let problem: wardline_api::types::Problem = serde_json::from_str(&answer.body).expect("a problem");
        assert!(!problem.message.is_empty());
    }
}

proptest::proptest! {
    /// Whatever a stranger sends as a form, a query, a cookie or a place to go to: no panic, and what was encoded comes
    /// back as it was.
    #[test]
    fn no_input_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), text in ".{0,80}") {
        let _ = pairs(&bytes);
        let mut headers = axum::http::HeaderMap::new();
        if let Ok(value) = axum::http::HeaderValue::from_bytes(&bytes) {
            headers.insert(header::COOKIE, value);
        }
        let _ = cookie(&headers);
        let to = own_page(&text);
        proptest::prop_assert!(to == "/" || (to.starts_with('/') && !to.starts_with("//") && to.is_ascii()));
        let read = pairs(format!("a={}", percent_encode(&text)).as_bytes());
        proptest::prop_assert_eq!(read, Some(vec![("a".to_owned(), text)]));
    }
}
