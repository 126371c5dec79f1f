//! What several targets share.

/// The first byte chooses what the rest is.
pub fn split(data: &[u8]) -> Option<(u8, &[u8])> {
    data.split_first().map(|(kind, rest)| (*kind, rest))
}

/// A good input with edits: where (two bytes), what, and whether to put, insert or remove.
pub fn edited(good: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for edit in edits.chunks_exact(4) {
        let at = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % (bytes.len() + 1);
        match edit[3] % 3 {
            0 if at < bytes.len() => bytes[at] = edit[2],
            1 if at < bytes.len() => drop(bytes.remove(at)),
            _ => bytes.insert(at, edit[2]),
        }
    }
    bytes
}
