//! Signed metadata, artifacts and releases, as the hub verified and serves them.
//!
//! Nothing here is signed by the hub and nothing is checked here: the `release` crate did, and a pump does again.

use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::any::AnyRow;
use wardline_model::{Digest, Kind, Time, Version};

use crate::group::Deciding;
use crate::row::{from_word, int, moment, number, parse, query, sha256, text, time, word};
use crate::store::Trouble;
use crate::{Decision, Entry, Store, StoreError};

/// The largest metadata file: TUF's own default for root is 512,000 bytes; a hospital's targets are far below.
const LARGEST_METADATA: usize = 1024 * 1024;
/// The largest artifact that rests in the database. Drug libraries are at most 16 MiB.
const LARGEST_ARTIFACT: usize = 64 * 1024 * 1024;
/// The longest name of a file, as on most file systems.
const LONGEST_NAME: usize = 255;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

impl Publication {
    /// Refuses what is too large or not what it says.
    fn check(&self) -> Result<(), StoreError> {
        for file in &self.metadata {
            check_file(&file.name, file.bytes.len(), LARGEST_METADATA)?;
        }
        for artifact in &self.artifacts {
            check_file(&artifact.path, artifact.bytes.len(), LARGEST_ARTIFACT)?;
            if sha256(&[&artifact.bytes]) != artifact.digest {
                let why = "its bytes do not have the digest that it is named by; upload it again";
                return Err(StoreError::refused(format!("artifact {}", artifact.path), why));
            }
        }
        Ok(())
    }
}

fn check_file(name: &str, length: usize, most: usize) -> Result<(), StoreError> {
    if length > most {
        return Err(StoreError::refused(
            format!("file {name:?}"),
            format!("it has {length} bytes, and {most} is the most"),
        ));
    }
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(StoreError::refused("a file", format!("its name must have 1 to {LONGEST_NAME} printable bytes")));
    }
    Ok(())
}

/// Whether a metadata file's content may change: only the timestamp has no version in its name (TUF section 6.2).
fn may_change(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
}

impl ReleaseRow {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        let entries: Option<i64> = row.try_get("entries")?;
        let signers =
            serde_json::from_str(&text(row, "signers")?).map_err(|_| StoreError::value("releases.signers"))?;
        let release = NewRelease {
            kind: parse(row, "kind")?,
            version: Version(number(row, "version")?),
            path: text(row, "path")?,
            digest: parse(row, "digest")?,
            length: number(row, "length")?,
            entries: entries.map(i64::unsigned_abs),
            notes: text(row, "notes")?,
            signers,
        };
        Ok(Self {
            release,
            state: from_word(&text(row, "state")?, "releases.state")?,
            published: moment(row, "published")?,
            published_by: text(row, "published_by")?,
            withdrawn_reason: row.try_get("withdrawn_reason")?,
        })
    }
}

/// Every column of a [`ReleaseRow`].
const RELEASES: &str = "SELECT kind, version, path, digest, length, entries, notes, signers, state, published, \
                        published_by, withdrawn_reason FROM releases";

async fn put_metadata(deciding: &mut Deciding, file: &MetadataFile, at: Time) -> Result<(), Trouble> {
    let row = sqlx::query("SELECT bytes FROM metadata_files WHERE name = $1").bind(file.name.clone());
    if let Some(row) = row.fetch_optional(deciding.connection()).await? {
        let same = row.try_get::<Vec<u8>, _>("bytes")? == file.bytes;
        if same {
            return Ok(());
        }
        if !may_change(&file.name) {
            let why = "a file of that name was published with other bytes; a change needs a new version";
            return Err(StoreError::refused(format!("metadata {}", file.name), why).into());
        }
    }
    sqlx::query(
        "INSERT INTO metadata_files (name, bytes, published) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes, published = excluded.published",
    )
    .bind(file.name.clone())
    .bind(file.bytes.clone())
    .bind(time(at))
    .execute(deciding.connection())
    .await?;
    Ok(())
}

async fn put_artifact(deciding: &mut Deciding, artifact: &Artifact, at: Time) -> Result<(), Trouble> {
    sqlx::query(
        "INSERT INTO artifacts (digest, path, length, published, bytes) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (digest) DO NOTHING",
    )
    .bind(artifact.digest.to_string())
    .bind(artifact.path.clone())
    .bind(int(artifact.bytes.len() as u64))
    .bind(time(at))
    .bind(artifact.bytes.clone())
    .execute(deciding.connection())
    .await?;
    Ok(())
}

