//! Who this pump is: its key and certificates, and what it pins. Module `identity` makes them; here the loop waits for
//! its steps, makes each one durable, and uses what came of it.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use wardline_model::{EventBody, Goal, PumpId, ReleaseRef, Time, covers};
use wardline_pump::Input;
use wardline_pump::identity::{IdentityRules, asks_when_refused};
use wardline_release::Verified;
use wardline_release::key::PublicKey;

use super::{DISK_AGAIN, Daemon, Fetching, keep, now};
use crate::aside::aside;
use crate::config::Config;
use crate::fault::Killed;
use crate::identity::{FILE, Failed, Farewell, Kept, KeyHome, Pace, Settings, Step, act, ask_farewell, next_step};
use crate::sealed::{SealedError, Sealing};
use crate::session::Target;
use crate::trust::Trust;
use crate::tuf::Repository;
use crate::wipe;

/// The longest sleep without a look at the clock, which somebody may set.
const LOOK_AT_LEAST: Duration = Duration::from_secs(3_600);

/// Who the pump is and whom it believes, once it is enrolled.
#[derive(Clone)]
pub struct Known {
    /// The pump that its certificate names.
    pub pump: PumpId,
    /// What it shows and believes, on the link and at the hub's enrolment and release listener.
    pub tls: Arc<ClientConfig>,
    /// The hub's goal key, pinned at provisioning: no other key's goals count (N13).
    pub goal_key: PublicKey,
    /// The first release root, pinned at provisioning, exactly as it was published; absent until there is one.
    pub tuf_root: Option<Arc<[u8]>>,
}

impl Known {
    fn of(kept: &Kept, roots: &[Vec<u8>], home: &KeyHome) -> Result<Option<Self>, Failed> {
        let Some(pinned) = &kept.pinned else { return Ok(None) };
        Ok(Some(Self {
            pump: kept.current.leaf()?.pump,
            tls: kept.current.tls(roots, home)?,
            goal_key: pinned.goal_key()?,
            tuf_root: pinned.tuf_root.as_ref().map(|text| text.as_bytes().into()),
        }))
    }
}

/// The pump's identity over time.
pub(super) struct Who {
    known: Option<Known>,
    own: Option<Own>,
}

/// What an identity that the pump looks after itself needs.
struct Own {
    settings: Arc<Settings>,
    path: PathBuf,
    /// Shared with the step that waits: a pump holds its key once.
    kept: Option<Arc<Kept>>,
    /// Whom the pump believes now.
    roots: Arc<[Vec<u8>]>,
    /// What is kept is not on the disk yet.
    is_unsaved: bool,
    pace: Pace,
    /// Said when the release root should be asked for at once.
    hurry: Arc<Notify>,
    /// Said when the hub refused the certificate on the link.
    doubt: Arc<Notify>,
    /// Spreads and slows down what is done about that.
    doubts: Pace,
    /// Renew now, whatever the certificate's age.
    renew_now: bool,
    running: Pin<Box<dyn Future<Output = WhoChanged> + Send>>,
}

/// How a step about the identity ended.
pub(super) struct WhoChanged {
    /// Nothing when it is only time to write again what could not be written.
    ended: Option<(Step, Result<Kept, Failed>)>,
    /// The hub ordered this pump wiped.
    farewell: Option<Farewell>,
}

impl Who {
    /// Reads what is kept. A file that does not open stops enrolment rather than being replaced: what it pinned must
    /// not change silently.
    pub(super) fn begin(config: &Config, sealing: &Sealing, trust: &Trust) -> Self {
        let path = config.state.join(FILE);
        let read = sealing.read(&path).map_err(|error| Failed::new(error.to_string()));
        let home = KeyHome::of(sealing);
        let read = read.and_then(|bytes| bytes.map(|bytes| Kept::from_bytes(&bytes, &home)).transpose());
        let read = read.and_then(|kept| {
            let roots = kept.as_ref().map_or(Ok(Vec::new()), |kept| Ok(trust.anchors(&kept.root()?)))?;
            Ok((kept.as_ref().map(|kept| Known::of(kept, &roots, &home)).transpose()?.flatten(), kept, roots))
        });
        match read {
            Ok((known, kept, roots)) => {
                let mut own = Own {
                    settings: Arc::new(Settings::new(config, sealing)),
                    path,
                    kept: kept.map(Arc::new),
                    roots: roots.into(),
                    is_unsaved: false,
                    pace: Pace::begin(),
                    hurry: Arc::default(),
                    doubt: Arc::default(),
                    doubts: Pace::doubtful(),
                    renew_now: false,
                    running: Box::pin(std::future::pending()),
                };
                own.plan();
                Self { known, own: Some(own) }
            }
            Err(why) => {
                tracing::error!(%why, path = %path.display(), "the pump's identity cannot be used; to enrol anew, remove the file");
                Self { known: None, own: None }
            }
        }
    }

