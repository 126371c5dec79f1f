//! What a hospital's authority gave us: a certificate for our issuing key, and the chain to the root that the operator
//! names. Checked before it is used, each thing on its own, so that what is refused says what to ask the hospital's PKI
//! team for.

use wardline_model::{Span, Time};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectKeyIdentifier};

use crate::cert::MAX_CERT;
use crate::key::spki_der;
use crate::profile::PUMP_LASTS;
use crate::{Cert, PkiError, strict};

/// The most certificates between our issuing CA and the hospital's root. Three is the most that we saw described
/// (root, policy, region, issuing).
pub const MOST_BETWEEN: usize = 4;

/// The least that the certificate must last: three lives of a pump's certificate, so that nobody installs one that ends
/// while the fleet comes over.
pub const LEAST: Span = Span::from_days(90);

/// What is wrong with what the hospital's authority gave, and what to ask for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Another key.
    #[error(
        "it is for another key than the one that this hub asked with: give the PKI team the request that \
         `wardline ca request` wrote last"
    )]
    Key,
    /// Not a CA.
    #[error(
        "it is no CA certificate that may sign certificates and revocation lists: ask for the template of a subordinate \
         certification authority (cA TRUE, keyCertSign, cRLSign)"
    )]
    NotAuthority,
    /// No identifiers.
    #[error("it lacks the subject or the authority key identifier, by which pumps find their way from one to the next")]
    NoKeyId,
    /// Too short.
    #[error("it ends on {0} (UTC), less than 90 days from now: ask for one that lasts years")]
    EndsSoon(String),
    /// Not now.
    #[error("{0} is not valid now; look at this machine's clock and at its dates")]
    Dates(String),
    /// An authority above allows none below.
    #[error("{0} allows no more than {1} authorities below it, and there would be {2}")]
    PathLength(String, u8, usize),
    /// One link of the chain.
    #[error("{child} was not signed by {parent}: {why}")]
    Chain {
        /// Who.
        child: String,
        /// By whom.
        parent: String,
        /// What was wrong.
        why: PkiError,
    },
    /// A certificate is missing.
    #[error(
        "the chain breaks at {child}: its issuer {issuer} is neither among the certificates given nor the root. Give \
         every certificate between them"
    )]
    Missing {
        /// The last one reached.
        child: String,
        /// Who is missing.
        issuer: String,
    },
    /// The root is not one.
    #[error("the root does not sign itself, or may not sign certificates: {0}")]
    Root(PkiError),
    /// Too many.
    #[error("more than {MOST_BETWEEN} authorities between the root and this one")]
    TooMany,
    /// Cannot be read.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

/// An issuing CA's certificate under somebody else's root, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subordinate {
    cert: Cert,
    between: Vec<Cert>,
    root: Cert,
}

impl Subordinate {
    /// Checks a certificate for the key `spki` and finds its way to `root` through `others`, in whatever order they come.
    ///
    /// # Errors
    /// [`Wrong`], the first.
    pub fn check(cert: Cert, others: &[Cert], root: Cert, spki: &crate::key::Spki, now: Time) -> Result<Self, Wrong> {
        if cert.public_key_der()? != spki_der(spki)? {
            return Err(Wrong::Key);
        }
        root.verify_issued_by(&root).map_err(Wrong::Root)?;
        authority(&root, now)?;
        authority(&cert, now)?;
        let usage = get::<KeyUsage>(&cert)?.ok_or(Wrong::NotAuthority)?;
        if !usage.crl_sign() {
            return Err(Wrong::NotAuthority);
        }
        if cert.not_after() < now + LEAST.max(PUMP_LASTS) {
            return Err(Wrong::EndsSoon(cert.parsed().tbs_certificate.validity.not_after.to_string()));
        }
        let between = way(&cert, others, &root)?;
        let whole: Vec<&Cert> = std::iter::once(&cert).chain(&between).chain([&root]).collect();
        for (below, pair) in whole.windows(2).enumerate() {
            authority(pair[1], now)?;
            link(pair[0], pair[1])?;
            length(pair[1], below + 1)?;
        }
        Ok(Self { cert, between, root })
    }

    /// Our issuing CA's certificate.
    #[must_use]
    pub const fn cert(&self) -> &Cert {
        &self.cert
    }

    /// The authorities between it and the root, the nearest first.
    #[must_use]
    pub fn between(&self) -> &[Cert] {
        &self.between
    }

