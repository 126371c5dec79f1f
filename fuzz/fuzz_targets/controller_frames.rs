//! Any bytes on the controller port, from either side, become a value or a refusal; what was read is written the same.
#![no_main]

use wardline_wire::port::{AgentFrame, ControllerFrame};
use wardline_wire::{Ask, Say, frame};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some(Ok(ask)) = frame::decode::<AgentFrame>(data).ok().map(Ask::try_from) {
        assert_eq!(Ask::try_from(AgentFrame::from(ask.clone())), Ok(ask));
    }
    if let Some(Ok(say)) = frame::decode::<ControllerFrame>(data).ok().map(Say::try_from) {
        assert_eq!(Say::try_from(ControllerFrame::from(say.clone())), Ok(say));
    }
});
