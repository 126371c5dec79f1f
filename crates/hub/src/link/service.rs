//! What goes over a link at which level of quarantine: the whole list, frame by frame.
//!
//! | frame | full service, watch | remediate |
//! |---|---|---|
//! | pump: Hello, Heartbeat, Bye | ✓ | ✓ |
//! | pump: Report (the five slots, what therapy does) | ✓ | ✓ |
//! | pump: Events (what happened at the bedside) | ✓ | not taken, not acknowledged: they wait on the pump |
//! | pump: Posture | not looked at | ✓ |
//! | hub: Welcome, Heartbeat, Close, Standing | ✓ | ✓ |
//! | hub: Goal, NewMetadata (how it is mended) | ✓ | ✓ |
//! | hub: Ack | ✓ | – |
//!
//! A new kind of frame does not compile until it has a row here. At the level cut there is no link at all.

use wardline_model::QuarantineLevel;
use wardline_wire::link::{hub_frame, pump_frame};

/// Whether the hub takes this frame of a pump that is held at this level.
pub(super) const fn takes(level: Option<QuarantineLevel>, frame: &pump_frame::Body) -> bool {
    match frame {
        pump_frame::Body::Hello(_)
        | pump_frame::Body::Heartbeat(_)
        | pump_frame::Body::Report(_)
        | pump_frame::Body::Bye(_) => true,
        pump_frame::Body::Events(_) => is_full(level),
        pump_frame::Body::Posture(_) => !is_full(level),
    }
}

/// Whether the hub sends this frame to a pump that is held at this level.
pub(super) const fn gives(level: Option<QuarantineLevel>, frame: &hub_frame::Body) -> bool {
    match frame {
        hub_frame::Body::Welcome(_)
        | hub_frame::Body::Heartbeat(_)
        | hub_frame::Body::Close(_)
        | hub_frame::Body::Standing(_)
        | hub_frame::Body::Goal(_)
        | hub_frame::Body::NewMetadata(_) => true,
        hub_frame::Body::Ack(_) => is_full(level),
    }
}

/// Whether the pump has full service.
pub(super) const fn is_full(level: Option<QuarantineLevel>) -> bool {
    matches!(level, None | Some(QuarantineLevel::Watch))
}

/// The name of a frame for the record of a watched pump.
pub(super) fn name(frame: &pump_frame::Body) -> String {
    match frame {
        pump_frame::Body::Hello(_) => "hello".into(),
        pump_frame::Body::Heartbeat(_) => "heartbeat".into(),
        pump_frame::Body::Report(report) => format!("report at goal {}", report.generation),
        pump_frame::Body::Events(events) => format!("{} events", events.events.len()),
        pump_frame::Body::Bye(_) => "bye".into(),
        pump_frame::Body::Posture(_) => "posture".into(),
    }
}
