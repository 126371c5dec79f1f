//! Bodies of EST (RFC 7030, clarified by RFC 8951): base64 text, and the certs-only CMS message.
//!
//! Written strictly, read tolerantly: wrapped, unwrapped, PEM and bare DER come in. What goes out is in lines of 64
//! characters, because libest fails on unwrapped base64; and in one line for who sent one line, because strongSwan fails
//! on wrapped. RFC 8951 section 3.1 leaves both free.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cms::cert::CertificateChoices;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{CertificateSet, EncapsulatedContentInfo, SignedData, SignerInfos};
use const_oid::db::rfc5911::{ID_DATA, ID_SIGNED_DATA};
use der::asn1::SetOfVec;
use der::{Any, Decode, Encode};

use crate::{Cert, PkiError};

/// Characters per line of base64 (PEM's width, RFC 7468).
const LINE: usize = 64;

/// The most certificates in a message that we read: a chain of a few, during a change of root twice that.
pub const MAX_CERTS: usize = 16;

/// The most bytes of a certs-only message that we read.
pub const MAX_MESSAGE: usize = 64 * 1024;

const WHAT: &str = "certs-only message";

/// The content type of a certs-only answer. The parameter matters: libest refuses an answer without it.
pub const CERTS_ONLY: &str = "application/pkcs7-mime; smime-type=certs-only";

/// How base64 is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// In lines of 64 characters, each ended.
    #[default]
    Lines,
    /// In one line, not ended.
    OneLine,
}

impl Layout {
    /// How a body that came in is laid out. What is no base64 text counts as in lines.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        let is_text = body.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        if is_text && !body.is_empty() { Self::OneLine } else { Self::Lines }
    }
}

/// DER as the base64 text of an EST body.
#[must_use]
pub fn encode_body(der: &[u8], layout: Layout) -> String {
    let flat = STANDARD.encode(der);
    if layout == Layout::OneLine {
        return flat;
    }
    let mut text = String::with_capacity(flat.len() + flat.len() / LINE + 2);
    for line in flat.as_bytes().chunks(LINE) {
        text.extend(line.iter().map(|b| char::from(*b)));
        text.push('\n');
    }
    text
}

/// The DER inside an EST body: base64 with any white space, one PEM block, or DER itself.
///
/// # Errors
/// [`PkiError::TooLarge`] above `limit` bytes of DER, [`PkiError::Malformed`] for anything else.
pub fn decode_body(what: &'static str, body: &[u8], limit: usize) -> Result<Vec<u8>, PkiError> {
    // Base64 takes 4 bytes for 3; PEM adds two lines and an end for each line of 64.
    let text_limit = limit * 3 / 2 + 256;
    if body.len() > text_limit {
        return Err(PkiError::TooLarge { what, size: body.len(), limit: text_limit });
    }
    // 0x30, a DER SEQUENCE, is also the character '0'; base64 of a SEQUENCE always begins with 'M'.
    let der = if body.first() == Some(&0x30) { body.to_vec() } else { from_text(what, body)? };
    match der.len() {
        0 => Err(PkiError::malformed(what, "it is empty")),
        size if size > limit => Err(PkiError::TooLarge { what, size, limit }),
        _ => Ok(der),
    }
}

fn from_text(what: &'static str, body: &[u8]) -> Result<Vec<u8>, PkiError> {
    let text = core::str::from_utf8(body)
        .map_err(|_| PkiError::malformed(what, "expected base64 text, PEM or DER beginning with 0x30"))?;
    let inner = match text.trim().strip_prefix("-----BEGIN ") {
        None => text,
        Some(rest) => {
            let (_, rest) = rest
                .split_once("-----")
                .ok_or_else(|| PkiError::malformed(what, "its PEM BEGIN line does not end with five dashes"))?;
            let (inner, _) =
                rest.split_once("-----END ").ok_or_else(|| PkiError::malformed(what, "its PEM END line is missing"))?;
            inner
        }
    };
    let flat: Vec<u8> = inner.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    STANDARD.decode(flat).map_err(|e| PkiError::malformed(what, format_args!("its base64 text is wrong ({e})")))
}

/// A certs-only CMS message (a degenerate SignedData, RFC 5652 section 5) as DER.
///
/// # Errors
/// [`PkiError::Malformed`] when the certificates do not fit a DER SET.
pub fn certs_only(certs: &[&Cert]) -> Result<Vec<u8>, PkiError> {
    let wrong = |e| PkiError::malformed(WHAT, e);
    let set = certs.iter().map(|c| CertificateChoices::Certificate(c.parsed().clone())).collect::<Vec<_>>();
    let signed = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::new(),
        encap_content_info: EncapsulatedContentInfo { econtent_type: ID_DATA, econtent: None },
        certificates: Some(CertificateSet::try_from(set).map_err(wrong)?),
        crls: None,
        signer_infos: SignerInfos(SetOfVec::new()),
    };
    let content = Any::encode_from(&signed).map_err(wrong)?;
    ContentInfo { content_type: ID_SIGNED_DATA, content }.to_der().map_err(wrong)
}

/// The certificates in a certs-only message. Their order says nothing: the message is a set.
///
/// # Errors
/// [`PkiError`] when it is anything else, or holds none or too many.
pub fn parse_certs_only(der: &[u8]) -> Result<Vec<Cert>, PkiError> {
    let wrong = |e| PkiError::malformed(WHAT, e);
    if der.len() > MAX_MESSAGE {
        return Err(PkiError::TooLarge { what: WHAT, size: der.len(), limit: MAX_MESSAGE });
    }
    let info = ContentInfo::from_der(der).map_err(wrong)?;
    if info.content_type != ID_SIGNED_DATA {
        return Err(PkiError::malformed(WHAT, "it is not CMS signed-data (a bare certificate is not an EST answer)"));
    }
    let signed = info.content.decode_as::<SignedData>().map_err(wrong)?;
    let set = signed.certificates.ok_or_else(|| PkiError::malformed(WHAT, "it holds no certificate"))?;
    if set.0.is_empty() || set.0.len() > MAX_CERTS {
        return Err(PkiError::malformed(WHAT, format_args!("it holds {} certificates, expected 1 to 16", set.0.len())));
    }
    set.0
        .iter()
        .map(|choice| match choice {
            CertificateChoices::Certificate(cert) => Cert::from_der(&cert.to_der().map_err(wrong)?),
            CertificateChoices::Other(_) => Err(PkiError::malformed(WHAT, "it holds something besides certificates")),
        })
        .collect()
}
