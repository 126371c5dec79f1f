//! What the pages and calls say: the honest sentence, filters, sorting, paging, imports and codes.

use axum::body::Body;
use axum::http::StatusCode;
use wardline_api::types::{Enrolment, ManifestResult, Overview, PumpPage};
use wardline_api::{Method, Role};
use wardline_model::Lifecycle;

use super::{As, Hub, request};

async fn json<T: serde::de::DeserializeOwned>(hub: &Hub, token: &str, path: &str) -> T {
    let answer = hub.get(path, As::Token(token)).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
    serde_json::from_str(&answer.body).expect("the type that the table names")
}

#[tokio::test]
async fn an_empty_hub_teaches_the_next_step() {
    let hub = Hub::new().await;
    hub.user("anna", Role::Administrator, None).await;
    let (session, csrf) = hub.session("anna").await;
    for (path, teaches) in [
        ("/", "wardline demo"),
        ("/pumps", "wardline pumps import"),
        ("/rollouts", "wardline release publish"),
        ("/enrolment", "asset_tag,model,serial,care_area"),
    ] {
        let answer = hub.get(path, As::Session(&session, &csrf)).await;
        assert!(answer.body.contains(teaches), "{path}");
    }
}

#[tokio::test]
async fn a_pump_that_is_not_heard_of_is_never_called_safe() {
    let hub = Hub::new().await;
    let token = hub.token(Role::Viewer).await;
    hub.pumps(&["INF-1", "INF-2"], Lifecycle::InService).await;
    hub.pumps(&["INF-3"], Lifecycle::Quarantined).await;
    hub.pumps(&["INF-4"], Lifecycle::Expected).await;
    let overview: Overview = json(&hub, &token, "/api/v1/overview").await;
    assert_eq!(overview.pumps, 3, "the expected pump is not here yet");
    assert_eq!(overview.answer, "0 of 3 pumps are safe. 1 taken down. 2 not heard from.");
    assert_eq!(overview.todo.len(), 2);
}

#[tokio::test]
async fn a_list_is_searched_filtered_sorted_and_paged() {
    let hub = Hub::new().await;
    let token = hub.token(Role::Viewer).await;
    let tags: Vec<String> = (1..=120).map(|n| format!("INF-{n:04}")).collect();
    hub.pumps(&tags.iter().map(String::as_str).collect::<Vec<_>>(), Lifecycle::Expected).await;
    hub.pumps(&["Q-1"], Lifecycle::Quarantined).await;
    let all: PumpPage = json(&hub, &token, "/api/v1/pumps").await;
    assert_eq!((all.total, all.pumps.len(), all.pumps[0].asset_tag.as_str()), (121, 50, "INF-0001"));
    let last: PumpPage = json(&hub, &token, "/api/v1/pumps?page=3&size=50").await;
    assert_eq!((last.pumps.len(), last.pumps[20].asset_tag.as_str()), (21, "Q-1"));
    let beyond: PumpPage = json(&hub, &token, "/api/v1/pumps?page=99").await;
    assert_eq!(beyond.page, 3);
    let found: PumpPage = json(&hub, &token, "/api/v1/pumps?search=inf-01%20ward").await;
    assert_eq!(found.total, 21);
    let down: PumpPage = json(&hub, &token, "/api/v1/pumps?lifecycle=quarantined&attention=danger").await;
    assert_eq!((down.total, down.pumps[0].asset_tag.as_str()), (1, "Q-1"));
    let urgent: PumpPage = json(&hub, &token, "/api/v1/pumps?sort=urgency").await;
    assert_eq!(urgent.pumps[0].asset_tag.as_str(), "Q-1");
    let reversed: PumpPage = json(&hub, &token, "/api/v1/pumps?descending=true").await;
    assert_eq!(reversed.pumps[0].asset_tag.as_str(), "Q-1");
    let wrong = hub.get("/api/v1/pumps?lifecycle=broken", As::Token(&token)).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.body.contains("in-service"), "it says what was expected: {}", wrong.body);
    let csv = hub.get("/pumps.csv?search=Q-1", As::Token(&token)).await;
    assert_eq!(csv.body.lines().count(), 2);
}

