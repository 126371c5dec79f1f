//! The slot of trust anchors: whom the pump believes to be its hub.
//!
//! What is active is a whole release of the kind `trust-anchors`, which people signed offline and the agent has verified.
//! Until the first one, the root that was pinned at enrolment is all there is. A new set is put beside the old one and is on
//! trial: for that time the pump believes **only what the set adds**, so that reaching the hub proves exactly that. A set
//! that adds nothing takes something away, and is proven by reaching the hub without it.
//!
//! | what happens | what is believed |
//! |---|---|
//! | nothing was released yet | the root of enrolment |
//! | a set is switched to | what it adds; if it adds nothing, the set |
//! | it is proven | the set, all of it |
//! | it is not proven in time | what was believed before |
//!
//! Nothing of this touches therapy, and no hold is taken: it only decides with whom the communication side speaks (N1).

use std::path::PathBuf;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use wardline_model::{Refusal, ReleaseRef, covers};
use wardline_pump::{Contents, Found, SwitchProblem};
use wardline_release::anchors::AnchorSet;
use wardline_release::sha256;

use crate::fault::Killed;
use crate::sealed::{SealedError, Sealing};

/// The file's name in the state folder; what it holds is sealed to this name.
pub(crate) const FILE: &str = "trust";

/// The only version that was ever written.
const VERSION: u32 = 1;

/// Whether what is active was reached over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Standing {
    Trial,
    Proven,
}

/// One release and its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    release: ReleaseRef,
    /// The artifact as it was signed.
    artifact: String,
}

impl Held {
    fn is_whole(&self) -> bool {
        sha256(self.artifact.as_bytes()) == self.release.digest
    }

    /// Its certificates, DER. What was staged was read once; what no longer reads lists nothing.
    fn anchors(&self) -> Vec<Vec<u8>> {
        AnchorSet::parse(self.artifact.as_bytes()).ok().and_then(|set| ders(&set)).unwrap_or_default()
    }
}

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    version: u32,
    active: Option<Held>,
    standing: Standing,
    /// What was active before the one that is, until that is proven.
    before: Option<Held>,
    staged: Option<Held>,
}

impl Kept {
    const fn empty() -> Self {
        Self { version: VERSION, active: None, standing: Standing::Proven, before: None, staged: None }
    }

    /// Reads what was sealed; every set in it must be one.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let kept: Self = serde_json::from_slice(bytes).ok().filter(|kept: &Self| kept.version == VERSION)?;
        let sets = [&kept.active, &kept.before, &kept.staged];
        let are_whole = sets.into_iter().flatten().all(|held| held.is_whole() && !held.anchors().is_empty());
        are_whole.then_some(kept)
    }
}

/// The slot.
pub(crate) struct Trust {
    sealing: Sealing,
    path: PathBuf,
    kept: Kept,
    /// The file does not open, or holds no whole set.
    is_torn: bool,
}

impl Trust {
    /// What is kept in this folder.
    pub(crate) fn open(state: &std::path::Path, sealing: &Sealing) -> Self {
        let path = state.join(FILE);
        let read = sealing.read(&path);
        let kept = match &read {
            Ok(None) => Some(Kept::empty()),
            Ok(Some(bytes)) => Kept::from_bytes(bytes),
            Err(_) => None,
        };
        if kept.is_none() {
            tracing::error!(path = %path.display(), "the kept trust anchors cannot be used; the root of enrolment counts");
        }
        Self { sealing: sealing.clone(), path, is_torn: kept.is_none(), kept: kept.unwrap_or_else(Kept::empty) }
    }

    /// Whom to believe now, DER. `first` is the root that was pinned at enrolment.
    pub(crate) fn anchors(&self, first: &[u8]) -> Vec<Vec<u8>> {
        covers!("N13");
        let of = |held: &Option<Held>| held.as_ref().map_or_else(|| vec![first.to_vec()], Held::anchors);
        let (all, before) = (of(&self.kept.active), of(&self.kept.before));
        if self.kept.standing == Standing::Proven {
            return all;
        }
        let added: Vec<_> = all.iter().filter(|anchor| !before.contains(anchor)).cloned().collect();
        if added.is_empty() { all } else { added }
    }

