//! Where the log goes: standard error for a hub, a file for the demonstration (whose terminal shows the ward).

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

/// The environment variable that says how much is logged.
const HOW_MUCH: &str = "WARDLINE_LOG";

fn filter(usual: &str) -> EnvFilter {
    EnvFilter::try_from_env(HOW_MUCH).unwrap_or_else(|_| EnvFilter::new(usual))
}

/// Logs to standard error.
pub fn to_standard_error() {
    let _ = tracing_subscriber::fmt().with_env_filter(filter("info")).with_writer(std::io::stderr).try_init();
}

/// Logs to the end of a file.
pub fn to_file(path: &Path) -> anyhow::Result<()> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter("info"))
        .with_ansi(false)
        .with_writer(Mutex::new(file))
        .try_init();
    Ok(())
}
