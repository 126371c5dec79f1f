//! The HTTP surface as data: route, permission, audit name, types.
