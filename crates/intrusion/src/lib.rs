//! Firewall policy to rule set, and detection machines over packet, link and file observations.
//!
//! A [`policy::Policy`] says in a hospital's words what a pump may talk to; [`policy::Policy::rules`] turns it into one
//! transaction for the Linux packet filter. Nothing here touches a packet filter or a network: the agent carries it out.
//! [`watch::Watch`] turns what the agent saw into findings and into what the pump does about them by itself.

pub mod policy;
pub mod watch;
