//! The contract between hub and agent: schema, versions, limits.