    /// Puts a verified release on the shelf, if every certificate in it can be used.
    pub(crate) fn stage(&mut self, release: ReleaseRef, artifact: Vec<u8>) -> Result<Result<(), Refusal>, Killed> {
        let Ok(artifact) = String::from_utf8(artifact) else { return Ok(Err(Refusal::DoesNotFit)) };
        let held = Held { release, artifact };
        let set = AnchorSet::parse(held.artifact.as_bytes()).ok().filter(|set| set.version() == release.version);
        if !held.is_whole() || set.and_then(|set| ders(&set)).is_none_or(|ders| crate::link::believe(&ders).is_err()) {
            return Ok(Err(Refusal::DoesNotFit));
        }
        let next = Kept { staged: Some(held), ..self.kept.clone() };
        Ok(self.write(next)?.map_err(|_| Refusal::StorageFull))
    }

    /// Makes what is staged active, on trial.
    pub(crate) fn switch(&mut self, to: ReleaseRef) -> Result<Result<(), SwitchProblem>, Killed> {
        let Some(staged) = self.kept.staged.clone().filter(|staged| staged.release == to) else {
            return Ok(Err(SwitchProblem::NotStaged));
        };
        let next = Kept {
            before: self.kept.active.clone(),
            active: Some(staged),
            standing: Standing::Trial,
            staged: None,
            version: VERSION,
        };
        Ok(self.write(next)?.map_err(|_| SwitchProblem::Storage))
    }

    /// Makes what was active before the trial active again; nothing is the root of enrolment.
    pub(crate) fn go_back(&mut self, to: Option<ReleaseRef>) -> Result<Result<(), SwitchProblem>, Killed> {
        let known = [&self.kept.before, &self.kept.active].into_iter().flatten().find(|held| Some(held.release) == to);
        if to.is_some() && known.is_none() {
            return Ok(Err(SwitchProblem::NotStaged));
        }
        let next = Kept { active: known.cloned(), standing: Standing::Proven, before: None, ..self.kept.clone() };
        Ok(self.write(next)?.map_err(|_| SwitchProblem::Storage))
    }

    /// The trial of this release is over, and it stays. False when that could not be written: nothing was changed, and it
    /// must be asked again.
    pub(crate) fn keep(&mut self, release: ReleaseRef) -> Result<bool, Killed> {
        if self.kept.active.as_ref().is_none_or(|held| held.release != release) {
            return Ok(true);
        }
        let next = Kept { standing: Standing::Proven, before: None, ..self.kept.clone() };
        Ok(self.write(next)?.is_ok())
    }

    /// What is really there.
    pub(crate) fn found(&self) -> Found {
        match &self.kept.active {
            _ if self.is_torn => Found::Torn,
            None => Found::Nothing,
            Some(held) => {
                let digest = sha256(held.artifact.as_bytes());
                Found::Whole(held.release, Contents { digest, entries: None, sample: None })
            }
        }
    }

    /// Replaces the file as a whole, and only then what is believed.
    fn write(&mut self, next: Kept) -> Result<Result<(), SealedError>, Killed> {
        let bytes = serde_json::to_vec(&next).expect("text and numbers only");
        match self.sealing.write(&self.path, &bytes) {
            Ok(()) => {
                (self.kept, self.is_torn) = (next, false);
                Ok(Ok(()))
            }
            Err(SealedError::Killed(killed)) => Err(killed),
            Err(error) => {
                tracing::error!(%error, "the trust anchors could not be written");
                Ok(Err(error))
            }
        }
    }
}

/// The certificates of a set, DER; nothing when one of them is not one.
fn ders(set: &AnchorSet) -> Option<Vec<Vec<u8>>> {
    let der = |pem: &String| CertificateDer::from_pem_slice(pem.as_bytes()).ok().map(|der| der.to_vec());
    set.anchors().iter().map(der).collect()
}

#[cfg(test)]
mod tests;
