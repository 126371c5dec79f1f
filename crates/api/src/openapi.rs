//! Prints the table of routes as an OpenAPI 3.1 document.

use serde_json::{Value, json};

use crate::described::{Described, Schema};
use crate::route::{Access, ROUTES, Route, Surface};
use crate::types::Problem;

/// The document: only the JSON surface, because pages and forms are for people.
#[must_use]
pub fn openapi() -> Value {
    let mut named = Schema::new();
    let problem = Problem::schema(&mut named);
    let mut paths = Schema::new();
    for route in ROUTES.iter().filter(|route| route.surface == Surface::Api) {
        let operation = operation(route, &problem, &mut named);
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(route.method.as_str().to_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wardline",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Keeps a hospital's infusion pumps known, patched and reachable. Not a medical device.",
        },
        "paths": paths,
        "components": {
            "schemas": named,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(route: &Route, problem: &Value, named: &mut Schema) -> Value {
    let refusal = |words: &str| json!({"description": words, "content": {"application/json": {"schema": problem}}});
    let success = match route.response {
        Some(schema) => json!({"description": "Done", "content": {"application/json": {"schema": schema(named)}}}),
        None => json!({"description": "Done"}),
    };
    let mut operation = json!({
        "operationId": format!("{:?}", route.id),
        "summary": route.summary,
        "parameters": parameters(route.path),
        "responses": {
            "200": success,
            "400": refusal("The request was not understood"),
            "401": refusal("Nobody is signed in"),
            "403": refusal("The role does not hold the permission"),
            "404": refusal("No such thing"),
        },
    });
    if let Some(schema) = route.request {
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": schema(named)}}});
    }
    match route.access {
        Access::Anyone => {}
        Access::SignedIn => operation["security"] = json!([{"token": []}]),
        Access::Needs(permission) => {
            operation["security"] = json!([{"token": []}]);
            operation["x-permission"] = permission.as_str().into();
        }
    }
    if let Some(audit) = route.audit {
        operation["x-audit"] = audit.into();
    }
    operation
}

fn parameters(path: &str) -> Vec<Value> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect()
}
