//! `wardline release`: signed metadata, made offline.

/// Not built yet.
#[derive(clap::Args)]
pub struct ReleaseArgs {}

/// Says so.
pub fn run(_: ReleaseArgs) -> anyhow::Result<()> {
    anyhow::bail!("`wardline release` is not part of this build")
}
