//! A set of trust anchors: the artifact of the kind `trust-anchors`. It names the root certificates that a pump believes its
//! hub by, all of them, so that a release that no longer lists a root takes it away.
//!
//! It is signed offline like every release, by the hospital's IT security (the role `trust`), and so it does not hang on
//! the authorities that it speaks of: a stolen certificate authority cannot put another beside itself (N13). Here only its
//! form is read. Whether an anchor can be used is for whoever uses it.
//!
//! ```json
//! {"anchors":["-----BEGIN CERTIFICATE-----\u000a…"],"version":2,"wardline":"trust-anchors"}
//! ```

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use wardline_model::Version;

use crate::json::{Value, int, object};
use crate::refused::Why;

/// The longest set: eight certificates in PEM, twice over.
pub const MAX_TRUST_ANCHORS_BYTES: u64 = 64 * 1024;
/// The most anchors in one set. A change of roots needs two; a hospital that merges with another needs four.
pub const MAX_ANCHORS: usize = 8;
/// The longest certificate in PEM. Ours have 700 bytes.
const MAX_PEM: usize = 12 * 1024;
/// What stands for the kind in the artifact.
const MARK: &str = "trust-anchors";

/// The roots that a pump believes its hub by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorSet {
    version: Version,
    anchors: Vec<String>,
}

impl AnchorSet {
    /// A set of certificates in PEM.
    ///
    /// # Errors
    /// [`Why::Shape`] when there is none, too many, one twice, or one that is not a single PEM certificate.
    pub fn new(version: Version, anchors: Vec<String>) -> Result<Self, Why> {
        if anchors.is_empty() || anchors.len() > MAX_ANCHORS {
            return Err(Why::Shape("anchors (expected 1 to 8)"));
        }
        for (index, pem) in anchors.iter().enumerate() {
            let is_one = pem.len() <= MAX_PEM
                && pem.starts_with("-----BEGIN CERTIFICATE-----\n")
                && pem.ends_with("-----END CERTIFICATE-----\n")
                && pem.matches("-----").count() == 4;
            if !is_one {
                return Err(Why::Shape("anchors (expected one PEM certificate in each)"));
            }
            if anchors[..index].contains(pem) {
                return Err(Why::Shape("anchors (one is there twice)"));
            }
        }
        Ok(Self { version, anchors })
    }

    /// Reads a set in its one form.
    ///
    /// # Errors
    /// [`Why`]: too long, not JSON, not a set, or not in its one form.
    pub fn parse(bytes: &[u8]) -> Result<Self, Why> {
        if bytes.len() as u64 > MAX_TRUST_ANCHORS_BYTES {
            return Err(Why::TooLarge { limit: MAX_TRUST_ANCHORS_BYTES });
        }
        let value = Value::parse(bytes)?;
        if value.get("wardline").and_then(Value::as_str) != Some(MARK) {
            return Err(Why::Shape("wardline (expected trust-anchors)"));
        }
        let version = value.get("version").and_then(Value::as_u64).ok_or(Why::Shape("version"))?;
        let listed = value.get("anchors").and_then(Value::as_array).ok_or(Why::Shape("anchors"))?;
        let text = |item: &Value| item.as_str().map(ToString::to_string).ok_or(Why::Shape("anchors"));
        let set = Self::new(Version(version), listed.iter().map(text).collect::<Result<_, _>>()?)?;
        if set.to_bytes() == bytes { Ok(set) } else { Err(Why::Shape("the set (it is not in its one form)")) }
    }

    /// The artifact's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let anchors = self.anchors.iter().map(|pem| pem.as_str().into()).collect();
        object([("anchors", Value::Array(anchors)), ("version", int(self.version.0)), ("wardline", MARK.into())])
            .to_json()
    }

    /// The number of the set.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Its certificates, PEM.
    #[must_use]
    pub fn anchors(&self) -> &[String] {
        &self.anchors
    }
}

#[cfg(test)]
mod tests {
    //! One form, and nothing beside it.

    use alloc::string::String;
    use alloc::vec;

    use proptest::prelude::*;
    use wardline_model::Version;

    use super::AnchorSet;

    fn pem(body: &str) -> String {
        alloc::format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }

    #[test]
    fn a_set_reads_back_as_it_was_written() {
        let set = AnchorSet::new(Version(2), vec![pem("AAAA"), pem("BBBB")]).unwrap();
        let bytes = set.to_bytes();
        assert_eq!(AnchorSet::parse(&bytes).unwrap(), set);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with(r#"{"anchors":["-----BEGIN CERTIFICATE-----\u000aAAAA\u000a"#), "{text}");
        for (from, to) in
            [("trust-anchors", "firmware"), ("\"version\":2", "\"version\":-2"), (",\"v", ", \"v"), ("BBBB", "AAAA")]
        {
            let spoilt = text.replace(from, to);
            assert_ne!(spoilt, text);
            assert!(AnchorSet::parse(spoilt.as_bytes()).is_err(), "{spoilt}");
        }
    }

    #[test]
    fn no_anchor_or_too_many_or_not_a_certificate_is_no_set() {
        assert!(AnchorSet::new(Version(1), vec![]).is_err());
        assert!(AnchorSet::new(Version(1), (0..9).map(|n| pem(&alloc::format!("{n}"))).collect()).is_err());
        assert!(AnchorSet::new(Version(1), vec![pem("A") + &pem("B")]).is_err(), "two in one");
        assert!(AnchorSet::new(Version(1), vec!["AAAA".into()]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(AnchorSet::parse(&bytes).is_err());
        }
    }
}
