//! The HTTP surface as data: every route with its permission, its audit name and its types.
//!
//! The hub builds its router out of [`ROUTES`], the command line calls by it, the OpenAPI document is printed from it and
//! the authorisation test walks it. A route that is not in the table does not exist, and a route without a permission
//! cannot be written down (attack classes A22 and A23).
//!
//! This crate decides nothing about pumps and opens no socket.

mod described;
mod openapi;
mod permission;
mod route;
pub mod types;

pub use described::{Described, Schema};
pub use openapi::openapi;
pub use permission::{Permission, role_sentence};
pub use route::{Access, Method, ROUTES, Route, RouteId, Surface};

pub use wardline_model::Role;

#[cfg(test)]
mod tests;
