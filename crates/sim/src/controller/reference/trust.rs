//! The controller verifies for itself, from the root that it pins, and believes nothing that an agent says (N13).

use wardline_library::digest_of;
use wardline_model::{Refusal, Version, covers};
use wardline_release::therapy::{self, Accepted, Bundle, Floors};
use wardline_wire::Part;

use super::books::Books;
use super::folder::Folder;
use super::offer::Offer;

/// What the controller measures a release against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The root in its folder.
    #[default]
    Pinned,
    /// Nothing but the digest, which the agent itself gives: for load tests without a repository. Never on a pump.
    DigestOnly,
}

/// Why a release was refused: the word for the hub, and a sentence for people.
pub type Refused = (Refusal, String);

/// Verifies an offer against what the folder trusts and the newest release that was `used`. Gives what must be kept before
/// the verdict is said: the floors from now on, and a newer root. Nothing where nothing but the digest is trusted.
///
/// # Errors
/// The reason to refuse; nothing may be kept then.
pub fn verify(
    trust: Trust,
    folder: &Folder,
    books: &Books,
    offer: &Offer,
    used: Version,
) -> Result<Option<Accepted>, Refused> {
    covers!("N4", "N13");
    let artifact = offer.only(Part::Artifact).ok_or_else(missing)?;
    let accepted = match trust {
        Trust::Pinned => Some(signed(folder, offer, artifact, used)?),
        Trust::DigestOnly => None,
    };
    if artifact.len() as u64 != offer.release.length || digest_of(artifact) != offer.release.digest {
        return Err((Refusal::Digest, "the artifact's bytes are not the ones that were signed".into()));
    }
    let book = books.open(offer.release.digest, artifact).ok_or_else(|| {
        (Refusal::Controller, "the artifact is no drug library that this pump understands".to_owned())
    })?;
    if book.library.version() != offer.release.version {
        let sentence =
            format!("the library says version {}, the release {}", book.library.version(), offer.release.version);
        return Err((Refusal::Controller, sentence));
    }
    Ok(accepted)
}

fn missing() -> Refused {
    (Refusal::Signatures, "the offer lacks a part, or has one twice".to_owned())
}

/// Root chain from the pinned root, targets, threshold of the delegated role, floors, digest: all by the pure crate
/// `release`. No clock: the pump's may be wrong, and the agent's own check looks at expiry.
fn signed(folder: &Folder, offer: &Offer, artifact: &[u8], used: Version) -> Result<Accepted, Refused> {
    let trusted = folder.trusted();
    let pinned = trusted.root.ok_or_else(|| {
        (Refusal::Signatures, "this controller has no pinned root: commission the pump first".to_owned())
    })?;
    let roots: Vec<Vec<u8>> = offer.roots().map(<[u8]>::to_vec).collect();
    let bundle = Bundle {
        roots: &roots,
        targets: offer.only(Part::Targets).ok_or_else(missing)?,
        delegated: offer.only(Part::Delegated).ok_or_else(missing)?,
        artifact,
    };
    let floors = Floors { release: trusted.floors.release.max(used), ..trusted.floors };
    therapy::verify(&pinned, &bundle, &offer.release, &floors)
        .map_err(|refused| (refused.refusal(), refused.to_string()))
}
