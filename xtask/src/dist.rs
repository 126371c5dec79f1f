//! What is shipped: the hub as a release build, the agent in the size profile, with their sizes beside the bar.

use anyhow::{Context as _, Result};

use crate::run::{cargo, must, root};

/// The agent's bar from the performance table: 6 MB stripped.
const AGENT_LIMIT_BYTES: u64 = 6_000_000;

/// Builds both and copies them to `dist/`.
pub fn run() -> Result<()> {
    must(&mut cargo(&["build", "--release", "--package", "wardline"]))?;
    must(&mut cargo(&["build", "--profile", "size", "--package", "wardline-agent"]))?;
    let dist = root().join("dist");
    std::fs::create_dir_all(&dist)?;
    for (name, profile) in [("wardline", "release"), ("wardline-agent", "size")] {
        let from = root().join("target").join(profile).join(name);
        let size = std::fs::copy(&from, dist.join(name)).with_context(|| format!("copying {}", from.display()))?;
        println!("dist/{name}: {}.{:02} MB", size / 1_000_000, size % 1_000_000 / 10_000);
        if name == "wardline-agent" && size > AGENT_LIMIT_BYTES {
            println!("\x1b[33mover the bar\x1b[0m of {} MB for the agent", AGENT_LIMIT_BYTES / 1_000_000);
        }
    }
    Ok(())
}
