//! The controller port: what the agent may ask, and what the controller may say.

use wardline_model::{
    ChannelState, Digest, HoldSupport, Kind, Model, Refusal, ReleaseRef, Serial, Therapy, Time, Version,
};

use super::common::{
    read_channel_state, read_hold_support, read_kind, read_refusal, release, write_channel_state, write_hold_support,
    write_kind, write_refusal,
};
use super::{Refused, channel, digest, same_words, text};
use crate::{limits, port};

/// What an agent asks of the therapy controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The first frame.
    Hello {
        /// The protocol versions that the agent speaks.
        versions: Vec<u32>,
        /// The agent's version.
        agent: String,
    },
    /// Say what therapy is doing.
    Status,
    /// Keep therapy from starting for a moment.
    Hold {
        /// The agent's number for this question.
        request: u64,
        /// The release that is to be made current under the hold.
        release: ReleaseRef,
    },
    /// The hold is not needed any more.
    Release {
        /// The hold's name.
        hold: u64,
    },
    /// Begins to hand over a release.
    Offer {
        /// The release.
        release: ReleaseRef,
        /// Its parts and their lengths in bytes.
        parts: Vec<(Part, u64)>,
    },
    /// The next bytes of the offer.
    OfferPart {
        /// Which part.
        index: u32,
        /// At most [`limits::OFFER_CHUNK`] bytes.
        bytes: Vec<u8>,
    },
    /// All parts were sent.
    OfferEnd,
    /// Make a verified release current.
    MakeCurrent {
        /// The hold under which.
        hold: u64,
        /// The release.
        release: ReleaseRef,
    },
    /// Make what was current before the last `MakeCurrent` current again.
    GoBack {
        /// The hold; `None` only for a slot that holds nothing whole.
        hold: Option<u64>,
        /// Which slot.
        kind: Kind,
        /// What was current before; `None` when nothing was.
        to: Option<ReleaseRef>,
    },
    /// Say what is really current.
    ReadBack {
        /// Of which kind.
        kind: Kind,
    },
}

/// What a therapy controller says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// The answer to the agent's first frame.
    Hello {
        /// The version that both speak.
        version: u32,
        /// The maker's name for the kind of pump.
        model: Model,
        /// The pump's serial number.
        serial: Serial,
        /// Whether it can grant holds.
        hold: HoldSupport,
        /// The kinds that it can switch.
        kinds: Vec<Kind>,
    },
    /// What therapy is doing.
    Status {
        /// Every channel.
        channels: Vec<Channel>,
        /// Whether it can grant holds.
        hold: HoldSupport,
    },
    /// Therapy will not start for a moment.
    HoldGranted {
        /// The question.
        request: u64,
        /// The hold's name.
        hold: u64,
        /// How long, in milliseconds.
        lasts_ms: u32,
    },
    /// No hold now.
    HoldDenied {
        /// The question.
        request: u64,
        /// Why.
        reason: DenyReason,
    },
    /// A person needs the pump: the hold is over.
    HoldBroken {
        /// The hold's name.
        hold: u64,
    },
    /// What it found when it verified an offer for itself.
    Verdict {
        /// The release.
        release: ReleaseRef,
        /// Verified and kept, or why not.
        verdict: Result<(), Refusal>,
        /// For people.
        detail: String,
    },
    /// This is current: the answer to `MakeCurrent` and `GoBack`.
    Switched {
        /// Which slot.
        kind: Kind,
        /// The release; `None` when nothing is current.
        to: Option<ReleaseRef>,
    },
    /// The release was not made current; what was current still is.
    SwitchRefused {
        /// Which slot.
        kind: Kind,
        /// What was asked for.
        to: Option<ReleaseRef>,
        /// Why.
        reason: SwitchRefusal,
    },
    /// What is really current.
    ReadBack(ReadBack),
    /// A channel changed what it does.
    Therapy {
        /// Which channel, from 1.
        channel: u8,
        /// What it does now.
        state: ChannelState,
        /// When.
        at: Time,
        /// The drug library that governs it.
        library: Option<Version>,
        /// Drug and rate, for people. Sensitive.
        detail: String,
    },
    /// An alarm sounded or ended at the bedside.
    Alarm {
        /// Which channel, from 1.
        channel: u8,
        /// The alarm's word.
        alarm: String,
        /// Whether it began.
        began: bool,
        /// When.
        at: Time,
    },
}

/// What one channel is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// From 1.
    pub channel: u8,
    /// What it does.
    pub state: ChannelState,
    /// Since when.
    pub since: Time,
}

/// What a controller reads from where therapy reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadBack {
    /// Of which kind.
    pub kind: Kind,
    /// What is current.
    pub holding: Holding,
}

/// What a slot really holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holding {
    /// Nothing.
    Nothing,
    /// Something, but not one whole release.
    Torn,
    /// One whole release.
    Whole(Current),
}