async fn put_release(deciding: &mut Deciding, new: &NewRelease, by: &Decision) -> Result<(), Trouble> {
    let inserted = sqlx::query(
        "INSERT INTO releases (kind, version, path, digest, length, entries, notes, signers, state, published, \
         published_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(new.kind.as_str())
    .bind(int(new.version.0))
    .bind(new.path.clone())
    .bind(new.digest.to_string())
    .bind(int(new.length))
    .bind(new.entries.map(int))
    .bind(new.notes.clone())
    .bind(serde_json::to_string(&new.signers).map_err(|_| StoreError::value("signers"))?)
    .bind(word(&ReleaseState::Published))
    .bind(time(by.at))
    .bind(by.by.to_string())
    .execute(deciding.connection())
    .await;
    match inserted {
        Err(error) if crate::engine::is_taken(&error) => {
            let what = format!("{} version {}", new.kind, new.version);
            Err(StoreError::refused(what, "a release of that version was published already; give it the next one")
                .into())
        }
        other => Ok(other.map(drop)?),
    }
}

impl Store {
    /// Publishes a set of files in one transaction, with the audit record `release.publish`.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when a file is too large, a digest does not fit its bytes, or a name exists with other
    /// bytes.
    pub async fn publish(&self, publication: &Publication, by: &Decision) -> Result<(), StoreError> {
        publication.check()?;
        self.step("publishing", async {
            let mut deciding = self.decide().await?;
            for artifact in &publication.artifacts {
                put_artifact(&mut deciding, artifact, by.at).await?;
            }
            for file in &publication.metadata {
                put_metadata(&mut deciding, file, by.at).await?;
            }
            for release in &publication.releases {
                put_release(&mut deciding, release, by).await?;
            }
            let releases: Vec<String> = publication
                .releases
                .iter()
                .map(|release| format!("{} version {} ({})", release.kind, release.version, release.digest.short()))
                .collect();
            let subject = if releases.is_empty() {
                format!("{} metadata files", publication.metadata.len())
            } else {
                releases.join(", ")
            };
            deciding.note(by, &Entry::done("release.publish", None, subject)).await?;
            deciding.commit().await
        })
        .await
    }

    /// A metadata file by the name that it is served by.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn metadata(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.step("reading metadata", async {
            let row = sqlx::query("SELECT bytes FROM metadata_files WHERE name = $1").bind(name.to_owned());
            Ok(row.fetch_optional(&self.core.read).await?.map(|row| row.try_get("bytes")).transpose()?)
        })
        .await
    }

    /// The names of all metadata files.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn metadata_names(&self) -> Result<Vec<String>, StoreError> {
        self.step("listing metadata", async {
            let rows = sqlx::query("SELECT name FROM metadata_files ORDER BY name").fetch_all(&self.core.read).await?;
            rows.iter().map(|row| text(row, "name")).collect()
        })
        .await
    }

    /// An artifact's bytes.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn artifact(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.step("reading an artifact", async {
            let row = sqlx::query("SELECT bytes FROM artifacts WHERE digest = $1").bind(digest.to_string());
            Ok(row.fetch_optional(&self.core.read).await?.map(|row| row.try_get("bytes")).transpose()?)
        })
        .await
    }

    /// Every artifact, without its bytes.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn artifacts(&self) -> Result<Vec<ArtifactRow>, StoreError> {
        self.step("listing artifacts", async {
            let sql = "SELECT path, digest, length, published FROM artifacts ORDER BY path, digest";
            let rows = sqlx::query(sql).fetch_all(&self.core.read).await?;
            rows.iter()
                .map(|row| {
                    Ok(ArtifactRow {
                        path: text(row, "path")?,
                        digest: parse(row, "digest")?,
                        length: number(row, "length")?,
                        published: moment(row, "published")?,
                    })
                })
                .collect()
        })
        .await
    }

    /// Releases of a kind, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn releases(&self, kind: Kind) -> Result<Vec<ReleaseRow>, StoreError> {
        self.step("listing releases", async {
            let rows = query(format!("{RELEASES} WHERE kind = $1 ORDER BY version DESC")).bind(kind.as_str());
            rows.fetch_all(&self.core.read).await?.iter().map(ReleaseRow::read).collect()
        })
        .await
    }

    /// One release.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn release(&self, kind: Kind, version: Version) -> Result<Option<ReleaseRow>, StoreError> {
        self.step("reading a release", async {
            let row = query(format!("{RELEASES} WHERE kind = $1 AND version = $2"));
            let row = row.bind(kind.as_str()).bind(int(version.0)).fetch_optional(&self.core.read).await?;
            row.as_ref().map(ReleaseRow::read).transpose()
        })
        .await
    }

    /// Withdraws a release, with the audit record `release.withdraw`. Its rollout, if one is open, ends in the same
    /// transaction: no further pump is asked to take what somebody has withdrawn.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Refused`] when it is withdrawn already.
    pub async fn withdraw_release(&self, kind: Kind, version: Version, by: &Decision) -> Result<(), StoreError> {
        let what = format!("{kind} version {version}");
        self.step("withdrawing a release", async {
            let mut deciding = self.decide().await?;
            let row = sqlx::query("SELECT state FROM releases WHERE kind = $1 AND version = $2")
                .bind(kind.as_str())
                .bind(int(version.0))
                .fetch_optional(deciding.connection())
                .await?
                .ok_or_else(|| StoreError::not_found(what.clone()))?;
            let state: ReleaseState = from_word(&text(&row, "state")?, "releases.state")?;
            if state == ReleaseState::Withdrawn {
                return Err(StoreError::refused(what.clone(), "it is withdrawn already").into());
            }
            sqlx::query("UPDATE releases SET state = $1, withdrawn_reason = $2 WHERE kind = $3 AND version = $4")
                .bind(word(&ReleaseState::Withdrawn))
                .bind(by.reason.chars().take(500).collect::<String>())
                .bind(kind.as_str())
                .bind(int(version.0))
                .execute(deciding.connection())
                .await?;
            deciding.note(by, &Entry::done("release.withdraw", None, what.clone())).await?;
            let why = format!("the release was withdrawn: {}", by.reason);
            crate::rollouts::end_open(&mut deciding, kind, Some(version), &why, by).await?;
            deciding.commit().await
        })
        .await
    }
}
