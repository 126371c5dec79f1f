//! What the tests of the real program share.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// The first of four ports that nobody listens on, one after the other.
///
/// They lie below the range from which the system gives ports to outgoing connections: after a test with thousands of
/// connections hardly four of those in a row are free for a minute.
pub fn free_ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 4_000).unwrap_or_default();
    for _ in 0..4_000 {
        let base = 12_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 4_000 * 4;
        let all = (base..base + 4).map(|port| TcpListener::bind(("127.0.0.1", port)));
        if all.collect::<Result<Vec<_>, _>>().is_ok() {
            return base;
        }
    }
    panic!("no four free ports");
}
