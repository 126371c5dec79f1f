//! Every size on the link and on the controller port, with its reason. All lengths are in bytes unless a name says so.

/// Bytes in front of every frame: its length, big-endian.
pub const LENGTH_PREFIX: usize = 4;

/// The longest frame on the live link. [`EVENTS_PER_FRAME`] events of [`EVENT`] bytes fit in it; a goal with five slots
/// needs about 2 KiB. 20,000 pumps that all fill one frame at once cost the hub 2.5 GiB for a moment, which a hospital's
/// server has, and an idle link holds no frame at all.
pub const LINK_FRAME: usize = 128 * 1024;

/// The longest Hello: nothing larger is read from a peer before it has said who it is.
pub const HELLO_FRAME: usize = 1024;

/// The most events in one frame: enough that a pump which was offline for a shift catches up in a few round trips, few
/// enough that one pump cannot fill the hub's group commit alone.
pub const EVENTS_PER_FRAME: usize = 128;

/// The longest encoded event, with [`DETAIL`] and everything else at its longest.
pub const EVENT: usize = 960;

/// The longest detail of a therapy event: a line for people with drug, concentration, rate and limits.
pub const DETAIL: usize = 512;

/// The longest short text: versions of agents, names of alarms.
pub const WORD: usize = 64;

/// The longest certificate serial number in hexadecimal: 20 bytes (RFC 5280 section 4.1.2.2).
pub const CERTIFICATE_SERIAL: usize = 40;

/// The longest explanation for people in a Close or an OfferVerdict.
pub const EXPLANATION: usize = 256;

/// The most protocol versions in a Hello.
pub const VERSIONS: usize = 8;

/// The longest signed goal: five slots with two digests each take about 2 KiB of canonical JSON.
pub const SIGNED_GOAL: usize = 16 * 1024;

/// The most channels of one pump; the largest on the market have four, racks report sixteen.
pub const CHANNELS: usize = 16;

/// The longest frame on the controller port: one [`OFFER_CHUNK`] with its header. Small, because a controller has
/// little memory.
pub const PORT_FRAME: usize = 40 * 1024;

/// The most artifact bytes in one OfferPart.
pub const OFFER_CHUNK: usize = 32 * 1024;

/// The most roots in an offer: one root a year for the life of a pump, twice over.
pub const OFFER_ROOTS: usize = 64;

/// The longest metadata part of an offer (a root, the targets, the delegated metadata).
pub const OFFER_METADATA: usize = 512 * 1024;

/// The longest artifact: drug libraries are 16 MiB at most.
pub const OFFER_ARTIFACT: usize = 16 * 1024 * 1024;

/// The longest rendered sample of a read-back.
pub const SAMPLE: usize = 4 * 1024;

/// How much room is made at once for a frame that has been announced but not received, so that a peer which announces
/// much and sends nothing costs little.
pub const FIRST_ALLOCATION: usize = 4 * 1024;
