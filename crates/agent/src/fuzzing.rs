//! The agent's private parsers, for the targets in `fuzz/`. Compiled only with the feature `fuzzing`.

use crate::fault::Fault;
use crate::identity::{Kept, KeyHome, answer};
use crate::outbox::Outbox;
use crate::sealed::{Flush, Sealing};

/// An answer of the enrolment listener: base64 of a certs-only message.
pub fn est_answer(body: &[u8]) {
    answer(body);
}

/// What an opened identity file holds. What was read is written and read the same.
///
/// # Panics
/// When it is not.
pub fn identity(bytes: &[u8]) {
    let home = KeyHome::Software;
    if let Ok(kept) = Kept::from_bytes(bytes, &home) {
        assert!(Kept::from_bytes(&kept.to_bytes(), &home).is_ok_and(|again| again == kept));
    }
}

/// What an opened file of trust anchors holds.
pub fn trust(bytes: &[u8]) {
    let _ = crate::trust::Kept::from_bytes(bytes);
}

/// What is written down of a wipe. What was read is said in a sentence.
pub fn wipe_notes(bytes: &[u8]) {
    if let Some(notes) = crate::wipe::Notes::from_bytes(bytes) {
        let _ = notes.sentence();
    }
}

/// An answer of a TPM, whole or not.
pub fn tpm_answer(bytes: &[u8]) {
    crate::tpm::answers(bytes);
}

/// An event queue whose folder is removed at the end of the process only.
#[derive(Debug)]
pub struct Queue(Outbox);

impl Queue {
    /// An empty one in this folder.
    ///
    /// # Panics
    /// When the folder cannot be used.
    #[must_use]
    pub fn in_folder(folder: &std::path::Path) -> Self {
        let sealing = Sealing::from_key_file(&folder.join("key"), Flush::Never, Fault::none()).expect("a key");
        Self(Outbox::open(&folder.join("events"), &sealing, 1_000).expect("a queue"))
    }

    /// Records that were opened: taken over whole, or not at all.
    ///
    /// # Panics
    /// When the queue that was taken over is not one.
    pub fn recover(&mut self, records: Vec<Vec<u8>>) {
        if self.0.recover(records) {
            let outbox = &self.0;
            assert_eq!(outbox.next().0 - outbox.oldest().0, outbox.len() as u64);
        }
    }
}
