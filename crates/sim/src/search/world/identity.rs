//! The pump's own certificate in a search: it gets old, its clock jumps ten years, the hub's authority cannot issue, the hub
//! forgets what it issued or takes a certificate back. What the pump does about it is decided by the real
//! `wardline_pump::identity`.
//!
//! Time stands still in a search, so a certificate is as old as the adversary makes it. A year in a cupboard costs a pump
//! with a birth certificate nothing but a move; one whose code is used ends there only if it did not renew when it could.
//! The authority is gone for days, never for the last third of a certificate's life.

use wardline_model::{Span, Time};
use wardline_pump::identity::{Held, IdentityRule, IdentityStep, Pins, Successor, asks_when_refused, next_step};

use super::{Network, World};
use crate::search::Never;
use crate::search::scene::Enrols;

/// When every certificate of a search begins to be good, by the true time.
const BEGINS: Time = Time::from_unix_s(1_800_000_000);
/// How far a clock jumps.
const TEN_YEARS: Span = Span::from_days(3_652);

/// How old a certificate of thirty days is by the true time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Age {
    Fresh,
    Due,
    Ended,
}

/// What the hub's registry says of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Standing {
    /// It is known, and no link was opened with it yet.
    Unused,
    /// It is the one in use.
    Current,
    /// It does not count (any more).
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Clock {
    Right,
    Ahead,
    Behind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Authority {
    Issues,
    Gone,
}

/// Something that happens to certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Ages,
    ClockJumpsAhead,
    ClockJumpsBehind,
    AuthorityGoes,
    HubForgets,
    IsRevoked,
}

/// What a pump holds, and what holds of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Own {
    held: Option<(Age, Standing)>,
    next: Option<Standing>,
    clock: Clock,
    authority: Authority,
    troubles: u8,
}

impl Own {
    pub(super) const fn new(troubles: u8) -> Self {
        let held = Some((Age::Fresh, Standing::Current));
        Self { held, next: None, clock: Clock::Right, authority: Authority::Issues, troubles }
    }

    /// Whether the handshake of the link succeeds: the pump believes the hub's dates, and the hub the pump's certificate.
    pub(super) fn links(&self) -> bool {
        self.clock == Clock::Right && self.is_admitted()
    }

    fn is_admitted(&self) -> bool {
        matches!(self.held, Some((Age::Fresh | Age::Due, Standing::Unused | Standing::Current)))
    }

    /// A link was opened: the registry takes the certificate for the one in use.
    pub(super) fn linked(&mut self) {
        if let Some((_, standing @ Standing::Unused)) = &mut self.held {
            *standing = Standing::Current;
        }
    }

    pub(super) const fn is_settled(&self) -> bool {
        self.next.is_none()
    }
}

impl World {
    /// The real decision, by the pump's clock.
    fn identity_step(&self, own: &Own) -> Option<IdentityStep> {
        let rules = self.fixed.keeps.identity;
        let age = |age| match age {
            Age::Fresh => Span::from_days(1),
            Age::Due => Span::from_days(25),
            Age::Ended => Span::from_days(31),
        };
        let true_now = BEGINS + own.held.map_or(Span::from_days(1), |(of, _)| age(of));
        let now = match own.clock {
            Clock::Right => true_now,
            Clock::Ahead => true_now + TEN_YEARS,
            Clock::Behind => true_now - TEN_YEARS,
        };
        let successor = if own.next.is_some() { Successor::Waits } else { Successor::None };
        let not_after = BEGINS + Span::from_days(30);
        let held = own.held.map(|_| Held { not_before: BEGINS, not_after, spread: 0, pins: Pins::All, successor });
        let (step, due) = next_step(held.as_ref(), now, rules);
        match due {
            _ if !own.is_admitted() && asks_when_refused(step, rules) => Some(IdentityStep::Check),
            None => Some(step),
            Some(_) => None,
        }
    }

    /// Whether the next step about the identity leads anywhere now.
    pub(super) fn identity_may_act(&self) -> bool {
        let Some(own) = &self.now.own else { return false };
        let Some(step) = self.identity_step(own) else { return false };
        let talks = self.now.network == Network::Up && own.clock == Clock::Right;
        let enrols = own.authority == Authority::Issues && self.scene().enrols == Some(Enrols::ByBirth);
        let lets_go = !self.fixed.keeps.identity.keep(IdentityRule::KeepWhileEnded) && own.held.is_some();
        match step {
            IdentityStep::Enrol => lets_go || (talks && enrols),
            IdentityStep::Check => talks && enrols,
            IdentityStep::Renew => talks && own.authority == Authority::Issues && own.is_admitted(),
            IdentityStep::Prove => talks,
            IdentityStep::Provision | IdentityStep::AskRoot => false,
        }
    }

