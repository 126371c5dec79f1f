//! Releases: what was published by those who answer for it. The hub signs none of them.

use wardline_model::{Digest, Kind, Time, Version};

use crate::described::{api_type, api_words};

api_words! {
    /// Where a release is, as the signed metadata says.
    pub enum ReleaseState {
        /// In the metadata that is in force.
        Published = "published",
        /// No longer in the metadata that is in force.
        Withdrawn = "withdrawn",
    }
}

api_type! {
    /// All releases, newest first.
    pub struct Releases {
        /// The releases.
        pub releases: Vec<ReleaseRow>,
    }

    /// A release.
    pub struct ReleaseRow {
        /// Its kind.
        pub kind: Kind,
        /// Its number within the kind.
        pub version: Version,
        /// Its name in the metadata.
        pub path: String,
        /// SHA-256 of the artifact.
        pub digest: Digest,
        /// The artifact's length in bytes.
        pub length: u64,
        /// Where it is.
        pub state: ReleaseState,
        /// How many keys signed it.
        pub signers: u32,
        /// When the hub took it in.
        pub published: Time,
        /// Who gave it to the hub.
        pub by: String,
        /// What people wrote about it.
        pub notes: String,
        /// For a drug library: how many entries it has.
        pub entries: Option<u64>,
    }

    /// What the hub took in of an upload.
    pub struct Uploaded {
        /// The name under which it is served.
        pub name: String,
        /// Its length in bytes.
        pub length: u64,
        /// What it means, in one sentence.
        pub says: String,
    }
}
