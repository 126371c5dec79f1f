//! A hospital for a month, on virtual time: hundreds of pumps, nurses, a hub, new drug libraries, and everything that can go
//! wrong, in seconds; the same seed gives the same month to the last event.
//!
//! What decides is the real code: the slot machine, the link session and the offline queue of crate `pump`, the reference
//! therapy controller, and planner, lifecycle and adoption of crate `fleet`. What is invented is what stands around them:
//! the network, the disks, the power, the people, and the hub's server, which takes links, events and reports by the same
//! rules as the real one. After every step a watcher compares what happened with the never events ([`Summary::checks`]
//! counts how often); at the first difference the month ends with a [`Violation`], which tells the last thirty things that
//! happened to that pump.
//!
//! | file | what it is |
//! |---|---|
//! | `settings` | how many pumps, days, which seed |
//! | `agenda` | what will happen, in order |
//! | `world` | everything that exists, and one thing after the other |
//! | `ward`, `nurse` | the rhythm of the wards, and people at the bedside |
//! | `pump`, `therapy`, `agent`, `outbox` | a pump: storage, controller, agent, what it keeps and sends |
//! | `identity` | a pump's certificate: renewals, an end in a cupboard, clocks of another decade, a hub that cannot issue |
//! | `links`, `arrivals` | the links, and what arrives over them |
//! | `hub`, `planner`, `people` | the hub, its planner, and those who publish |
//! | `trouble` | the adversary |
//! | `watch` | the watcher |
//! | `summary` | what it came to |

mod agenda;
mod agent;
mod arrivals;
mod hub;
mod identity;
mod links;
mod nurse;
mod outbox;
mod people;
mod planner;
mod pump;
mod settings;
mod summary;
#[cfg(test)]
mod tests;
mod therapy;
mod trouble;
mod ward;
mod watch;
mod world;

use wardline_model::{Span, Time};

pub use settings::{DAYS, PUMPS, Settings, Weather};
pub use summary::{Adoption, Summary, Violation};

use watch::Check;
use world::{Finale, World, clock};

/// How long everything that is owed may take after the last nurse has gone home and the last trouble is over: longer than
/// the longest back-off and a planner's turn.
const FINALE: Span = Span::from_h(6);

/// Lives through a month. `day` is told after each simulated day how many have passed.
pub fn run(settings: &Settings, mut day: impl FnMut(u64)) -> Summary {
    let mut world = World::new(*settings, None);
    let broke = live(&mut world, &mut day);
    let violation = broke.map(|at| {
        // The same month again, this time with somebody who writes down what happens to that pump.
        let broken = world.watch.broken.clone();
        let pump = broken.as_ref().and_then(|broken| broken.pump);
        let mut again = World::new(*settings, Some(pump.unwrap_or(0)));
        live(&mut again, &mut |_| {});
        let (id, what) = broken.map(|broken| (broken.id.to_owned(), broken.what)).unwrap_or_default();
        let pump = pump.map(|pump| format!("pump {pump} ({}, {})", world.pumps[pump].id, world.pumps[pump].area.name));
        Violation { id, at: clock(at), pump, what, story: again.story() }
    });
    Summary::of(&world, violation)
}

/// When something broke, if it did.
fn live(world: &mut World, day: &mut dyn FnMut(u64)) -> Option<Time> {
    let ends = world.settings.ends();
    world.run(ends, day);
    if world.watch.broken.is_none() {
        world.heal();
        world.run(ends + FINALE, &mut |_| {});
    }
    if world.watch.broken.is_none() {
        world.settle_accounts();
    }
    world.watch.broken.is_some().then_some(world.now)
}

impl World {
    /// The end of all trouble: nurses end what runs and go home, everything is switched on, found and given back.
    fn heal(&mut self) {
        self.tell_all(|| "everything is healed".to_owned());
        self.finale = Finale::Now;
        self.weather = trouble::Weathers::default();
        self.hub.doom = None;
        (self.hub.clock, self.hub.cannot_issue_until) = (0, Time::default());
        self.hub_starts();
        for pump in 0..self.pumps.len() {
            let place = &mut self.pumps[pump];
            (place.doom, place.clock, place.full_until) = (None, 0, Time::default());
            (place.away_until, place.shelf_full_until) = (Time::default(), Time::default());
            for act in [trouble::Trouble::Release(pump), trouble::Trouble::Find(pump)] {
                self.trouble(act);
            }
            self.power_on(pump);
        }
    }

    /// Nothing is owed any more: every event is at the hub (N11), and every pump that is trusted runs what its hub wants.
    fn settle_accounts(&mut self) {
        for pump in 0..self.pumps.len() {
            if !self.hub.rows[pump].lifecycle.may_link() {
                continue;
            }
            let owed = self.watch.owed(pump);
            self.watch.check(Check::N11, pump, owed == 0, || format!("{owed} events never reached the hub"));
        }
    }
}
