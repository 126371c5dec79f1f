//! What a certificate may say: the hub's certificate authority, EST messages, CRLs, and checks stricter than a TLS
//! library's own.
//!
//! Bytes in, bytes out. Nothing here opens a socket or a file, reads a clock, or draws a random number of its own (the
//! crypto library draws what key generation and ECDSA need; certificate serial numbers come from the caller).
//!
//! The rule it keeps: **the profile decides everything**. A certificate request contributes its public key and the
//! proof that the sender holds the private one; every name, usage and date in the certificate comes from the hospital's
//! registry. So no pump can ask its way into another pump's name (N14).
//!
//! | module | what it is |
//! |---|---|
//! | [`key`] | P-256 keys and signatures |
//! | [`signer`] | what signs in an authority's name: a key here, or one that never leaves its device |
//! | [`cert`] | a parsed certificate beside its exact bytes |
//! | [`name`] | subject names, `urn:uuid:` and `hardwareModuleName` |
//! | [`profile`] | which certificate says what: request → profile → approved |
//! | [`authority`] | a CA: approved → signed → compared with what was approved |
//! | [`roll_over`] | a new root beside the old: the two certificates by which each vouches for the other |
//! | [`request`] | our own request to be an authority below a hospital's |
//! | [`subordinate`] | what the hospital's authority answered, checked |
//! | [`csr`] | PKCS#10 requests from outside, strictly |
//! | [`csrattrs`] | what a client should put into its request (RFC 9908) |
//! | [`crl`] | full, numbered revocation lists |
//! | [`ocsp`] | answers about one certificate, signed by a delegated responder |
//! | [`est`] | RFC 7030 bodies: base64 and certs-only CMS |
//! | [`strict`] | what `rustls-webpki` accepts and we refuse |
//! | [`identity`] | who a peer's certificate says it is |

pub mod authority;
pub mod cert;
mod compare;
pub mod crl;
pub mod csr;
pub mod csrattrs;
pub mod error;
pub mod est;
mod foreign;
pub mod identity;
pub mod key;
pub mod name;
pub mod ocsp;
pub mod profile;
pub mod request;
pub mod roll_over;
pub mod signer;
pub mod strict;
pub mod subordinate;

pub use authority::Authority;
pub use cert::{Cert, CertSerial};
pub use crl::{Crl, Reason, Revoked};
pub use csr::Csr;
pub use error::PkiError;
pub use identity::{BirthIdentity, PumpIdentity};
pub use key::P256Key;
pub use profile::Approved;
pub use signer::{SignElsewhere, Signer};

#[cfg(test)]
mod tests;
