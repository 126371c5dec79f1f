//! What a new pump should hold from its first hour: named sets of first goals, which care area gets which, and the first
//! goal of one pump.
//!
//! A *profile* says for each kind what a new pump starts with: the hospital's settled release, the newest published one, a
//! certain version, or nothing. The first goal is made once, for a pump that has no goal at all, and by the same rules as
//! every other goal: it names what the pump is expected to run now, and never goes below what it runs (N13).
//!
//! What a first goal may never do is to overtake a rollout: a pump counts as new to a release only when it came into its
//! present place in its life *after* that release's rollout began (or, for a release named or newest, after it was
//! published). Every other pump waits for its ring. A release that was withdrawn, whose rollout was stopped, or that any
//! pump has disproved, is given to nobody.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use wardline_model::{
    CareArea, Digest, Generation, Goal, GoalSlot, HoldSupport, Kind, PerKind, PumpId, ReleaseRef, Report, SwitchWhen,
    Time, Version, covers,
};

wardline_model::name!(
    /// A profile's name, as the hospital calls it: `General ward`.
    ProfileName,
    40
);

/// What a new pump starts with in one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// Nothing: what it came with stays until a rollout reaches it.
    #[default]
    Nothing,
    /// The newest release that at least half of the pumps that should run it do run.
    Settled,
    /// The newest published release, rolled out or not.
    Newest,
    /// This version.
    Version(Version),
}

/// A named set of first goals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Profile(pub PerKind<Wanted>);

/// The hospital's profiles, and who gets which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Book {
    /// Every profile by its name.
    pub profiles: BTreeMap<ProfileName, Profile>,
    /// The profile of a care area's new pumps.
    #[serde(default)]
    pub care_areas: BTreeMap<CareArea, ProfileName>,
    /// The profile of every other care area; `None` gives them no first goal.
    #[serde(default)]
    pub otherwise: Option<ProfileName>,
}

impl Default for Book {
    /// One profile for the whole hospital: what has settled everywhere, but firmware, which a person plans.
    fn default() -> Self {
        let name = ProfileName(String::from("Standard"));
        let wants = PerKind::from_fn(|kind| match kind {
            Kind::Firmware => Wanted::Nothing,
            Kind::DrugLibrary | Kind::WirelessProfile | Kind::FirewallPolicy | Kind::TrustAnchors => Wanted::Settled,
        });
        Self { profiles: [(name.clone(), Profile(wants))].into(), care_areas: BTreeMap::new(), otherwise: Some(name) }
    }
}

/// What is wrong with a hospital's profiles.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// Too many profiles.
    #[error("there are {0} profiles: at most {most} are allowed", most = Book::MOST_PROFILES)]
    TooManyProfiles(usize),
    /// Too many care areas.
    #[error("{0} care areas are named: at most {most} are allowed", most = Book::MOST_CARE_AREAS)]
    TooManyCareAreas(usize),
    /// A name without a profile.
    #[error("{who} has the profile {profile:?}, which does not exist: make it first, or give another one")]
    Unknown {
        /// Who has it.
        who: String,
        /// The name.
        profile: ProfileName,
    },
}

impl Book {
    /// The most profiles: more kinds of ward than any hospital has.
    pub const MOST_PROFILES: usize = 100;

    /// The most care areas that are named.
    pub const MOST_CARE_AREAS: usize = 1_000;

    /// Looks the profiles over.
    ///
    /// # Errors
    /// The first [`BookError`].
    pub fn check(&self) -> Result<(), BookError> {
        if self.profiles.len() > Self::MOST_PROFILES {
            return Err(BookError::TooManyProfiles(self.profiles.len()));
        }
        if self.care_areas.len() > Self::MOST_CARE_AREAS {
            return Err(BookError::TooManyCareAreas(self.care_areas.len()));
        }
        let named = self.care_areas.iter().map(|(area, profile)| (format!("the care area {area}"), profile));
        let named = named.chain(self.otherwise.iter().map(|profile| ("every other care area".to_owned(), profile)));
        for (who, profile) in named {
            if !self.profiles.contains_key(profile) {
                return Err(BookError::Unknown { who, profile: profile.clone() });
            }
        }
        Ok(())
    }

    /// The profile of a pump: its own if it has one that exists, else its care area's, else the hospital's.
    #[must_use]
    pub fn of(&self, own: Option<&ProfileName>, care_area: &CareArea) -> Option<(&ProfileName, &Profile)> {
        let choices = [own, self.care_areas.get(care_area), self.otherwise.as_ref()];
        choices.into_iter().flatten().find_map(|name| self.profiles.get_key_value(name))
    }
}

/// A published release that was not withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Which.
    pub release: ReleaseRef,
    /// When it was published.
    pub at: Time,
}

/// A rollout as far as a first goal looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RolledOut {
    /// Of which kind.
    pub kind: Kind,
    /// Of which version.
    pub version: Version,
    /// When it began.
    pub began: Time,
    /// How it stands.
    pub standing: RolloutStanding,
    /// Pumps that ran the release when last counted.
    pub settled: u64,
    /// Pumps that should run it.
    pub wanted: u64,
}

/// How a rollout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolloutStanding {
    /// It goes on, or rests.
    Open,
    /// It had reached every pump.
    Finished,
    /// It stopped itself, or a person stopped it.
    Stopped,
}