    /// Takes that step.
    pub(super) fn identity_acts(&mut self) {
        let before = self.now.controller.clone();
        let Some(own) = self.now.own else { return };
        let (step, rules) = (self.identity_step(&own), self.fixed.keeps.identity);
        let mut after = own;
        match step {
            Some(IdentityStep::Enrol) if !rules.keep(IdentityRule::KeepWhileEnded) && own.held.is_some() => {
                after.held = None;
            }
            Some(IdentityStep::Enrol | IdentityStep::Renew | IdentityStep::Check) => {
                let waits = rules.keep(IdentityRule::KeepUntilProven) && own.held.is_some();
                if waits {
                    after.next = Some(Standing::Unused);
                } else {
                    after.held = Some((Age::Fresh, Standing::Unused));
                }
            }
            Some(IdentityStep::Prove) => {
                // The hub answered to it: it counts.
                if let Some(Standing::Unused | Standing::Current) = own.next {
                    after.held = Some((Age::Fresh, Standing::Current));
                }
                after.next = None;
            }
            Some(IdentityStep::Provision | IdentityStep::AskRoot) | None => {}
        }
        self.now.own = Some(after);
        self.watch_bedside(&before);
    }

    /// What may go wrong now.
    pub(super) fn troubles(&self) -> Vec<Trouble> {
        let Some(own) = self.now.own.filter(|own| own.troubles > 0) else { return vec![] };
        let by_birth = self.scene().enrols == Some(Enrols::ByBirth);
        let mut all = vec![];
        match own.held {
            Some((Age::Fresh, _)) => all.push(Trouble::Ages),
            // In a cupboard; or at a network and a hub that issues, where a pump renews as soon as it may.
            Some((Age::Due, _)) if by_birth || (self.could_renew(&own) && !self.identity_may_act()) => {
                all.push(Trouble::Ages);
            }
            Some((Age::Due | Age::Ended, _)) | None => {}
        }
        if own.clock == Clock::Right {
            all.extend([Trouble::ClockJumpsAhead, Trouble::ClockJumpsBehind]);
        }
        if own.authority == Authority::Issues {
            all.push(Trouble::AuthorityGoes);
        }
        let unused = own.next == Some(Standing::Unused) || matches!(own.held, Some((_, Standing::Unused)));
        if unused {
            all.push(Trouble::HubForgets);
        }
        if by_birth && matches!(own.held, Some((_, Standing::Current))) {
            all.push(Trouble::IsRevoked);
        }
        all
    }

    /// Whether nothing but the pump itself stands in the way of a renewal.
    fn could_renew(&self, own: &Own) -> bool {
        self.now.network == Network::Up && own.links() && own.authority == Authority::Issues
    }

    /// It goes wrong; and the bedside does not notice (N1, N8).
    pub(super) fn trouble(&mut self, trouble: Trouble) {
        let before = self.now.controller.clone();
        let Some(own) = self.now.own.as_mut() else { return };
        own.troubles -= 1;
        match trouble {
            Trouble::Ages => {
                if let Some((age, _)) = &mut own.held {
                    *age = if *age == Age::Fresh { Age::Due } else { Age::Ended };
                }
            }
            Trouble::ClockJumpsAhead => own.clock = Clock::Ahead,
            Trouble::ClockJumpsBehind => own.clock = Clock::Behind,
            Trouble::AuthorityGoes => own.authority = Authority::Gone,
            Trouble::HubForgets => match (&mut own.next, &mut own.held) {
                (Some(next), _) => *next = Standing::Refused,
                (None, Some((_, standing))) => *standing = Standing::Refused,
                (None, None) => {}
            },
            Trouble::IsRevoked => {
                if let Some((_, standing)) = &mut own.held {
                    *standing = Standing::Refused;
                }
            }
        }
        self.watch_bedside(&before);
    }

    pub(super) fn clock_is_wrong(&self) -> bool {
        self.now.own.is_some_and(|own| own.clock != Clock::Right)
    }

    pub(super) fn clock_is_set(&mut self) {
        if let Some(own) = self.now.own.as_mut() {
            own.clock = Clock::Right;
        }
    }

    pub(super) fn authority_is_gone(&self) -> bool {
        self.now.own.is_some_and(|own| own.authority == Authority::Gone)
    }

    pub(super) fn authority_comes(&mut self) {
        if let Some(own) = self.now.own.as_mut() {
            own.authority = Authority::Issues;
        }
    }

    /// N1, N8: nothing about certificates, clocks or authorities is seen at the bedside.
    fn watch_bedside(&mut self, before: &crate::controller::Controller) {
        if before.channels().iter().any(|channel| channel.state.is_busy()) {
            self.tests(Never::N1);
            self.tests(Never::N8);
        }
        if before.channels() != self.now.controller.channels() {
            self.break_it("N8: the pump's certificate was seen at the bedside");
        }
    }
}
