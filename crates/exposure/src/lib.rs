//! SBOM, advisories and the fleet: which pumps are exposed to what, and which release closes it.
//!
//! The room stands empty until the exposure work furnishes it; it exists so that its place among the others is decided.