    /// The hospital's root.
    #[must_use]
    pub const fn root(&self) -> &Cert {
        &self.root
    }
}

/// The authorities from a certificate to the root, found by name.
fn way(cert: &Cert, others: &[Cert], root: &Cert) -> Result<Vec<Cert>, Wrong> {
    let subject = |cert: &Cert| cert.parsed().tbs_certificate.subject.clone();
    let mut between: Vec<Cert> = Vec::new();
    loop {
        let last = between.last().unwrap_or(cert);
        let issuer = &last.parsed().tbs_certificate.issuer;
        if *issuer == subject(root) {
            return Ok(between);
        }
        if between.len() == MOST_BETWEEN {
            return Err(Wrong::TooMany);
        }
        match others.iter().find(|other| subject(other) == *issuer && *other != last) {
            Some(next) => between.push(next.clone()),
            None => return Err(Wrong::Missing { child: name(last), issuer: issuer.to_string() }),
        }
    }
}

fn authority(cert: &Cert, now: Time) -> Result<(), Wrong> {
    use strict::Fault;
    strict::authority(cert, now).map_err(|fault| match fault {
        Fault::NotYetValid | Fault::Expired => Wrong::Dates(name(cert)),
        Fault::NoSubjectKeyId => Wrong::NoKeyId,
        Fault::NotAnAuthority | Fault::NoCertSign => Wrong::NotAuthority,
        other => Wrong::Pki(other.into()),
    })
}

fn link(child: &Cert, parent: &Cert) -> Result<(), Wrong> {
    child.verify_issued_by(parent).map_err(|why| Wrong::Chain { child: name(child), parent: name(parent), why })?;
    let wanted = get::<AuthorityKeyIdentifier>(child)?.and_then(|id| id.key_identifier).ok_or(Wrong::NoKeyId)?;
    let found = get::<SubjectKeyIdentifier>(parent)?.ok_or(Wrong::NoKeyId)?;
    if wanted != found.0 {
        let why = strict::Fault::WrongAuthorityKeyId.into();
        return Err(Wrong::Chain { child: name(child), parent: name(parent), why });
    }
    Ok(())
}

/// Whether this authority allows so many below it (RFC 5280 section 4.2.1.9).
fn length(cert: &Cert, below: usize) -> Result<(), Wrong> {
    match get::<BasicConstraints>(cert)?.and_then(|constraints| constraints.path_len_constraint) {
        Some(most) if below > usize::from(most) => Err(Wrong::PathLength(name(cert), most, below)),
        _ => Ok(()),
    }
}

fn name(cert: &Cert) -> String {
    cert.parsed().tbs_certificate.subject.to_string()
}

fn get<'a, T>(cert: &'a Cert) -> Result<Option<T>, Wrong>
where
    T: der::Decode<'a> + const_oid::AssociatedOid,
{
    strict::get(cert).map_err(|fault| Wrong::Pki(fault.into()))
}

/// Every certificate in a file of PEM blocks, or the one in a DER file.
///
/// # Errors
/// [`PkiError`] when one cannot be read, or there is none or too many.
pub fn read_file(bytes: &[u8]) -> Result<Vec<Cert>, PkiError> {
    const WHAT: &str = "file of certificates";
    let limit = (MOST_BETWEEN + 2) * 2 * MAX_CERT;
    if bytes.len() > limit {
        return Err(PkiError::TooLarge { what: WHAT, size: bytes.len(), limit });
    }
    if bytes.first() == Some(&0x30) {
        return Ok(vec![Cert::from_der(bytes)?]);
    }
    const END: &str = "-----END CERTIFICATE-----";
    let text = core::str::from_utf8(bytes).map_err(|_| PkiError::malformed(WHAT, "it is neither PEM nor DER"))?;
    let blocks = text.split_inclusive(END).filter(|block| block.contains(END));
    let begin = |block: &str| block.find("-----BEGIN CERTIFICATE-----").map(|at| block[at..].to_owned());
    let certs: Vec<Cert> = blocks.filter_map(begin).map(|block| Cert::from_pem(&block)).collect::<Result<_, _>>()?;
    if certs.is_empty() {
        return Err(PkiError::malformed(WHAT, "it holds no certificate (-----BEGIN CERTIFICATE-----)"));
    }
    Ok(certs)
}

#[cfg(test)]
mod tests;
