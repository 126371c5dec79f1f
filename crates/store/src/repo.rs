//! Signed metadata, artifacts and releases, as the hub verified and serves them.
//!
//! Nothing here is signed by the hub and nothing is checked here: the `release` crate did, and a pump does again.

use wardline_model::{Digest, Kind, Time, Version};

use crate::error::unbuilt;
use crate::{Decision, Store, StoreError};

/// A metadata file under the name that it is served by, such as `3.targets.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataFile {
    /// The name.
    pub name: String,
    /// The bytes as signed.
    pub bytes: Vec<u8>,
}

/// An artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The target path of the metadata, such as `drug-library/ward-7.json`.
    pub path: String,
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// An artifact as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactRow {
    /// The target path.
    pub path: String,
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// How many bytes.
    pub length: u64,
    /// When it was published.
    pub published: Time,
}

/// Where a release is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReleaseState {
    /// May be rolled out.
    Published,
    /// May not be rolled out any more.
    Withdrawn,
}

/// A release to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRelease {
    /// Its kind.
    pub kind: Kind,
    /// Its number within the kind.
    pub version: Version,
    /// The target path of its artifact.
    pub path: String,
    /// SHA-256 of the artifact.
    pub digest: Digest,
    /// The artifact's length in bytes.
    pub length: u64,
    /// How many entries it has, where the kind has entries.
    pub entries: Option<u64>,
    /// What people wrote about it.
    pub notes: String,
    /// The key ids that signed it.
    pub signers: Vec<String>,
}

/// A release as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseRow {
    /// What was published.
    pub release: NewRelease,
    /// Where it is.
    pub state: ReleaseState,
    /// When it was published.
    pub published: Time,
    /// By whom.
    pub published_by: String,
    /// Why it was withdrawn, if it was.
    pub withdrawn_reason: Option<String>,
}

/// A set of files that becomes visible at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    /// Metadata, `timestamp.json` included. A versioned name that exists must have the same bytes.
    pub metadata: Vec<MetadataFile>,
    /// Artifacts. One that exists already is left alone.
    pub artifacts: Vec<Artifact>,
    /// Releases that are new with it.
    pub releases: Vec<NewRelease>,
}

impl Store {
    /// Publishes a set of files in one transaction, with the audit record `release.publish`.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when a file is too large, a digest does not fit its bytes, or a name exists with other
    /// bytes.
    pub async fn publish(&self, publication: &Publication, by: &Decision) -> Result<(), StoreError> {
        let _ = (publication, by);
        unbuilt()
    }

    /// A metadata file by the name that it is served by.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn metadata(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let _ = name;
        unbuilt()
    }

    /// The names of all metadata files.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn metadata_names(&self) -> Result<Vec<String>, StoreError> {
        unbuilt()
    }

    /// An artifact's bytes.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn artifact(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let _ = digest;
        unbuilt()
    }

    /// Every artifact, without its bytes.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn artifacts(&self) -> Result<Vec<ArtifactRow>, StoreError> {
        unbuilt()
    }

    /// Releases of a kind, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn releases(&self, kind: Kind) -> Result<Vec<ReleaseRow>, StoreError> {
        let _ = kind;
        unbuilt()
    }

    /// One release.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn release(&self, kind: Kind, version: Version) -> Result<Option<ReleaseRow>, StoreError> {
        let _ = (kind, version);
        unbuilt()
    }

    /// Withdraws a release, with the audit record `release.withdraw`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Refused`] when it is withdrawn already.
    pub async fn withdraw_release(&self, kind: Kind, version: Version, by: &Decision) -> Result<(), StoreError> {
        let _ = (kind, version, by);
        unbuilt()
    }
}
