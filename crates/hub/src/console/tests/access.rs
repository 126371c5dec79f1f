//! Every route × every role × nobody (attack classes A22, A23), and that the two tables of who may do what agree.

use axum::body::Body;
use axum::http::{StatusCode, header};
use wardline_api::{Access, Method, Permission, ROUTES, Role, Route, RouteId, Surface};
use wardline_fleet::lifecycle::Act;
use wardline_model::covers;

use super::{As, HOST, Hub, request};

/// An address of a route, with something in every part that varies.
fn address(route: &Route) -> String {
    route
        .path
        .replace("{pump}", "6f1c2a34-0000-4000-8000-000000000001")
        .replace("{rollout}", "1")
        .replace("{account}", "somebody")
        .replace("{token}", "something")
        .replace("{code}", "0A1B")
        .replace("{certificate}", "41")
        .replace("{file}", "console.css")
}

/// Whether the answer says "you may not pass".
fn turned_away(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

#[tokio::test]
async fn nobody_passes_without_signing_in() {
    let hub = Hub::new().await;
    for route in ROUTES.iter().filter(|route| route.access != Access::Anyone) {
        let mut builder = request(route.method, &address(route), As::Nobody);
        if route.method.changes() {
            builder = builder.header(header::ORIGIN, format!("https://{HOST}"));
        }
        let answer = hub.send(builder.body(Body::from("{}")).unwrap()).await;
        if route.surface == Surface::Page && route.id != RouteId::PageLive {
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{:?}", route.id);
            let to = answer.headers[header::LOCATION].to_str().unwrap();
            assert!(to.starts_with("/sign-in?next=/"), "{:?} went to {to}", route.id);
        } else {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{:?}: {}", route.id, answer.body);
        }
    }
}

#[tokio::test]
async fn every_role_passes_exactly_where_the_matrix_says() {
    let hub = Hub::new().await;
    for role in Role::ALL {
        hub.user(role.as_str(), role, None).await;
        let token = hub.token(role).await;
        for route in ROUTES.iter().filter(|route| route.access != Access::Anyone) {
            let may = match route.access {
                Access::Needs(permission) => permission.held_by(role),
                Access::SignedIn | Access::Anyone => true,
            };
            let mut statuses = Vec::new();
            if route.surface == Surface::Api {
                let built = request(route.method, &address(route), As::Token(&token)).body(Body::from("{}")).unwrap();
                statuses.push(("token", hub.send(built).await.status));
            }
            let (session, csrf) = hub.session(role.as_str()).await;
            let who = As::Session(&session, &csrf);
            statuses.push(match (route.surface, route.method) {
                (Surface::Form, _) => ("form", hub.form(&address(route), who, "").await.status),
                (_, Method::Get) => ("session", hub.get(&address(route), who).await.status),
                _ => {
                    let built = request(route.method, &address(route), who)
                        .header(header::ORIGIN, format!("https://{HOST}"))
                        .header("x-csrf", &csrf)
                        .body(Body::from("{}"))
                        .unwrap();
                    ("session", hub.send(built).await.status)
                }
            });
            for (how, status) in statuses {
                let message = format!("{:?} as {role} by {how}: {status}", route.id);
                assert_eq!(turned_away(status), !may, "{message}");
                assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{message}");
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_is_recorded() {
    let hub = Hub::new().await;
    let token = hub.token(Role::Viewer).await;
    let path = "/api/v1/pumps/6f1c2a34-0000-4000-8000-000000000001/quarantine";
    let built = request(Method::Post, path, As::Token(&token)).body(Body::from(r#"{"reason":"because"}"#)).unwrap();
    assert_eq!(hub.send(built).await.status, StatusCode::FORBIDDEN);
    let records = hub.store.audit(&wardline_store::AuditQuery::default()).await.unwrap().rows;
    let record = records.iter().find(|record| record.action == "pump.quarantine").expect("a record");
    assert_eq!((record.actor.as_str(), record.verdict.as_str()), ("token:token-viewer", "refused"));
    assert!(record.reason.contains("quarantine-pumps"), "{}", record.reason);
}

#[test]
fn the_api_and_fleet_agree_who_may_move_a_pump() {
    covers!("N8");
    for (act, id) in [
        (Act::Quarantine, RouteId::ApiPumpQuarantine),
        (Act::Release, RouteId::ApiPumpRelease),
        (Act::ReportLost, RouteId::ApiPumpLost),
        (Act::Find, RouteId::ApiPumpFound),
        (Act::Retire, RouteId::ApiPumpRetire),
        (Act::ReturnLoaner, RouteId::ApiPumpLoanerReturn),
        (Act::ReEnrol, RouteId::ApiPumpReEnrol),
    ] {
        let Access::Needs(permission) = Route::of(id).access else { panic!("{id:?} asks for no permission") };
        for role in Role::ALL {
            assert_eq!(permission.held_by(role), act.roles().contains(&role), "{act:?} by {role}");
        }
    }
    assert!(Permission::ALL.iter().all(|permission| permission.held_by(Role::Administrator)));
}

#[tokio::test]
async fn what_is_not_in_the_table_is_not_there() {
    let hub = Hub::new().await;
    for path in ["/nowhere", "/assets/../hub.db", "/assets/hub.db", "/api/v1/nothing", "/pumps/"] {
        let answer = hub.get(path, As::Nobody).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.headers.contains_key("content-security-policy"), "{path}");
    }
    let built = request(Method::Delete, "/pumps", As::Nobody).body(Body::empty()).unwrap();
    assert_eq!(hub.send(built).await.status, StatusCode::METHOD_NOT_ALLOWED);
}