    /// An identity that was given: simulated pumps that were enrolled in bulk, and tests.
    pub(super) const fn given(known: Known) -> Self {
        Self { known: Some(known), own: None }
    }

    /// Whether the pump looks after its identity itself, and so can change whom it believes.
    pub(super) const fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Believes what the slot of trust anchors says from now on, on every new connection.
    fn believe(&mut self, trust: &Trust) {
        let Some(own) = &mut self.own else { return };
        let Some(kept) = own.kept.clone() else { return };
        let known = kept.root().and_then(|first| {
            own.roots = trust.anchors(&first).into();
            Known::of(&kept, &own.roots, &own.settings.home)
        });
        match known {
            Ok(known) => self.known = known,
            Err(failed) => tracing::error!(why = %failed, "the new trust anchors cannot be used"),
        }
        own.plan();
    }

    /// The next step's end. May be dropped and called again.
    pub(super) async fn next(&mut self) -> WhoChanged {
        match &mut self.own {
            Some(own) => own.running.as_mut().await,
            None => std::future::pending().await,
        }
    }

    /// There is something to fetch, and perhaps a release root by now.
    fn hurry(&self) {
        if let (Some(own), Some(Known { tuf_root: None, .. })) = (&self.own, &self.known) {
            own.hurry.notify_one();
        }
    }

    /// The link ended. When the hub refused the certificate, it is asked whether that still counts: a
    /// pump whose certificate was taken back enrols again by itself, if the hub lets it.
    pub(super) fn link_down(&self, is_refusal: bool) {
        if let Some(own) = self.own.as_ref().filter(|_| is_refusal) {
            own.doubt.notify_one();
        }
    }

    /// Signs with the key of the certificate in use; nothing when the pump has none of its own.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let own = self.own.as_ref()?;
        let key = own.kept.as_ref()?.current.key(&own.settings.home);
        key.and_then(|key| key.sign(message))
            .inspect_err(|why| tracing::error!(%why, "the pump's key does not sign"))
            .ok()
    }

    /// Renews as soon as it can, whatever the certificate's age.
    pub(super) fn renew_now(&mut self) {
        if let Some(own) = &mut self.own {
            own.renew_now = true;
            own.plan();
        }
    }

    /// A goal that the pinned key signed for this pump.
    fn check_goal(&self, signed: &[u8]) -> Result<Verified<Goal>, String> {
        covers!("N13", "N14");
        let known = self.known.as_ref().ok_or("the pump does not know its hub's goal key yet")?;
        wardline_release::goal::verify(signed, &known.goal_key, known.pump).map_err(|why| why.to_string())
    }
}

impl Own {
    /// Starts to wait for the next step.
    fn plan(&mut self) {
        if self.is_unsaved {
            self.running = Box::pin(async {
                sleep(DISK_AGAIN).await;
                WhoChanged { ended: None, farewell: None }
            });
            return;
        }
        let (mut step, mut due) = next_step(self.kept.as_deref(), now());
        if self.renew_now && (step == Step::AskRoot || due.is_some()) {
            (step, due) = (Step::Renew, None);
        }
        let (wait, doubtful) = (self.pace.wait(draw()), self.doubts.wait(draw()));
        // Only a pump that has nothing better to do listens to the first.
        let (may_hurry, may_doubt) = (step == Step::AskRoot, asks_when_refused(step, IdentityRules::all()));
        let (hurry, doubt) = (Arc::clone(&self.hurry), Arc::clone(&self.doubt));
        let (settings, kept, roots) = (Arc::clone(&self.settings), self.kept.clone(), Arc::clone(&self.roots));
        self.running = Box::pin(async move {
            let step = tokio::select! {
                () = hurry.notified(), if may_hurry => step,
                () = doubt.notified(), if may_doubt => {
                    sleep(doubtful).await;
                    Step::Check
                }
                () = wait_until(due, wait) => step,
            };
            // Boxed, so that a pump that waits for weeks holds no room for a conversation.
            let is_slow = settings.home.is_slow();
            Box::pin(aside(is_slow, take(step, settings, kept, roots))).await
        });
    }

