//! What a verified release says of itself, and who may say it.

use alloc::string::{String, ToString};
use sha2::{Digest as _, Sha256};
use wardline_model::{Digest, Kind, ReleaseRef, Version};

use crate::json::Value;
use crate::meta::TargetFile;
use crate::refused::Why;

/// A release, as the people who answer for it signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Kind, version, digest and length.
    pub reference: ReleaseRef,
    /// Its path in the repository.
    pub path: String,
    /// How many entries it has, where the kind has entries.
    pub entries: Option<u64>,
    /// What a read-back must print, where the kind has entries: the line that stands for every rendered entry.
    pub sample: Option<String>,
}

/// SHA-256 of some bytes (FIPS 180-4).
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// The path under which a release is listed, such as `drug-library/7.json`.
#[must_use]
pub fn release_path(kind: Kind, version: Version) -> String {
    alloc::format!("{kind}/{version}.json")
}

/// The role that must list releases of a kind, and the least threshold that the role must have. A drug library needs
/// two pharmacists, whatever the metadata above it says.
#[must_use]
pub const fn required_role(kind: Kind) -> (&'static str, u32) {
    match kind {
        Kind::DrugLibrary => ("drug-library", 2),
        Kind::Firmware => ("firmware", 1),
        Kind::WirelessProfile | Kind::FirewallPolicy => ("network", 1),
        Kind::TrustAnchors => ("trust", 1),
    }
}

impl Release {
    /// Reads a listed target as the release that was asked for: role, threshold, kind, version, digest and length must
    /// all agree, it must not be withdrawn, and it must not lie below the floor.
    pub(crate) fn from_listed(
        asked: &ReleaseRef,
        file: &TargetFile,
        (role, threshold): (&str, u32),
        floor: Version,
    ) -> Result<Self, Why> {
        let (needed, least) = required_role(asked.kind);
        if role != needed || threshold < least {
            return Err(Why::WrongRole { by: role.to_string(), needed, threshold: least });
        }
        let about =
            file.custom.as_ref().and_then(|custom| custom.get("wardline")).ok_or(Why::Shape("custom.wardline"))?;
        if let Some(reason) = about.get("withdrawn").and_then(Value::as_str) {
            return Err(Why::Withdrawn(reason.to_string()));
        }
        let kind = about.get("kind").and_then(Value::as_str).ok_or(Why::Shape("custom.wardline.kind"))?;
        let version = about.get("version").and_then(Value::as_u64).ok_or(Why::Shape("custom.wardline.version"))?;
        if kind != asked.kind.as_str() || version != asked.version.0 {
            return Err(Why::NotWhatWasAsked(asked.kind));
        }
        if file.sha256 != asked.digest {
            return Err(Why::Digest { got: asked.digest, expected: file.sha256 });
        }
        if file.length != asked.length {
            return Err(Why::Length { got: asked.length, expected: file.length });
        }
        if asked.version < floor {
            return Err(Why::BelowFloor { got: asked.version, floor });
        }
        Ok(Self {
            reference: *asked,
            path: release_path(asked.kind, asked.version),
            entries: about.get("entries").and_then(Value::as_u64),
            sample: about.get("sample").and_then(Value::as_str).map(ToString::to_string),
        })
    }

    /// Checks the artifact's bytes against what was signed.
    pub(crate) fn check_artifact(&self, artifact: &[u8]) -> Result<(), Why> {
        let got = artifact.len() as u64;
        if got != self.reference.length {
            return Err(Why::Length { got, expected: self.reference.length });
        }
        let digest = sha256(artifact);
        if digest != self.reference.digest {
            return Err(Why::Digest { got: digest, expected: self.reference.digest });
        }
        Ok(())
    }
}
