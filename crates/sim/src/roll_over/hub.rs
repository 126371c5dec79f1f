//! The hub's side: two roots with their issuing authorities, how they vouch for each other, and the chain that a pump is
//! shown, which it follows by real signatures and dates.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use wardline_fleet::roll_over::{Issuer, Stage};
use wardline_model::{Digest, Generation, Goal, Kind, PumpId, ReleaseRef, Span, Time, Version};
use wardline_pki::roll_over::Crosses;
use wardline_pki::{Authority, Cert, CertSerial, P256Key, PkiError, profile, strict};
use wardline_release::{Verified, goal, key::PublicKey};

/// When the fleet's first day is: its root is ten years old then.
pub(super) const BEGINS: Time = Time::from_unix_s(1_800_000_000);

/// What a pump believes: the old root, the new one.
pub(super) type Roots = [bool; 2];

/// The hub.
pub(super) struct Hub {
    pub(super) stage: Option<Stage>,
    pub(super) crosses_shown: bool,
    roots: [Cert; 2],
    issuing: [Cert; 2],
    crosses: Crosses,
    goal_key: SigningKey,
    /// Chains that were followed before: by stage, anchors and day.
    followed: BTreeMap<(Option<Stage>, Roots, u64), bool>,
}

impl Hub {
    pub(super) fn new(seed: u64) -> Result<Self, PkiError> {
        let mut number = 0u8;
        let mut serial = || {
            number += 1;
            CertSerial::from_random([number; 16])
        };
        let then = BEGINS - Span::from_days(3_652);
        let mut side = |n: u64, at: Time| -> Result<(Authority, Authority), PkiError> {
            let key = P256Key::generate()?;
            let content = profile::root(key.spki(), &format!("Wardline fleet root {n}"), "Simulated hospital")?;
            let root = Authority::self_signed(&content, key, &serial(), at)?;
            let key = P256Key::generate()?;
            let content = profile::issuing(key.spki(), &format!("Wardline issuing CA {n}"), "Simulated hospital")?;
            let cert = root.sign(&content, &serial(), BEGINS)?;
            Ok((root, Authority::new(cert, key)?))
        };
        let (old, new) = (side(1, then)?, side(2, BEGINS)?);
        let crosses = Crosses::sign(&old.0, &new.0, [&serial(), &serial()], BEGINS)?;
        let mut secret = [0x72; 32];
        secret[..8].copy_from_slice(&seed.to_be_bytes());
        Ok(Self {
            stage: None,
            crosses_shown: true,
            roots: [old.0.cert().clone(), new.0.cert().clone()],
            issuing: [old.1.cert().clone(), new.1.cert().clone()],
            crosses,
            goal_key: SigningKey::from_bytes(&secret),
            followed: BTreeMap::new(),
        })
    }

    pub(super) const fn old_root(&self) -> &Cert {
        &self.roots[0]
    }

    /// Which authority issues now.
    pub(super) fn issues(&self) -> Issuer {
        if self.stage >= Some(Stage::Moved) { Issuer::New } else { Issuer::Old }
    }

    /// Whether it lets in a pump whose certificate this authority issued.
    pub(super) fn accepts(&self, issuer: Issuer) -> bool {
        match (self.stage, issuer) {
            (None, Issuer::Old) | (Some(Stage::Finished), Issuer::New) => true,
            (Some(Stage::Prepared | Stage::Moved), _) => true,
            (None, Issuer::New) | (Some(Stage::Finished), Issuer::Old) => false,
        }
    }

    /// Whether a pump that believes these roots, and says so, follows the chain that it is shown at this moment.
    pub(super) fn is_believed(&mut self, roots: Roots, now: Time) -> bool {
        let day = now.since(BEGINS).as_ms() / Span::from_days(1).as_ms();
        let asked = (self.stage, roots, day);
        if let Some(known) = self.followed.get(&asked) {
            return *known;
        }
        // As the hub's own resolver: before the move the new chain is only for whoever believes only the new root.
        let is_new = match self.stage {
            None => false,
            Some(Stage::Prepared) => roots == [false, true],
            Some(Stage::Moved | Stage::Finished) => true,
        };
        let mut chain = vec![self.issuing[usize::from(is_new)].clone()];
        if self.stage == Some(Stage::Moved) && self.crosses_shown {
            chain.push(self.crosses.new_with_old.clone());
        }
        let believed: Vec<&Cert> = self.roots.iter().zip(roots).filter(|(_, is)| *is).map(|(root, _)| root).collect();
        let followed = follows(&chain, &believed, now);
        self.followed.insert(asked, followed);
        followed
    }

    /// The hub's goal for a pump: this version of its trust anchors.
    pub(super) fn goal(&self, pump: PumpId, version: u64, active: Option<Digest>) -> Option<Verified<Goal>> {
        let mut wanted = Goal::empty(pump, Generation(version), BEGINS);
        wanted.slots.trust_anchors.want = Some(release(version));
        wanted.slots.trust_anchors.expect = active;
        let public = PublicKey::from(self.goal_key.verifying_key());
        goal::verify(&goal::sign(&wanted, &self.goal_key), &public, pump).ok()
    }
}

/// Whether a chain of authorities, the one that issued first, leads to one of the anchors: every link by signature, shape
/// and dates.
fn follows(chain: &[Cert], anchors: &[&Cert], now: Time) -> bool {
    let mut at = &chain[0];
    for _ in 0..=chain.len() {
        if strict::authority(at, now).is_err() {
            return false;
        }
        if anchors.iter().any(|root| at.verify_issued_by(root).is_ok() && strict::authority(root, now).is_ok()) {
            return true;
        }
        let Some(next) = chain.iter().find(|next| *next != at && at.verify_issued_by(next).is_ok()) else {
            return false;
        };
        at = next;
    }
    false
}

/// The set of trust anchors with this version: the first lists both roots, the second the new one alone.
pub(super) fn release(version: u64) -> ReleaseRef {
    let mut bytes = [0x7a; 32];
    bytes[..8].copy_from_slice(&version.to_be_bytes());
    ReleaseRef { kind: Kind::TrustAnchors, version: Version(version), digest: Digest::from_bytes(bytes), length: 1_500 }
}

/// Which roots a set lists; without any it is the root of enrolment.
pub(super) const fn lists(version: Option<u64>) -> Roots {
    match version {
        Some(1) => [true, true],
        Some(_) => [false, true],
        None => [true, false],
    }
}
