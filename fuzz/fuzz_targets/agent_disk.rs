//! What a pump reads back from its own disk once it is opened, and its configuration: a newer agent, an older one, or a
//! bug may have written it.
#![no_main]

use std::sync::{Mutex, OnceLock};

use wardline_agent::fuzzing::{Queue, identity, trust};
use wardline_fuzz::split;
use wardline_model::PumpId;

static QUEUE: OnceLock<Mutex<Queue>> = OnceLock::new();

fn queue() -> Mutex<Queue> {
    let folder = std::env::temp_dir().join(format!("wardline-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    Mutex::new(Queue::in_folder(&folder))
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = split(data) else { return };
    match kind % 5 {
        0 => identity(rest),
        1 => {
            if let Ok(journal) = wardline_pump::Journal::from_bytes(PumpId::from_bytes([0; 16]), rest) {
                let _ = journal.generation();
            }
        }
        2 => trust(rest),
        3 => drop(std::str::from_utf8(rest).map(wardline_agent::config::Config::parse)),
        _ => {
            // Records, each with its length in front.
            let (mut records, mut rest) = (Vec::new(), rest);
            while let Some((length, after)) = rest.split_first() {
                let (record, after) = after.split_at(after.len().min(usize::from(*length)));
                records.push(record.to_vec());
                rest = after;
            }
            let queue = QUEUE.get_or_init(queue);
            queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recover(records);
        }
    }
});
