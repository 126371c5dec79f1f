//! Conversations that wait for a slow key beside the loop, so that the therapy controller is always heard (N1).
//!
//! A key in software signs in less than a millisecond; thousands of simulated pumps share their threads. A TPM takes up to
//! seconds, within a call that cannot be waited for in any other way than by a thread.

use std::future::pending;

/// Runs `talk` on a thread of its own when its key is slow, and in place otherwise.
pub(crate) async fn aside<T: Send + 'static>(is_slow: bool, talk: impl Future<Output = T> + Send + 'static) -> T {
    if !is_slow {
        return talk.await;
    }
    let runtime = tokio::runtime::Handle::current();
    match tokio::task::spawn_blocking(move || runtime.block_on(talk)).await {
        Ok(said) => said,
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        // The process is ending.
        Err(_) => pending().await,
    }
}
