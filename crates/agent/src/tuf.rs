//! Full TUF verification and background fetching: the pure client of crate `release`, carried out.
//!
//! Everything that was verified is kept as plain files in one folder (none of it is secret) and verified again when it is
//! read: a folder that somebody changed costs a download and nothing else. A download that was cut off goes on where it
//! ended. Nothing here touches therapy: what comes out is a bundle that the therapy controller verifies for itself.

mod http;
mod keep;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use wardline_model::{Kind, Refusal, ReleaseRef, Version, covers};
use wardline_pump::{Expected, FetchProblem};
use wardline_release::client::{Client, Listed, Need, Persist, Search};
use wardline_release::limits::{MAX_DRUG_LIBRARY_BYTES, MAX_ROOT_BYTES};
use wardline_release::meta::Root;
use wardline_release::{Refused, Release, Verified, Why, release_path, required_role};

use crate::clock::now;
use crate::controller::Bundle;
use http::{Http, HttpError};
use keep::Folder;

/// Where releases come from, and what this pump believes.
#[derive(Clone)]
pub struct Repository {
    /// Where what was verified is kept.
    pub folder: PathBuf,
    /// Host and port of the hub's enrolment and release listener.
    pub place: String,
    /// The name that the hub must prove.
    pub name: String,
    /// What the pump shows and believes on the connection.
    pub tls: Arc<ClientConfig>,
    /// The root metadata that was pinned when the pump was provisioned.
    pub root: Vec<u8>,
}

/// The largest artifact of a kind that is fetched. Firmware has its own way of arriving, which comes with its switch.
const fn largest(kind: Kind) -> u64 {
    match kind {
        Kind::DrugLibrary | Kind::Firmware => MAX_DRUG_LIBRARY_BYTES,
        Kind::WirelessProfile | Kind::FirewallPolicy | Kind::TrustAnchors => 1024 * 1024,
    }
}

/// Why a fetch ended without a bundle.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The network or the hub.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The folder.
    #[error("{path} cannot be written or read: {source}", path = .path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What came was verified and refused.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Fetches one release with everything that the therapy controller needs to verify it.
///
/// # Errors
/// [`FetchProblem::Unreachable`] is tried again by the machine; [`FetchProblem::Refused`] is reported.
pub async fn fetch(repository: Repository, asked: ReleaseRef) -> Result<(Expected, Bundle), FetchProblem> {
    match Run::begin(&repository).and_fetch(asked).await {
        Ok(done) => Ok(done),
        Err(FetchError::Refused(refused)) => {
            tracing::warn!(%refused, version = asked.version.0, kind = asked.kind.as_str(), "a release was refused");
            Err(FetchProblem::Refused(refused.refusal()))
        }
        Err(error @ FetchError::Folder { .. }) => {
            tracing::warn!(%error, "a release cannot be kept");
            Err(FetchProblem::Refused(Refusal::StorageFull))
        }
        Err(error) => {
            tracing::info!(%error, "a release could not be fetched yet");
            Err(FetchProblem::Unreachable)
        }
    }
}

struct Run<'a> {
    repository: &'a Repository,
    folder: Folder,
    http: Http,
}

impl<'a> Run<'a> {
    fn begin(repository: &'a Repository) -> Self {
        let http = Http::new(&repository.place, &repository.name, Arc::clone(&repository.tls));
        Self { repository, folder: Folder::new(&repository.folder), http }
    }

    async fn and_fetch(mut self, asked: ReleaseRef) -> Result<(Expected, Bundle), FetchError> {
        covers!("N13");
        let path = release_path(asked.kind, asked.version);
        if asked.length > largest(asked.kind) {
            return Err(Why::TooLarge { limit: largest(asked.kind) }.about(&path).into());
        }
        let mut client = self.refresh().await?;
        let listed = self.find(&mut client, &path).await?;
        // The floor is the machine's own and was checked before it asked for this release.
        let release = client.release(&listed, &asked, Version(0))?;
        let artifact = self.artifact(&release).await?;
        let roots = self.roots(client.root_version()).await?;
        let (role, _) = required_role(asked.kind);
        let kept = |role: &str| self.folder.role(role).ok_or_else(|| Why::Missing.about(role));
        let bundle = Bundle { roots, targets: kept("targets")?, delegated: kept(role)?, artifact };
        let (entries, sample) = (release.entries, release.sample.clone());
        Ok((Expected { entries, sample }, bundle))
    }

    /// The client workflow up to the top-level targets.
    async fn refresh(&mut self) -> Result<Client, FetchError> {
        let stored = self.folder.all();
        let pinned = &self.repository.root;
        // A kept root that no longer reads is as good as none: the chain starts at the pinned one again.
        let mut client = match stored.get("root").filter(|kept| is_newer(kept, pinned)) {
            Some(kept) => {
                Client::start(kept, stored.clone(), now()).or_else(|_| Client::start(pinned, stored, now()))?
            }
            None => Client::start(pinned, stored, now())?,
        };
        while let Need::File { name, limit, .. } = client.need() {
            self.give(&mut client, &name, limit).await?;
        }
        Ok(client)
    }

    async fn give(&mut self, client: &mut Client, name: &str, limit: u64) -> Result<(), FetchError> {
        let bytes = self.http.get(&format!("/repo/metadata/{name}"), limit).await?;
        for step in client.give(bytes.as_deref())? {
            match step {
                Persist::Write { role, bytes } => self.folder.write(&role, &bytes)?,
                Persist::Remove { role } => self.folder.remove(&role)?,
            }
        }
        Ok(())
    }

    async fn find(&mut self, client: &mut Client, path: &str) -> Result<Listed, FetchError> {
        loop {
            match client.search(path)? {
                Search::Found(listed) => return Ok(listed),
                Search::NotListed => return Err(Why::NotListed.about(path).into()),
                Search::Needs(Need::File { name, limit, .. }) => self.give(client, &name, limit).await?,
                Search::Needs(Need::Nothing) => {}
            }
        }
    }

    /// The artifact, from where an earlier download ended.
    async fn artifact(&mut self, release: &Verified<Release>) -> Result<Vec<u8>, FetchError> {
        let reference = release.reference;
        let path = format!("/repo/targets/{}/{}.{}.json", reference.kind, reference.digest, reference.version);
        let mut part = self.folder.part(&reference.digest, reference.length)?;
        self.http.get_from(&path, &mut part, reference.length).await?;
        let bytes = part.finish()?;
        let artifact = wardline_release::client::artifact(release, bytes)?;
        Ok(artifact.into_inner())
    }

    /// Every root but the first: the controller passes over those that it already has.
    async fn roots(&mut self, newest: u64) -> Result<Vec<Vec<u8>>, FetchError> {
        let mut roots = Vec::new();
        for version in 2..=newest {
            let name = format!("{version}.root");
            let bytes = match self.folder.role(&name) {
                Some(kept) => Some(kept),
                None => self.http.get(&format!("/repo/metadata/{name}.json"), MAX_ROOT_BYTES).await?,
            };
            let bytes = bytes.ok_or_else(|| Why::Missing.about(&name))?;
            self.folder.write(&name, &bytes)?;
            roots.push(bytes);
        }
        Ok(roots)
    }
}

fn is_newer(kept: &[u8], pinned: &[u8]) -> bool {
    let version =
        |bytes| wardline_release::meta::read::<Root>(bytes, MAX_ROOT_BYTES).map_or(0, |root| root.meta.common.version);
    version(kept) > version(pinned)
}

#[cfg(test)]
mod tests;