/// One current release, as the controller reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// The release.
    pub release: ReleaseRef,
    /// SHA-256 computed again over the stored bytes.
    pub digest: Digest,
    /// How many entries it holds.
    pub entries: u32,
    /// One entry printed as the controller understands it.
    pub sample: String,
}

/// One part of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// One root of the chain.
    Root,
    /// The top-level targets metadata.
    Targets,
    /// The delegated metadata.
    Delegated,
    /// The artifact.
    Artifact,
}

/// Why a hold was not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenyReason {
    /// A channel is not idle.
    Busy,
    /// The release was not verified by the controller.
    NotOffered,
    /// The controller cannot grant holds.
    Unsupported,
    /// A person used the pump a moment ago.
    PersonNear,
}

/// Why a release was not made current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchRefusal {
    /// No such hold, or it ended.
    NoHold,
    /// A channel is not idle.
    Busy,
    /// The release was never verified by the controller.
    NotVerified,
    /// The controller could not write; what is current must be found out.
    Storage,
    /// The version is below the controller's own floor.
    BelowFloor,
}

same_words!(
    crate::port::PartKind,
    super::port::Part,
    "the kind of a part",
    read_part,
    write_part,
    [Root, Targets, Delegated, Artifact]
);
same_words!(
    crate::port::DenyReason,
    super::port::DenyReason,
    "the reason of a denied hold",
    read_deny,
    write_deny,
    [Busy, NotOffered, Unsupported, PersonNear]
);
same_words!(
    crate::port::SwitchRefusal,
    super::port::SwitchRefusal,
    "the reason of a refused switch",
    read_switch_refusal,
    write_switch_refusal,
    [NoHold, Busy, NotVerified, Storage, BelowFloor]
);

impl Part {
    /// The most bytes that a part of this kind may have.
    #[must_use]
    pub const fn longest(self) -> u64 {
        match self {
            Self::Root | Self::Targets | Self::Delegated => limits::OFFER_METADATA as u64,
            Self::Artifact => limits::OFFER_ARTIFACT as u64,
        }
    }
}

/// The therapy of the whole pump: the busiest channel speaks for all, and a controller that names none says nothing.
#[must_use]
pub fn therapy(channels: &[Channel]) -> Therapy {
    channels
        .iter()
        .max_by_key(|channel| (channel.state, core::cmp::Reverse(channel.since)))
        .map_or(Therapy::Unknown, |busiest| Therapy::Known { state: busiest.state, since: busiest.since })
}

impl TryFrom<port::AgentFrame> for Ask {
    type Error = Refused;

    fn try_from(from: port::AgentFrame) -> Result<Self, Refused> {
        use port::agent_frame::Body;
        Ok(match from.body.ok_or(Refused::Missing("what the agent asks"))? {
            Body::Hello(from) => {
                if from.versions.len() > limits::VERSIONS {
                    return Err(Refused::TooLong("the list of versions", limits::VERSIONS));
                }
                Self::Hello { versions: from.versions, agent: text("the agent's version", from.agent, limits::WORD)? }
            }
            Body::StatusRequest(_) => Self::Status,
            Body::HoldRequest(from) => {
                Self::Hold { request: from.request, release: release("the release of a hold", from.release)? }
            }
            Body::HoldRelease(from) => Self::Release { hold: from.hold },
            Body::Offer(from) => read_offer(from)?,
            Body::OfferPart(from) => {
                if from.bytes.len() > limits::OFFER_CHUNK {
                    return Err(Refused::TooLong("a part of an offer", limits::OFFER_CHUNK));
                }
                Self::OfferPart { index: from.index, bytes: from.bytes }
            }
            Body::OfferEnd(_) => Self::OfferEnd,
            Body::MakeCurrent(from) => {
                Self::MakeCurrent { hold: from.hold, release: release("the release of a switch", from.release)? }
            }
            Body::ReadBackRequest(from) => Self::ReadBack { kind: read_kind(from.kind)? },
            Body::GoBack(from) => {
                let (kind, to) = slot_and_release(from.kind, from.to)?;
                Self::GoBack { hold: Some(from.hold).filter(|hold| *hold != 0), kind, to }
            }
        })
    }
}

fn read_offer(from: port::Offer) -> Result<Ask, Refused> {
    // One targets, one delegated, one artifact beside the roots.
    let most = limits::OFFER_ROOTS + 3;
    if from.parts.len() > most {
        return Err(Refused::TooLong("the list of parts", most));
    }
    let mut parts = Vec::with_capacity(from.parts.len());
    for size in from.parts {
        let part = read_part(size.part)?;
        if size.length > part.longest() {
            return Err(Refused::TooLong("a part of an offer", part.longest() as usize));
        }
        if part != Part::Root && parts.iter().any(|(other, _)| *other == part) {
            return Err(Refused::Twice("a part of an offer"));
        }
        parts.push((part, size.length));
    }
    Ok(Ask::Offer { release: release("the release of an offer", from.release)?, parts })
}

