//! The table keeps its own rules.

use std::collections::BTreeSet;

use crate::{Access, Method, Permission, ROUTES, Role, Route, RouteId, Surface, openapi};

#[test]
fn every_row_stands_at_its_own_id_and_no_address_twice() {
    let mut seen = BTreeSet::new();
    for (i, route) in ROUTES.iter().enumerate() {
        assert_eq!(route.id as usize, i, "{:?}", route.id);
        assert!(core::ptr::eq(Route::of(route.id), &ROUTES[i]));
        assert!(seen.insert((route.method, route.path)), "{:?} is there twice", route.path);
        assert!(!route.summary.is_empty());
    }
}

#[test]
fn only_the_named_few_are_open_to_anyone() {
    let open: Vec<RouteId> = ROUTES.iter().filter(|r| r.access == Access::Anyone).map(|r| r.id).collect();
    assert_eq!(
        open,
        [
            RouteId::ApiHealth,
            RouteId::PageSignIn,
            RouteId::PageSignInOnce,
            RouteId::PageAsset,
            RouteId::FormSignIn,
            RouteId::FormSignInOnce,
        ]
    );
}

#[test]
fn what_changes_something_is_audited_and_is_never_a_get() {
    for route in ROUTES {
        assert_eq!(route.audit.is_some(), route.method.changes(), "{:?}", route.id);
        match route.surface {
            Surface::Page => assert_eq!(route.method, Method::Get, "{:?}", route.id),
            Surface::Form => assert_eq!(route.method, Method::Post, "{:?}", route.id),
            Surface::Api => {}
        }
    }
}

#[test]
fn a_form_and_its_api_call_ask_for_the_same_permission() {
    for form in ROUTES.iter().filter(|r| r.surface == Surface::Form) {
        for call in ROUTES.iter().filter(|r| r.surface == Surface::Api && r.audit == form.audit) {
            assert_eq!(form.access, call.access, "{:?} and {:?}", form.id, call.id);
        }
    }
}

#[test]
fn the_matrix_is_the_documented_one() {
    let letters = |role: Role| -> String {
        Permission::ALL.into_iter().map(|p| if p.held_by(role) { 'x' } else { '-' }).collect()
    };
    // read fleet, audit, metrics; quarantine, restore, retire, enrol, its rules; rollouts, releases; take-down rules, audit;
    // authorities; accounts
    assert_eq!(letters(Role::Viewer), "xxx-----------");
    assert_eq!(letters(Role::Pharmacist), "xxx-----xx----");
    assert_eq!(letters(Role::Biomed), "xxxxxxx-------");
    assert_eq!(letters(Role::Security), "xxxxx--x--xx--");
    assert_eq!(letters(Role::Administrator), "xxxxxxxxxxxxxx");
}

#[test]
fn openapi_names_every_call_and_resolves_every_reference() {
    let document = openapi();
    let calls: usize = document["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
    assert_eq!(calls, ROUTES.iter().filter(|r| r.surface == Surface::Api).count());
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.get(name).is_some_and(|s| s.is_object()), "{name}");
    }
    assert_eq!(document["paths"]["/api/v1/pumps/{pump}/quarantine"]["post"]["x-permission"], "quarantine-pumps");
    assert_eq!(schemas["PumpRow"]["properties"]["id"]["format"], "uuid");
}
