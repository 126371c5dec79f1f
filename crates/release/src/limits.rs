//! How large anything signed may be. Everything has a limit, so that a hostile repository costs a pump no more than this.

/// Longest root file. Ours are 3 KB; the reference client allows 512,000 bytes.
pub const MAX_ROOT_BYTES: u64 = 512_000;
/// Longest timestamp file (the reference client's limit).
pub const MAX_TIMESTAMP_BYTES: u64 = 16_384;
/// Longest snapshot file (the reference client's limit).
pub const MAX_SNAPSHOT_BYTES: u64 = 2_000_000;
/// Longest targets file, delegated ones included (the reference client's limit).
pub const MAX_TARGETS_BYTES: u64 = 5_000_000;
/// Most root rotations followed in one run (the reference client's limit).
pub const MAX_ROOT_ROTATIONS: u32 = 256;
/// Most delegations visited while looking for one target (the reference client's limit).
pub const MAX_DELEGATIONS: u32 = 32;
/// Most signatures read on one file: no role has more signers than a hospital has pharmacists.
pub const MAX_SIGNATURES: usize = 64;
/// Longest signed goal: five slots take under 2 KB.
pub const MAX_GOAL_BYTES: u64 = 16_384;
/// Longest drug library: the largest published ones have some 10,000 entries of under 1 KB.
pub const MAX_DRUG_LIBRARY_BYTES: u64 = 16 * 1024 * 1024;
/// Longest signed wipe order: a few certificates of one pump.
pub const MAX_WIPE_ORDER_BYTES: u64 = 8_192;
/// Longest wipe receipt: the names of the files, and two signatures.
pub const MAX_WIPE_RECEIPT_BYTES: u64 = 16_384;
/// Most certificates that a wipe order names: one in use and one that is to follow, with room.
pub const MAX_WIPE_CERTIFICATES: usize = 8;
/// Most files that a wipe receipt names; the rest are counted.
pub const MAX_WIPE_FILES: usize = 64;