impl From<Ask> for port::AgentFrame {
    fn from(from: Ask) -> Self {
        use port::agent_frame::Body;
        let body = match from {
            Ask::Hello { versions, agent } => Body::Hello(port::AgentHello { versions, agent }),
            Ask::Status => Body::StatusRequest(port::StatusRequest {}),
            Ask::Hold { request, release } => {
                Body::HoldRequest(port::HoldRequest { request, release: Some(release.into()) })
            }
            Ask::Release { hold } => Body::HoldRelease(port::HoldRelease { hold }),
            Ask::Offer { release, parts } => Body::Offer(port::Offer {
                release: Some(release.into()),
                parts: parts
                    .into_iter()
                    .map(|(part, length)| port::PartSize { part: write_part(part), length })
                    .collect(),
            }),
            Ask::OfferPart { index, bytes } => Body::OfferPart(port::OfferPart { index, bytes }),
            Ask::OfferEnd => Body::OfferEnd(port::OfferEnd {}),
            Ask::MakeCurrent { hold, release } => {
                Body::MakeCurrent(port::MakeCurrent { hold, release: Some(release.into()) })
            }
            Ask::GoBack { hold, kind, to } => {
                Body::GoBack(port::GoBack { hold: hold.unwrap_or(0), kind: write_kind(kind), to: to.map(Into::into) })
            }
            Ask::ReadBack { kind } => Body::ReadBackRequest(port::ReadBackRequest { kind: write_kind(kind) }),
        };
        Self { body: Some(body) }
    }
}

impl TryFrom<port::ControllerFrame> for Say {
    type Error = Refused;

    fn try_from(from: port::ControllerFrame) -> Result<Self, Refused> {
        use port::controller_frame::Body;
        Ok(match from.body.ok_or(Refused::Missing("what the controller says"))? {
            Body::Hello(from) => read_hello(from)?,
            Body::Status(from) => read_status(from)?,
            Body::HoldGranted(from) => {
                Self::HoldGranted { request: from.request, hold: from.hold, lasts_ms: from.lasts_ms }
            }
            Body::HoldDenied(from) => Self::HoldDenied { request: from.request, reason: read_deny(from.reason)? },
            Body::HoldBroken(from) => Self::HoldBroken { hold: from.hold },
            Body::OfferVerdict(from) => Self::Verdict {
                release: release("the release of a verdict", from.release)?,
                verdict: match from.refusal {
                    0 => Ok(()),
                    number => Err(read_refusal(number)?),
                },
                detail: text("a verdict's detail", from.detail, limits::EXPLANATION)?,
            },
            Body::Switched(from) => {
                let (kind, to) = slot_and_release(from.kind, from.to)?;
                Self::Switched { kind, to }
            }
            Body::SwitchRefused(from) => {
                let (kind, to) = slot_and_release(from.kind, from.to)?;
                Self::SwitchRefused { kind, to, reason: read_switch_refusal(from.reason)? }
            }
            Body::ReadBack(from) => Self::ReadBack(read_read_back(from)?),
            Body::TherapyEvent(from) => Self::Therapy {
                channel: channel(from.channel)?,
                state: read_channel_state(from.state)?,
                at: Time::from_unix_ms(from.at),
                library: from.library.map(Version),
                detail: text("a therapy detail", from.detail, limits::DETAIL)?,
            },
            Body::Alarm(from) => Self::Alarm {
                channel: channel(from.channel)?,
                alarm: text("an alarm's name", from.alarm, limits::WORD)?,
                began: from.began,
                at: Time::from_unix_ms(from.at),
            },
        })
    }
}

fn read_hello(from: port::ControllerHello) -> Result<Say, Refused> {
    if from.kinds.len() > Kind::ALL.len() {
        return Err(Refused::TooLong("the list of kinds", Kind::ALL.len()));
    }
    Ok(Say::Hello {
        version: from.version,
        model: Model::new(&from.model).map_err(|e| Refused::Name("the model", e))?,
        serial: Serial::new(&from.serial).map_err(|e| Refused::Name("the serial number", e))?,
        hold: read_hold_support(from.hold)?,
        kinds: from.kinds.into_iter().map(read_kind).collect::<Result<_, _>>()?,
    })
}