    fn save(&mut self, sealing: &Sealing) -> Result<(), Killed> {
        let Some(kept) = &self.kept else { return Ok(()) };
        let saved = sealing.write(&self.path, &kept.to_bytes());
        // The key that it was enrolled with is in there now; a later enrolment makes its own.
        match saved.and_then(|()| self.settings.forget_key()) {
            Ok(()) => self.is_unsaved = false,
            Err(SealedError::Killed(killed)) => return Err(killed),
            Err(error) => {
                self.is_unsaved = true;
                tracing::error!(%error, "the pump's identity could not be kept; it is used and will be kept later");
            }
        }
        Ok(())
    }
}

/// Takes a step. Whoever is refused asks whether it is to be wiped: before it tries to enrol anew with what the hub no
/// longer takes, and after any other step.
async fn take(step: Step, settings: Arc<Settings>, kept: Option<Arc<Kept>>, roots: Arc<[Vec<u8>]>) -> WhoChanged {
    if step == Step::Check
        && let Some(farewell) = ordered(&settings, kept.as_deref(), &roots).await
    {
        return WhoChanged { ended: None, farewell: Some(farewell) };
    }
    let result = act(step, Arc::clone(&settings), kept.as_deref().cloned(), Arc::clone(&roots)).await;
    let farewell = match &result {
        Err(failed) if failed.is_refusal => ordered(&settings, kept.as_deref(), &roots).await,
        Ok(_) | Err(_) => None,
    };
    WhoChanged { ended: Some((step, result)), farewell }
}

async fn ordered(settings: &Settings, kept: Option<&Kept>, roots: &[Vec<u8>]) -> Option<Farewell> {
    let asked = ask_farewell(settings, kept?, roots).await;
    asked.inspect_err(|why| tracing::debug!(%why, "whether this pump is to be wiped is not known")).ok().flatten()
}

/// Until a moment by the pump's clock, then `after`.
async fn wait_until(due: Option<Time>, after: Duration) {
    while let Some(due) = due
        && now() < due
    {
        sleep(Duration::from_millis(due.since(now()).as_ms()).min(LOOK_AT_LEAST)).await;
    }
    sleep(after).await;
}

fn draw() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness tries are no longer spread, which is worse for the hub only.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u64::from_be_bytes(bytes)
}

impl Daemon {
    /// Uses the identity that there is already, if there is one.
    pub(super) fn known_identity(&mut self) {
        if let Some(known) = self.identity.known.clone() {
            self.begin_as(known.pump);
            let target = self.target(known);
            self.session.use_target(target);
        }
    }

    fn target(&self, known: Known) -> Target {
        let (place, name) = (self.config.hub.link.clone(), self.config.hub.name.clone());
        Target { place, name, tls: known.tls }
    }

    /// The slot of trust anchors changed: the next connection believes what it says. Whoever must prove it links anew.
    pub(super) fn trust_changed(&mut self) {
        self.identity.believe(&self.trust);
        if let Some(known) = self.identity.known.clone() {
            let target = self.target(known);
            self.session.next_target(target);
        }
    }

    /// Keeps what a step brought, uses it, and plans the next one. Therapy is not asked: it does not depend on it (N1).
    pub(super) fn identity_changed(&mut self, changed: WhoChanged) -> Result<(), Killed> {
        covers!("N1");
        let Some(own) = &mut self.identity.own else { return Ok(()) };
        self.sealing.fault().effect()?;
        match &changed.ended {
            Some((Step::Check, _)) => own.doubts.failed(None),
            Some((Step::Renew, Ok(_))) => own.renew_now = false,
            Some(_) | None => {}
        }
        self.farewell = changed.farewell.or_else(|| self.farewell.take());
        match changed.ended {
            None if self.farewell.is_some() => {}
            None => own.save(&self.sealing)?,
            Some((step, Err(failed))) if failed.is_waiting => {
                own.pace.waits(failed.retry_after_s);
                tracing::info!(?step, why = %failed, "the pump waits for a person's approval");
            }
            Some((step, Err(failed))) => {
                own.pace.failed(failed.retry_after_s);
                tracing::warn!(?step, why = %failed, "the pump's identity; it will be tried again");
            }
            Some((step, Ok(kept))) => self.keep_identity(step, kept)?,
        }
        if let Some(own) = &mut self.identity.own {
            own.plan();
        }
        Ok(())
    }

