//! The controller verifies for itself, from the root that it pins, and believes nothing that an agent says (N13).

use wardline_library::digest_of;
use wardline_model::{Refusal, covers};
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

/// Verifies an offer; gives the newest root and the number of the targets metadata, to be kept.
///
/// # Errors
/// The reason to refuse.
pub fn verify(trust: Trust, folder: &Folder, targets: u64, books: &Books, offer: &Offer) -> Result<Verified, Refused> {
    covers!("N4", "N13");
    let missing = || (Refusal::Signatures, "the offer lacks a part".to_owned());
    let artifact = offer.only(Part::Artifact).ok_or_else(missing)?;
    let verified = match trust {
        Trust::Pinned => signed(folder, targets, offer)?,
        Trust::DigestOnly => Verified { root: None, targets },
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
    Ok(verified)
}

/// What a verified offer leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The newest root of its chain, when there was a newer one.
    pub root: Option<Vec<u8>>,
    /// The number of its targets metadata.
    pub targets: u64,
}

/// Root chain, targets, threshold of the delegated role. Until it is written against the release crate's own check, a
/// pinning controller takes nothing, whatever it is offered: the safe half of the rule.
fn signed(folder: &Folder, targets: u64, offer: &Offer) -> Result<Verified, Refused> {
    if folder.root().is_none() {
        return Err((Refusal::Signatures, "this controller has no pinned root: commission the pump first".into()));
    }
    let roots = offer.roots().count();
    let sentence = format!("{roots} roots were offered after targets {targets}, and no signature can be checked yet");
    Err((Refusal::Signatures, sentence))
}
