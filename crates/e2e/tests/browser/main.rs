//! The console in real Chromium, driven by `browser/walk.mjs`: every page in light and dark, wide and narrow, keyboard,
//! accessibility, content policy, live refresh.
//!
//! The pictures of every page are kept in `target/shots` (or the folder that `WARDLINE_SHOTS` names), for looking at. Without Chromium, node or the npm folder the tests say so and pass; under
//! `CI=true` that is a failure.

mod serve;
mod ward;

use std::path::{Path, PathBuf};
use std::process::Command;

use wardline_model::Role;

/// What the walk needs besides the hub.
struct Tools {
    chromium: PathBuf,
    walk: PathBuf,
}

/// Finds the tools, or says what is missing.
fn tools() -> Option<Tools> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let chromium =
        ["/usr/bin/chromium", "/usr/bin/chromium-browser"].iter().map(PathBuf::from).find(|path| path.is_file());
    let node = Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success());
    let modules = folder.join("node_modules/playwright-core").is_dir() && folder.join("node_modules/axe-core").is_dir();
    let missing = match (&chromium, node, modules) {
        (Some(chromium), true, true) => {
            return Some(Tools { chromium: chromium.clone(), walk: folder.join("walk.mjs") });
        }
        (None, _, _) => "Chromium (Debian: apt-get install chromium)",
        (_, false, _) => "node (Debian: apt-get install nodejs npm)",
        (_, _, false) => "the npm folder (cd crates/e2e/browser && npm ci --ignore-scripts)",
    };
    assert!(std::env::var("CI").as_deref() != Ok("true"), "the browser tests need {missing}");
    eprintln!("SKIPPED: the browser tests need {missing}");
    None
}

async fn walk(case: &str, fleet: ward::Fleet) {
    let Some(tools) = tools() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let hub = serve::Hub::start(folder.path()).await;
    let made = if fleet == ward::Fleet::None { None } else { Some(ward::fill(&hub.store, fleet).await) };
    if fleet == ward::Fleet::Ward {
        ward::strangers(&hub.store).await;
    }
    let link = ward::account(&hub.store, "anna", Role::Administrator).await;
    let viewer = ward::viewer(&hub.store).await;
    let token = ward::token(&hub.store).await;
    hub.changes.touch_all();
    let shots = std::env::var("WARDLINE_SHOTS")
        .map_or_else(|_| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../shots"), PathBuf::from);
    let stories: Vec<String> =
        made.iter().flat_map(|made| &made.stories).map(|(name, id)| format!("{name}={id}")).collect();
    let stories = stories.join(" ");
    let mut command = tokio::process::Command::new("node");
    command
        .arg(&tools.walk)
        .env("WARDLINE_URL", format!("https://localhost:{}", hub.port))
        .env("WARDLINE_LINK", format!("/sign-in/once?token={link}"))
        .env("WARDLINE_TOKEN", token)
        .env("WARDLINE_VIEWER", format!("/sign-in/once?token={viewer}"))
        .env("WARDLINE_PUMP", made.as_ref().map_or_else(String::new, |made| made.pump.to_string()))
        .env("WARDLINE_ROLLOUT", made.as_ref().map_or_else(String::new, |made| made.rollout.to_string()))
        .env("WARDLINE_STORIES", stories)
        .env("WARDLINE_SHOTS", shots)
        .env("WARDLINE_CASE", case)
        .env("WARDLINE_PROFILE", folder.path().join("profile"))
        .env("WARDLINE_CHROMIUM", &tools.chromium)
        // Only for this child: the hub's certificate was made a moment ago.
        .env("NODE_TLS_REJECT_UNAUTHORIZED", "0")
        .env("NODE_NO_WARNINGS", "1")
        .kill_on_drop(true);
    let output = command.output().await.expect("node starts");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}{complained}");
    assert!(output.status.success(), "the walk through the console found faults:\n{said}{complained}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ward_of_24() {
    walk("ward", ward::Fleet::Ward).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_of_20_000() {
    walk("hospital", ward::Fleet::Hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_without_pumps() {
    walk("empty", ward::Fleet::None).await;
}
