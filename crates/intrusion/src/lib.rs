//! Firewall policy to rule set, and detection machines over packet, link and file observations.
//!
//! The room stands empty until the defence work furnishes it; it exists so that its place among the others is decided.
