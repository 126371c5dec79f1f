//! The hub: what its database holds, what is only in memory, and the rules by which it takes events, reports and links.
//!
//! The decisions are the real ones (`wardline_fleet`), and goals are really signed. What the server and its store do around
//! them is done here by the same rules: everything that waits shares one commit; an acknowledgement follows it; events that
//! are there already are skipped; a gap ends the link.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use wardline_fleet::lifecycle::{Act, After, Before, By, Certificate, CertificateFate, Refused, decide};
use wardline_model::{Event, Generation, Goal, Lifecycle, PumpId, Report, Sequence, Time, Wait, covers};
use wardline_release::key::PublicKey;
use wardline_release::{Verified, goal};

use super::agenda::{Down, Happens, Up};
use super::planner::Rolling;
use super::settings::{Settings, Weather, Wrong};
use super::trouble::Trouble;
use super::ward::{MINUTE, SECOND};
use super::watch::Check;
use super::world::World;

/// How long the hub gathers what it commits together.
const GATHERS: u64 = 5;
/// How long a commit takes while the hub's disk is slow, at most.
const SLOWEST_COMMIT: u64 = 20 * SECOND;

/// The hub.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) up: bool,
    pub(super) life: u32,
    /// How far its clock is ahead of the world's, in milliseconds.
    pub(super) clock: i64,
    /// It is without its authority until then: no certificate is issued.
    pub(super) cannot_issue_until: Time,
    key: SigningKey,
    public: PublicKey,
    // ---- durable
    pub(super) rows: Vec<Row>,
    pub(super) rolling: Vec<Rolling>,
    // ---- in memory
    waiting: Vec<Work>,
    pub(super) links: BTreeMap<usize, u64>,
    /// It dies at this point, when it next comes there.
    pub(super) doom: Option<HubDeath>,
    pub(super) planned: Time,
    pub(super) changed: bool,
    pub(super) next_plan: Option<Time>,
}

/// Where the hub can die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HubDeath {
    BeforeCommit,
    AfterCommit,
    BeforeGoals,
    AfterGoals,
}

/// What the database holds of one pump.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: PumpId,
    pub(super) lifecycle: Lifecycle,
    certificate: Certificate,
    pub(super) goal: Option<(Goal, Vec<u8>)>,
    pub(super) report: Option<Report>,
    pub(super) received: Time,
    pub(super) seen: Option<Time>,
    durable: Sequence,
}

#[derive(Debug)]
struct Work {
    pump: usize,
    link: u64,
    what: What,
    received: Time,
}

#[derive(Debug)]
enum What {
    Events(Vec<Event>),
    Report(Box<Report>),
}

impl Hub {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut secret = [0x68; 32];
        secret[..8].copy_from_slice(&settings.seed.to_be_bytes());
        let key = SigningKey::from_bytes(&secret);
        let public = PublicKey::from(key.verifying_key());
        let rows = (0..settings.pumps).map(|number| Row::new(super::pump::id(number))).collect();
        Self {
            up: true,
            life: 1,
            clock: 0,
            cannot_issue_until: Time::default(),
            key,
            public,
            rows,
            rolling: Vec::new(),
            waiting: Vec::new(),
            links: BTreeMap::new(),
            doom: None,
            planned: Time::default(),
            changed: false,
            next_plan: None,
        }
    }

    pub(super) fn is_alive(&self, life: u32) -> bool {
        self.up && self.life == life
    }

    /// Whether this pump gets past the handshake.
    pub(super) fn serves(&self, pump: usize) -> bool {
        self.up && self.rows[pump].lifecycle.may_link()
    }

    pub(super) fn sign(&self, wanted: &Goal) -> Vec<u8> {
        goal::sign(wanted, &self.key)
    }

    /// The pump's own check of a signed goal, against the key that it pinned.
    pub(super) fn verify(&self, signed: &[u8], pump: PumpId) -> Option<Verified<Goal>> {
        goal::verify(signed, &self.public, pump).ok()
    }

    /// This moment by the hub's clock.
    pub(super) fn local(&self, now: Time) -> Time {
        Time::from_unix_ms(now.as_unix_ms().saturating_add_signed(self.clock))
    }

    pub(super) fn forget_link(&mut self, pump: usize, link: u64, heard: Time) {
        if self.links.get(&pump) == Some(&link) {
            self.links.remove(&pump);
            let heard = self.local(heard);
            let row = &mut self.rows[pump];
            row.seen = row.seen.max(Some(heard));
        }
    }
}

