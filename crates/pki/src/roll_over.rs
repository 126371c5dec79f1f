//! A new root beside the old one: the two cross certificates by which each vouches for the other (RFC 4210 and RFC 9810
//! section 4.4, RFC 7030 section 4.1.3).
//!
//! | certificate | says | who needs it | dates |
//! |---|---|---|---|
//! | OldWithNew | the old root, signed by the new one | who believes only the new root and meets an old certificate | exactly those of the old root |
//! | NewWithOld | the new root, signed by the old one | who believes only the old root and meets a new certificate | from the new root's first day to the old root's last, or its own |
//!
//! Unlike in the RFC's own picture the two roots have different names. Chains are found by name on pumps, at the hub and in
//! RADIUS servers alike, and two authorities of one name would be told apart by their keys only.

use wardline_model::Time;

use crate::{Authority, Cert, CertSerial, PkiError, profile};

/// Both cross certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crosses {
    /// The old root, signed by the new one.
    pub old_with_new: Cert,
    /// The new root, signed by the old one.
    pub new_with_old: Cert,
}

impl Crosses {
    /// Signs both. It needs the keys of both roots, once.
    ///
    /// # Errors
    /// [`PkiError::Refused`] when one of the two is no root, is not valid now, when both have one name, or when the new
    /// one would end before the old one.
    pub fn sign(old: &Authority, new: &Authority, serials: [&CertSerial; 2], now: Time) -> Result<Self, PkiError> {
        let (was, is) = (old.cert(), new.cert());
        if was.parsed().tbs_certificate.subject == is.parsed().tbs_certificate.subject {
            return Err(PkiError::Refused(
                "the new root needs another name than the old one: chains are found by name",
            ));
        }
        if is.not_after() < was.not_after() {
            return Err(PkiError::Refused("the new root would end before the old one; give it a longer life"));
        }
        // Section 4.4: OldWithNew is valid as the old root itself is.
        let old_with_new = profile::cross(was, (was.not_before(), was.not_after()))?;
        // Section 4.4: NewWithOld from the new root's first day, and never longer than the old root.
        let new_with_old = profile::cross(is, (is.not_before(), was.not_after()))?;
        Ok(Self {
            old_with_new: new.sign(&old_with_new, serials[0], now)?,
            new_with_old: old.sign(&new_with_old, serials[1], now)?,
        })
    }
}

#[cfg(test)]
mod tests;