#[tokio::test]
async fn a_list_of_pumps_comes_in_whole_or_not_at_all() {
    let hub = Hub::new().await;
    let token = hub.token(Role::Biomed).await;
    let import = async |text: &str| -> ManifestResult {
        let built = request(Method::Post, "/api/v1/enrolment/manifest", As::Token(&token))
            .body(Body::from(text.to_owned()))
            .unwrap();
        serde_json::from_str(&hub.send(built).await.body).unwrap()
    };
    let bad = import("asset_tag,model,serial,care_area\nINF-1,Halcyon 3,S1,Ward 1\nINF-2,Halcyon 3,,Ward 1\n").await;
    assert_eq!((bad.added, bad.errors.len()), (0, 1));
    assert_eq!((bad.errors[0].line, bad.errors[0].column.as_str()), (3, "serial"));
    assert!(hub.store.all_pumps().await.unwrap().is_empty());
    let good = import("asset_tag,model,serial,care_area\nINF-1,Halcyon 3,S1,Ward 1\nINF-2,Halcyon 3,S2,Ward 1\n").await;
    assert_eq!((good.added, good.errors.len()), (2, 0));
    let twice =
        import("asset_tag,model,serial,care_area\nINF-9,Halcyon 3,S9,Ward 1\nINF-2,Halcyon 3,S2,Ward 1\n").await;
    assert_eq!((twice.added, twice.errors[0].line), (0, 3));
    let state: Enrolment = json(&hub, &token, "/api/v1/enrolment").await;
    assert_eq!((state.expected, state.waiting.len()), (2, 2));
}

#[tokio::test]
async fn codes_are_shown_once_with_a_picture() {
    let hub = Hub::new().await;
    hub.user("anna", Role::Biomed, None).await;
    let id = hub.pumps(&["INF-1"], Lifecycle::Expected).await[0];
    let (session, csrf) = hub.session("anna").await;
    let answer = hub.form("/enrolment/codes", As::Session(&session, &csrf), &format!("pump={id}&hours=24")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let code = answer.body.split("<p class=\"code\">").nth(1).unwrap().split('<').next().unwrap();
    assert!(code.len() >= 20, "{code}");
    assert!(answer.body.contains("<svg") && answer.body.contains("INF-1"));
    let page = hub.get("/enrolment", As::Session(&session, &csrf)).await;
    assert!(!page.body.contains(code) && page.body.contains("<td>anna</td>"));
}

#[tokio::test]
async fn the_chosen_set_is_shown_before_it_is_quarantined() {
    let hub = Hub::new().await;
    hub.user("anna", Role::Security, None).await;
    let ids = hub.pumps(&["INF-1", "INF-2"], Lifecycle::InService).await;
    let (session, csrf) = hub.session("anna").await;
    let chosen = format!("pump={}&pump={}", ids[0], ids[1]);
    let shown = hub.form("/pumps/quarantine", As::Session(&session, &csrf), &chosen).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
    assert!(shown.body.contains("Therapy is not touched"));
    assert_eq!(hub.store.pump(ids[0]).await.unwrap().unwrap().standing.lifecycle, Lifecycle::InService);
    let seen = shown.body.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let no_reason = format!("{chosen}&confirmed=yes&seen={seen}");
    let no_reason = hub.form("/pumps/quarantine", As::Session(&session, &csrf), &no_reason).await;
    assert!(no_reason.body.contains("a reason is needed"));
    let unseen = format!("{chosen}&confirmed=yes&reason=scan+seen");
    let unseen = hub.form("/pumps/quarantine", As::Session(&session, &csrf), &unseen).await;
    assert!(unseen.body.contains("look at what it does first"), "the care area would have no pump left");
    let fields = format!("{chosen}&confirmed=yes&reason=scan+seen&seen={seen}");
    let done = hub.form("/pumps/quarantine", As::Session(&session, &csrf), &fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    for id in ids {
        let standing = hub.store.pump(id).await.unwrap().unwrap().standing;
        assert_eq!((standing.lifecycle, standing.reason.as_str()), (Lifecycle::Quarantined, "scan seen"));
    }
}

#[tokio::test]
async fn the_trail_is_verified_and_signed() {
    let hub = Hub::new().await;
    let token = hub.token(Role::Security).await;
    let post = |path: &str| request(Method::Post, path, As::Token(&token)).body(Body::from("")).unwrap();
    let signed = hub.send(post("/api/v1/audit/checkpoint")).await;
    assert_eq!(signed.status, StatusCode::OK, "{}", signed.body);
    let answer = hub.send(post("/api/v1/audit/verify")).await;
    let verified: wardline_api::types::AuditVerified = serde_json::from_str(&answer.body).unwrap();
    assert!(verified.intact && verified.pinned.is_some(), "{}", answer.body);
}