impl Row {
    fn new(id: PumpId) -> Self {
        Self {
            id,
            lifecycle: Lifecycle::Enrolled,
            certificate: Certificate::Current,
            goal: None,
            report: None,
            received: Time::default(),
            seen: None,
            durable: Sequence(0),
        }
    }

    pub(super) fn generation(&self) -> Generation {
        self.goal.as_ref().map_or(Generation(0), |(goal, _)| goal.generation)
    }
}

impl World {
    // ---- hearing ----------------------------------------------------------------------------------------------------

    pub(super) fn hub_hears(&mut self, pump: usize, link: u64, frame: Up) {
        covers!("N8");
        if !self.hub.up {
            return;
        }
        // A link that is no longer the pump's newest was closed when the newer one came.
        let is_newest = self.hub.links.get(&pump) == Some(&link);
        match frame {
            Up::Hello(hello) => self.greeted(pump, link, hello.generation),
            Up::End => self.hub_drops(link),
            Up::Events(events) if is_newest => {
                let received = self.hub.local(self.now);
                if self.settings.wrong == Some(Wrong::AcksBeforeCommit)
                    && let Some(last) = events.last()
                {
                    self.send_down(link, Down::Ack(last.seq));
                }
                self.wait_for_commit(Work { pump, link, what: What::Events(events), received });
            }
            Up::Report(report) if is_newest => {
                let received = self.hub.local(self.now);
                self.wait_for_commit(Work { pump, link, what: What::Report(report), received });
            }
            Up::Events(_) | Up::Report(_) => {}
        }
    }

    fn greeted(&mut self, pump: usize, link: u64, generation: Generation) {
        let may = self.hub.rows[pump].lifecycle.may_link() || self.settings.wrong == Some(Wrong::LinksTheQuarantined);
        if !may {
            return self.close(link, 60);
        }
        if let Some(older) = self.hub.links.insert(pump, link)
            && older != link
        {
            self.count("links that met an older one");
            self.hub_closes(older);
            self.hub.links.insert(pump, link);
        }
        self.watch_taken_down(pump);
        if self.hub.rows[pump].lifecycle == Lifecycle::Enrolled {
            let _ = self.decide(pump, Act::Link, By::Hub);
        }
        let row = &self.hub.rows[pump];
        let (acked, newer) = (row.durable, row.goal.as_ref().filter(|(goal, _)| goal.generation > generation));
        let signed = newer.map(|(_, signed)| signed.clone());
        self.send_down(link, Down::Welcome(acked));
        if let Some(signed) = signed {
            self.send_down(link, Down::Goal(signed));
        }
        self.plan_soon();
    }

    fn close(&mut self, link: u64, stay_away_s: u64) {
        self.send_down(link, Down::Close { stay_away_s });
        self.hub_closes(link);
    }

    fn hub_closes(&mut self, link: u64) {
        let now = self.now;
        let Some(pump) = self.links.get(&link).map(|open| open.pump) else { return };
        self.stir(pump);
        if let Some(open) = self.links.get_mut(&link) {
            open.hub_open = false;
        }
        self.hub.forget_link(pump, link, now);
        self.wake_session(pump);
    }

    // ---- the group commit -------------------------------------------------------------------------------------------

    fn wait_for_commit(&mut self, work: Work) {
        if self.hub.waiting.is_empty() {
            let life = self.hub.life;
            let slow = self.settings.weather == Weather::Foul && self.dice.trouble.percent(2);
            let takes = if slow { self.slow_commit(work.pump) } else { GATHERS };
            self.later(takes, Happens::Commit { life });
        }
        self.hub.waiting.push(work);
    }

    /// The hub's disk is slow; now and then a connection breaks meanwhile, and the pump sends again what waits.
    fn slow_commit(&mut self, pump: usize) -> u64 {
        self.count("commits that were slow");
        let takes = self.dice.trouble.between(SECOND, SLOWEST_COMMIT);
        if self.dice.trouble.percent(30) {
            let soon = self.dice.trouble.between(0, takes / 2);
            self.later(soon, Happens::Trouble(Trouble::ResetOf(pump)));
        }
        takes
    }

