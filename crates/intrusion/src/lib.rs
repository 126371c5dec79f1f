//! Firewall policy to rule set, and detection machines.
