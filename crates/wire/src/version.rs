//! Which protocol version two peers speak: the highest that both know, or none.

use crate::limits;

/// The versions of the live link that this build speaks, newest first.
pub const LINK: &[u32] = &[1];

/// The versions of the controller port that this build speaks, newest first.
pub const PORT: &[u32] = &[1];

/// The highest version that is both in `ours` (newest first) and offered, if there is one and the offer is not longer
/// than [`limits::VERSIONS`].
#[must_use]
pub fn agree(ours: &[u32], offered: &[u32]) -> Option<u32> {
    if offered.len() > limits::VERSIONS {
        return None;
    }
    ours.iter().copied().filter(|version| offered.contains(version)).max()
}