    fn keep_identity(&mut self, step: Step, kept: Kept) -> Result<(), Killed> {
        let Some(own) = &mut self.identity.own else { return Ok(()) };
        let was = own.kept.replace(Arc::new(kept));
        let Some(kept) = own.kept.as_ref().filter(|kept| was.as_ref() != Some(kept)) else {
            // The release root is still not there.
            own.pace.failed(None);
            return Ok(());
        };
        let is_other = was.as_ref().is_none_or(|was| was.current != kept.current || was.pinned.is_none());
        let renewed = was.as_ref().filter(|was| was.pinned.is_some() && was.current != kept.current);
        let renewed = renewed.and_then(|_| kept.current.leaf().ok());
        own.roots = kept.root().map_or_else(|_| Arc::default(), |first| self.trust.anchors(&first).into());
        let known = Known::of(kept, &own.roots, &own.settings.home);
        own.pace = Pace::default();
        if step == Step::Prove && !is_other {
            own.pace.failed(None);
        }
        self.sealing.fault().effect()?;
        own.save(&self.sealing)?;
        match known {
            Ok(known) => self.identity.known = known,
            Err(failed) => tracing::error!(why = %failed, "the new identity cannot be used"),
        }
        tracing::info!(?step, "the pump's identity: done");
        if let Some(leaf) = renewed {
            tracing::info!(serial = %leaf.number, "the pump's certificate was renewed");
            keep(self.outbox.record(now(), [EventBody::Renewed { serial: leaf.number }]))?;
        }
        if is_other {
            if let Some(own) = &mut self.identity.own {
                own.doubts = Pace::doubtful();
            }
            self.known_identity();
        } else if self.identity.known.as_ref().is_some_and(|known| known.tuf_root.is_some()) {
            // What could not be fetched without a release root can be now.
            self.step(Input::Timer);
        }
        Ok(())
    }

    /// Writes down that the wipe begins, if the hub ordered one. What cannot be signed or written now, because a TPM is
    /// away or the disk is full, is tried again.
    pub(super) fn begin_to_wipe(&mut self) -> Result<bool, Killed> {
        covers!("N8", "N14");
        let Some(farewell) = self.farewell.as_ref().filter(|_| self.wipe_again.is_none()) else { return Ok(false) };
        self.sealing.fault().effect()?;
        let Some(own) = &self.identity.own else { return Ok(false) };
        let Some(kept) = own.kept.as_deref() else { return Ok(false) };
        let waiting = self.outbox.len() as u64;
        match wipe::begin(&self.config, self.sealing.disk(), kept, &own.settings.home, farewell, waiting) {
            Ok(()) => {
                tracing::warn!(ending = %farewell.order.ending, "the hub ordered this pump wiped; therapy is not touched");
                self.session.stop();
                Ok(true)
            }
            Err(why) => {
                self.sealing.fault().effect()?;
                tracing::error!(%why, "the wipe could not begin; it will be tried again");
                self.wipe_again = Some(Instant::now() + DISK_AGAIN);
                Ok(false)
            }
        }
    }

    /// Takes a goal if the hub's goal key signed it for this pump.
    pub(super) fn goal(&mut self, signed: &[u8]) {
        self.identity.hurry();
        match self.identity.check_goal(signed) {
            Ok(goal) => self.step(Input::Goal(Box::new(goal))),
            Err(why) => tracing::error!(%why, "a goal was refused"),
        }
    }

    /// Begins to fetch in the background; `None` until the pump knows its hub and the root of its releases.
    pub(super) fn start_fetch(&mut self, release: ReleaseRef) -> Option<Fetching> {
        self.identity.hurry();
        let known = self.identity.known.as_ref()?;
        let repository = Repository {
            folder: self.config.state.join("releases"),
            place: self.config.hub.est.clone(),
            name: self.config.hub.name.clone(),
            tls: Arc::clone(&known.tls),
            root: known.tuf_root.as_ref()?.to_vec(),
        };
        let fetching = async move { (release, crate::tuf::fetch(repository, release).await) };
        Some(Box::pin(aside(KeyHome::of(&self.sealing).is_slow(), fetching)))
    }
}
