//! SBOM, advisories and the fleet.