fn read_status(from: port::Status) -> Result<Say, Refused> {
    if from.channels.len() > limits::CHANNELS {
        return Err(Refused::TooLong("the list of channels", limits::CHANNELS));
    }
    let mut channels: Vec<Channel> = Vec::with_capacity(from.channels.len());
    for from in from.channels {
        let number = channel(from.channel)?;
        if channels.iter().any(|other| other.channel == number) {
            return Err(Refused::Twice("a channel"));
        }
        channels.push(Channel {
            channel: number,
            state: read_channel_state(from.state)?,
            since: Time::from_unix_ms(from.since),
        });
    }
    Ok(Say::Status { channels, hold: read_hold_support(from.hold)? })
}

/// A slot and what is or was to be in it: of the same kind.
fn slot_and_release(kind: i32, to: Option<crate::common::ReleaseRef>) -> Result<(Kind, Option<ReleaseRef>), Refused> {
    let kind = read_kind(kind)?;
    let to: Option<ReleaseRef> = to.map(TryInto::try_into).transpose()?;
    if to.is_some_and(|to| to.kind != kind) {
        return Err(Refused::Range("the kind of a switch"));
    }
    Ok((kind, to))
}

fn read_read_back(from: port::ReadBack) -> Result<ReadBack, Refused> {
    let (kind, current) = slot_and_release(from.kind, from.current)?;
    let holding = match (current, from.torn) {
        (None, true) => Holding::Torn,
        (None, false) => Holding::Nothing,
        (Some(_), true) => return Err(Refused::Range("a torn slot with a release")),
        (Some(release), false) => Holding::Whole(Current {
            release,
            digest: digest(&from.digest)?,
            entries: from.entries,
            sample: multi_line("a sample", from.sample, limits::SAMPLE)?,
        }),
    };
    Ok(ReadBack { kind, holding })
}

/// As [`text`], with line ends allowed: a rendered entry has several lines.
fn multi_line(what: &'static str, from: String, limit: usize) -> Result<String, Refused> {
    if from.len() > limit {
        return Err(Refused::TooLong(what, limit));
    }
    if from.chars().any(|c| c != '\n' && crate::text::is_forbidden(c)) {
        return Err(Refused::ControlCharacter(what));
    }
    Ok(from)
}

impl From<Say> for port::ControllerFrame {
    fn from(from: Say) -> Self {
        use port::controller_frame::Body;
        let body = match from {
            Say::Hello { version, model, serial, hold, kinds } => Body::Hello(port::ControllerHello {
                version,
                model: model.as_str().to_owned(),
                serial: serial.as_str().to_owned(),
                hold: write_hold_support(hold),
                kinds: kinds.into_iter().map(write_kind).collect(),
            }),
            Say::Status { channels, hold } => Body::Status(port::Status {
                channels: channels
                    .into_iter()
                    .map(|from| port::Channel {
                        channel: u32::from(from.channel),
                        state: write_channel_state(from.state),
                        since: from.since.as_unix_ms(),
                    })
                    .collect(),
                hold: write_hold_support(hold),
            }),
            Say::HoldGranted { request, hold, lasts_ms } => {
                Body::HoldGranted(port::HoldGranted { request, hold, lasts_ms })
            }
            Say::HoldDenied { request, reason } => {
                Body::HoldDenied(port::HoldDenied { request, reason: write_deny(reason) })
            }
            Say::HoldBroken { hold } => Body::HoldBroken(port::HoldBroken { hold }),
            Say::Verdict { release, verdict, detail } => Body::OfferVerdict(port::OfferVerdict {
                release: Some(release.into()),
                refusal: verdict.err().map_or(0, write_refusal),
                detail,
            }),
            Say::Switched { kind, to } => {
                Body::Switched(port::Switched { kind: write_kind(kind), to: to.map(Into::into) })
            }
            Say::SwitchRefused { kind, to, reason } => Body::SwitchRefused(port::SwitchRefused {
                kind: write_kind(kind),
                to: to.map(Into::into),
                reason: write_switch_refusal(reason),
            }),
            Say::ReadBack(from) => Body::ReadBack(write_read_back(from)),
            Say::Therapy { channel, state, at, library, detail } => Body::TherapyEvent(port::TherapyEvent {
                channel: u32::from(channel),
                state: write_channel_state(state),
                at: at.as_unix_ms(),
                library: library.map(|version| version.0),
                detail,
            }),
            Say::Alarm { channel, alarm, began, at } => {
                Body::Alarm(port::Alarm { channel: u32::from(channel), alarm, began, at: at.as_unix_ms() })
            }
        };
        Self { body: Some(body) }
    }
}

fn write_read_back(from: ReadBack) -> port::ReadBack {
    let to = port::ReadBack { kind: write_kind(from.kind), ..port::ReadBack::default() };
    match from.holding {
        Holding::Nothing => to,
        Holding::Torn => port::ReadBack { torn: true, ..to },
        Holding::Whole(current) => port::ReadBack {
            current: Some(current.release.into()),
            digest: current.digest.as_bytes().to_vec(),
            entries: current.entries,
            sample: current.sample,
            ..to
        },
    }
}