/// A release that may be given to pumps that came after a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Which release.
    pub release: ReleaseRef,
    /// Only pumps that came after this are new to it.
    pub since: Time,
}

/// The share of pumps, in percent, that must run a release before it counts as settled: that of
/// [`crate::plan::Rules::gentle`], which opens the next ring at a half.
const SETTLED_PERCENT: u64 = 50;

/// What may be given to new pumps now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    settled: PerKind<Option<Offer>>,
    newest: PerKind<Option<Offer>>,
    all: BTreeMap<(Kind, Version), Offer>,
}

impl Offers {
    /// Works out what may be given. `disproved` holds what any pump's controller has disproved.
    #[must_use]
    pub fn new(published: &[Published], rollouts: &[RolledOut], disproved: &BTreeSet<Digest>) -> Self {
        let is_stopped = |kind, version| {
            // The newest rollout of a version counts: a person may have started it again.
            let of_it = rollouts.iter().filter(|rollout| (rollout.kind, rollout.version) == (kind, version));
            let newest = of_it.max_by_key(|rollout| rollout.began);
            newest.is_some_and(|rollout| rollout.standing == RolloutStanding::Stopped)
        };
        let mut offers = Self::default();
        for Published { release, at } in published {
            let (kind, version) = (release.kind, release.version);
            if is_stopped(kind, version) || disproved.contains(&release.digest) {
                continue;
            }
            let offer = Offer { release: *release, since: *at };
            offers.all.insert((kind, version), offer);
            let newest = offers.newest.get_mut(kind);
            if newest.is_none_or(|known| known.release.version < version) {
                *newest = Some(offer);
            }
        }
        for rollout in rollouts.iter().filter(|rollout| is_settled(rollout)) {
            let Some(offer) = offers.all.get(&(rollout.kind, rollout.version)).copied() else { continue };
            let settled = offers.settled.get_mut(rollout.kind);
            if settled.is_none_or(|known| known.release.version < rollout.version) {
                *settled = Some(Offer { since: rollout.began, ..offer });
            }
        }
        offers
    }

    /// What a profile's wish means now.
    #[must_use]
    pub fn get(&self, kind: Kind, wanted: Wanted) -> Option<Offer> {
        match wanted {
            Wanted::Nothing => None,
            Wanted::Settled => *self.settled.get(kind),
            Wanted::Newest => *self.newest.get(kind),
            Wanted::Version(version) => self.all.get(&(kind, version)).copied(),
        }
    }
}

fn is_settled(rollout: &RolledOut) -> bool {
    match rollout.standing {
        RolloutStanding::Finished => true,
        RolloutStanding::Open => rollout.settled > 0 && rollout.settled * 100 >= rollout.wanted * SETTLED_PERCENT,
        RolloutStanding::Stopped => false,
    }
}

/// A pump that has no goal.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer<'a> {
    /// Who it is.
    pub id: PumpId,
    /// Since when it is where it is in its life.
    pub since: Time,
    /// Its newest report: a first goal is made on what the pump says it runs.
    pub report: &'a Report,
}

/// What becomes of one slot in a first goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// The profile wants nothing there.
    NotWanted,
    /// No release fits the wish: none was published, has settled, or it was stopped.
    NoRelease,
    /// It is given.
    Given(ReleaseRef),
    /// The pump was here before the release: its ring brings it.
    WaitsForRing(Version),
    /// The pump runs something newer.
    RunsNewer(Version),
    /// The pump's controller grants no hold, so nothing can be switched from afar.
    NoHold,
}

/// The first goal of a pump, if any slot gets something, and what becomes of each slot.
#[must_use]
pub fn first_goal(
    profile: &Profile,
    offers: &Offers,
    pump: &Newcomer<'_>,
    now: Time,
) -> (Option<Goal>, PerKind<First>) {
    covers!("N13");
    let slots = PerKind::from_fn(|kind| first(*profile.0.get(kind), offers, pump, kind));
    let mut goal = Goal::empty(pump.id, Generation(pump.report.generation.0.saturating_add(1)), now);
    let mut is_given = false;
    for (kind, slot) in slots.iter() {
        if let First::Given(release) = slot {
            let expect = pump.report.slots.get(kind).active.map(|active| active.digest);
            *goal.slots.get_mut(kind) = GoalSlot { want: Some(*release), expect };
            is_given = true;
        }
    }
    (is_given.then_some(goal), slots)
}

fn first(wanted: Wanted, offers: &Offers, pump: &Newcomer<'_>, kind: Kind) -> First {
    if wanted == Wanted::Nothing {
        return First::NotWanted;
    }
    let Some(offer) = offers.get(kind, wanted) else { return First::NoRelease };
    let active = pump.report.slots.get(kind).active;
    let newer = active.map(|active| active.version).filter(|version| *version > offer.release.version);
    let cannot_hold = pump.report.hold == HoldSupport::Cannot && kind.row().when != SwitchWhen::Alone;
    match newer {
        Some(version) => First::RunsNewer(version),
        None if pump.since < offer.since => First::WaitsForRing(offer.release.version),
        None if cannot_hold => First::NoHold,
        None => First::Given(offer.release),
    }
}

#[cfg(test)]
mod tests;
