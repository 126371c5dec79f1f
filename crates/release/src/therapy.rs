//! What the therapy controller checks for itself before it believes a release (Uptane's partial verification).
//!
//! The controller trusts the agent with nothing. It holds a root of its own; it follows the chain of roots that the agent
//! brings, then the targets role, then the role that must answer for the kind with its threshold, then the digest of the
//! bytes, then its own floor. It does not look at timestamp and snapshot: freshness is the agent's work, and a controller
//! need not have a clock that it may trust. The floor still refuses everything older than what it ran (N13).

use alloc::vec::Vec;
use wardline_model::{ReleaseRef, Version, covers};

use crate::client::next_root;
use crate::limits::{MAX_ROOT_BYTES, MAX_ROOT_ROTATIONS, MAX_TARGETS_BYTES};
use crate::meta::{Root, Signed, Targets, read};
use crate::refused::{Refused, Why};
use crate::release::{Release, release_path, required_role};
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

/// What the controller may keep and use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The release, proven.
    pub release: Verified<Release>,
    /// The newest root of the chain, if it is newer than the pinned one: to be pinned together with the release.
    pub new_root: Option<Vec<u8>>,
}

/// Verifies a bundle against the controller's own pinned root and floor.
///
/// # Errors
/// What was refused and why; nothing of the bundle may be kept.
pub fn verify(
    pinned_root: &[u8],
    bundle: &Bundle<'_>,
    asked: &ReleaseRef,
    floor: Version,
) -> Result<Accepted, Refused> {
    covers!("N4", "N13");
    let (root, new_root) = follow(pinned_root, bundle.roots).map_err(|why| why.about("root"))?;
    let targets: Signed<Targets> = read(bundle.targets, MAX_TARGETS_BYTES).map_err(|why| why.about("targets"))?;
    targets.check(&root.targets, &root.keys).map_err(|why| why.about("targets"))?;
    let release = delegated(&targets.meta, bundle, asked, floor)?;
    release.check_artifact(bundle.artifact).map_err(|why| why.about(&release.path))?;
    Ok(Accepted { release: Verified::proven(release), new_root })
}

fn delegated(top: &Targets, bundle: &Bundle<'_>, asked: &ReleaseRef, floor: Version) -> Result<Release, Refused> {
    let (role, _) = required_role(asked.kind);
    let path = release_path(asked.kind, asked.version);
    let delegation = top.delegations.iter().find(|delegation| delegation.name == role && delegation.covers(&path));
    let delegation = delegation.ok_or_else(|| Why::NotListed.about(role))?;
    let file: Signed<Targets> = read(bundle.delegated, MAX_TARGETS_BYTES).map_err(|why| why.about(role))?;
    file.check(&delegation.signers, &top.keys).map_err(|why| why.about(role))?;
    let listed = file.meta.targets.get(&path).ok_or_else(|| Why::NotListed.about(&path))?;
    Release::from_listed(asked, listed, (role, delegation.signers.threshold), floor).map_err(|why| why.about(&path))
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