    pub(super) fn commit(&mut self) {
        covers!("N11");
        if self.hub.doom == Some(HubDeath::BeforeCommit) {
            return self.hub_dies("before a commit");
        }
        let dies_after = self.hub.doom == Some(HubDeath::AfterCommit);
        for work in std::mem::take(&mut self.hub.waiting) {
            let Work { pump, link, what, received } = work;
            let answer = match what {
                What::Events(events) => Some(self.append(pump, events)),
                What::Report(report) => {
                    self.keep_report(pump, *report, received);
                    None
                }
            };
            match answer {
                Some(Ok(durable)) if !dies_after => self.send_down(link, Down::Ack(durable)),
                Some(Err(())) if !dies_after => self.close(link, 0),
                Some(_) | None => {}
            }
        }
        if dies_after {
            self.hub_dies("after a commit, before its acknowledgements");
        }
    }

    /// Appends events in order; what is there already is skipped, and a gap is refused.
    fn append(&mut self, pump: usize, events: Vec<Event>) -> Result<Sequence, ()> {
        let twice = self.settings.wrong == Some(Wrong::StoresTwice);
        for event in events {
            let durable = self.hub.rows[pump].durable;
            if event.seq <= durable && !twice {
                self.count("events that came again");
                continue;
            }
            if event.seq > durable.next() {
                return Err(());
            }
            self.watch.stored(pump, &event);
            self.hub.rows[pump].durable = durable.max(event.seq);
        }
        Ok(self.hub.rows[pump].durable)
    }

    /// Keeps the newest report, as the store does: one that seems older by more than a minute was received after the hub's
    /// clock had been set back.
    fn keep_report(&mut self, pump: usize, report: Report, received: Time) {
        let stored = self.hub.rows[pump].received;
        if received < stored && stored.since(received).as_ms() <= MINUTE {
            return;
        }
        if received < stored {
            self.count("reports received after the hub's clock was set back");
        }
        let row = &mut self.hub.rows[pump];
        row.received = received;
        row.seen = row.seen.max(Some(received));
        let told = |report: &Report| {
            let slot = report.slots.drug_library;
            (report.generation, report.hold, slot.state, slot.active, slot.last, slot.wait == Some(Wait::Refused))
        };
        let matters = row.report.as_ref().is_none_or(|old| told(old) != told(&report));
        row.report = Some(report);
        if matters {
            self.plan_soon();
        }
    }

    // ---- life and death ---------------------------------------------------------------------------------------------

    pub(super) fn hub_dies(&mut self, when: &str) {
        self.tell_all(|| format!("the hub dies {when}"));
        self.count("hub crashes");
        self.hub.doom = None;
        self.hub.up = false;
        self.hub.waiting.clear();
        self.hub.next_plan = None;
        let links: Vec<u64> = self.links.iter().filter(|(_, open)| open.hub_open).map(|(link, _)| *link).collect();
        for link in links {
            // The operating system says so where it can.
            self.send_down(link, Down::End);
            self.hub_closes(link);
        }
        let away = self.dice.trouble.between(3 * SECOND, 10 * MINUTE);
        self.later(away, Happens::HubStarts);
    }

    pub(super) fn hub_starts(&mut self) {
        if self.hub.up {
            return;
        }
        self.tell_all(|| "the hub starts".to_owned());
        self.hub.up = true;
        self.hub.life += 1;
        self.hub.links.clear();
        self.plan_soon();
    }

    // ---- people and pumps -------------------------------------------------------------------------------------------

    /// Decides about one pump, by the real rules; what follows for its link follows at once.
    pub(super) fn decide(&mut self, pump: usize, act: Act, by: By) -> Result<After, Refused> {
        covers!("N8");
        let row = &mut self.hub.rows[pump];
        let after = decide(Before { lifecycle: row.lifecycle, certificate: row.certificate }, act, by)?;
        row.lifecycle = after.lifecycle;
        if after.certificate == CertificateFate::Revoked {
            row.certificate = Certificate::None;
        }
        if act == Act::Enrol {
            row.certificate = Certificate::Current;
        }
        let may = after.lifecycle.may_link();
        if !may {
            self.people.taken_down(pump, self.now);
        }
        if !may && let Some(link) = self.hub.links.get(&pump).copied() {
            self.tell(pump, || format!("people: {}", act.verb()));
            self.close(link, 60);
        }
        Ok(after)
    }

    /// N8: a pump that was taken down has no link and gets no goal.
    pub(super) fn watch_taken_down(&mut self, pump: usize) {
        let row = &self.hub.rows[pump];
        let holds = row.lifecycle.may_link() || !self.hub.links.contains_key(&pump);
        self.watch.check(Check::N8, pump, holds, || "a pump that was taken down has a link".to_owned());
    }
}
