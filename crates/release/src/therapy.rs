//! What the therapy controller checks for itself before it believes a release (Uptane's partial verification).
//!
//! The controller trusts the agent with nothing. It holds a root of its own; it follows the chain of roots that the agent
//! brings, then the targets role, then the role that must answer for the kind with its threshold, then the digest of the
//! bytes. It does not look at timestamp and snapshot: freshness is the agent's work, and a controller need not have a
//! clock that it may trust.
//!
//! So an agent could bring old metadata that was signed well: from before a withdrawal, or from before a key was taken
//! away. Against that stand the [`Floors`]: of everything that was once accepted the controller keeps the version, and
//! believes nothing older (N13).

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use wardline_model::{ReleaseRef, Version, covers};

use crate::client::next_root;
use crate::limits::{MAX_ROOT_BYTES, MAX_ROOT_ROTATIONS, MAX_TARGETS_BYTES};
use crate::meta::{Root, Signed, Targets, read};
use crate::refused::{Refused, Why};
use crate::release::{Release, release_path, required_role};
use crate::threshold::Signers;
use crate::verified::Verified;

/// What the agent brings. All of it is untrusted.
#[derive(Clone, Copy, Debug)]
pub struct Bundle<'a> {
    /// The roots after the controller's own, oldest first. Roots that it already has are passed over.
    pub roots: &'a [Vec<u8>],
    /// The top-level targets metadata.
    pub targets: &'a [u8],
    /// The metadata of the role that answers for the kind.
    pub delegated: &'a [u8],
    /// The artifact.
    pub artifact: &'a [u8],
}

/// The versions below which a controller believes nothing, for one kind. [`Floors::default`] is that of a controller
/// which has accepted nothing yet.
///
/// They are kept with the pinned root, in one durable record that is replaced atomically, **before** an accepted release
/// may become current. A record that cannot be read must not become the default: without it nothing is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floors {
    /// Of the root. It is the pinned one's version, unless somebody put an older root in its place.
    pub root: u64,
    /// Of the top-level targets metadata.
    pub targets: Floor,
    /// Of the metadata of the role that answers for the kind.
    pub role: Floor,
    /// Of the release itself: the newest that was used. It rises when a release was used, not when it is accepted.
    pub release: Version,
}

/// The floor of one metadata file.
///
/// It counts for the people who signed it. When every one of their keys was replaced (by those above them, whose own
/// floor stands), nothing old can be signed well any more, and the numbers start anew: so a stolen key that signed an
/// absurd number does not lock a pump for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// The newest version that was accepted.
    pub version: u64,
    /// The ids of the keys that counted then.
    pub keys: BTreeSet<String>,
}

impl Floor {
    /// The floor after accepting this version of these signers.
    fn raised(&self, version: u64, signers: &Signers) -> Result<Self, Why> {
        covers!("N13");
        if version < self.version && !self.keys.is_disjoint(&signers.key_ids) {
            return Err(Why::Rollback { got: version, known: self.version });
        }
        Ok(Self { version, keys: signers.key_ids.clone() })
    }
}

/// What the controller may keep and use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The release, proven.
    pub release: Verified<Release>,
    /// The newest root of the chain, if it is newer than the pinned one: to be pinned together with the floors.
    pub new_root: Option<Vec<u8>>,
    /// The floors from now on: to be kept before the release may become current.
    pub floors: Floors,
}

/// Verifies a bundle against the controller's own pinned root and floors.
///
/// # Errors
/// What was refused and why; nothing of the bundle may be kept, and no floor moves.
pub fn verify(
    pinned_root: &[u8],
    bundle: &Bundle<'_>,
    asked: &ReleaseRef,
    floors: &Floors,
) -> Result<Accepted, Refused> {
    covers!("N4", "N13");
    let (root, new_root) = follow(pinned_root, bundle.roots).map_err(|why| why.about("root"))?;
    let version = root.common.version;
    if version < floors.root {
        return Err(Why::Rollback { got: version, known: floors.root }.about("root"));
    }
    let file: Signed<Targets> = read(bundle.targets, MAX_TARGETS_BYTES).map_err(|why| why.about("targets"))?;
    file.check(&root.targets, &root.keys).map_err(|why| why.about("targets"))?;
    let top = file.meta;
    let targets = floors.targets.raised(top.common.version, &root.targets).map_err(|why| why.about("targets"))?;
    let (release, role) = delegated(&top, bundle, asked, floors)?;
    release.check_artifact(bundle.artifact).map_err(|why| why.about(&release.path))?;
    let floors = Floors { root: version, targets, role, release: floors.release };
    Ok(Accepted { release: Verified::proven(release), new_root, floors })
}

fn delegated(
    top: &Targets,
    bundle: &Bundle<'_>,
    asked: &ReleaseRef,
    floors: &Floors,
) -> Result<(Release, Floor), Refused> {
    let (role, _) = required_role(asked.kind);
    let path = release_path(asked.kind, asked.version);
    let delegation = top.delegations.iter().find(|delegation| delegation.name == role && delegation.covers(&path));
    let delegation = delegation.ok_or_else(|| Why::NotListed.about(role))?;
    let file: Signed<Targets> = read(bundle.delegated, MAX_TARGETS_BYTES).map_err(|why| why.about(role))?;
    file.check(&delegation.signers, &top.keys).map_err(|why| why.about(role))?;
    let floor = floors.role.raised(file.meta.common.version, &delegation.signers).map_err(|why| why.about(role))?;
    let listed = file.meta.targets.get(&path).ok_or_else(|| Why::NotListed.about(&path))?;
    let by = (role, delegation.signers.threshold);
    let release = Release::from_listed(asked, listed, by, floors.release).map_err(|why| why.about(&path))?;
    Ok((release, floor))
}

fn follow(pinned: &[u8], chain: &[Vec<u8>]) -> Result<(Root, Option<Vec<u8>>), Why> {
    let pinned: Signed<Root> = read(pinned, MAX_ROOT_BYTES)?;
    pinned.check(&pinned.meta.root, &pinned.meta.keys)?;
    if chain.len() > MAX_ROOT_ROTATIONS as usize {
        return Err(Why::TooManySteps(MAX_ROOT_ROTATIONS));
    }
    let mut root = pinned.meta;
    let mut newest = None;
    for bytes in chain {
        let offered: Signed<Root> = read(bytes, MAX_ROOT_BYTES)?;
        if offered.meta.common.version <= root.common.version {
            continue;
        }
        root = next_root(&root, bytes)?;
        newest = Some(bytes.clone());
    }
    Ok((root, newest))
}

#[cfg(test)]
mod tests;
