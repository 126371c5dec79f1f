//! The hub's process: the real hub, spoken to in lines.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use wardline_fleet::lifecycle::{Act, By};
use wardline_hub::config::Config;
use wardline_hub::server::{Running, start};
use wardline_model::{Generation, Goal, GoalSlot, PerKind, PumpId, ReleaseRef, Time};
use wardline_release::goal;
use wardline_store::{Entry, NewGoal};

use crate::machine::now_us;
use crate::ward::why;

#[derive(clap::Args)]
pub struct Options {
    /// The folder that holds the hub's.
    #[arg(long)]
    folder: PathBuf,
}

/// Runs the hub until its input ends. `quarantine <pump>` takes one down and prints when the decision began and when it was durable; `goals` gives
/// every live pump the published library as its goal.
pub fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let config = Config::read(&options.folder.join("hub"))?;
        let config = Config { link: any, est: any, console: any, status: Some(any), ..config };
        let running = start(config).await?;
        println!("link {}\nest {}", running.link_addr, running.est_addr);
        let status = running.status_addr.context("it was asked for")?;
        let hour = wardline_model::Span::from_h(1);
        let token = format!("bench-{}", now_us());
        let by = why(crate::ward::now());
        let token = running.hub.store.create_token(&token, wardline_model::Role::Viewer, hour, &by).await?;
        println!("status {status}\nconsole {}\ntoken {}", running.console_addr, token.secret);
        let (lines, mut commands) = tokio::sync::mpsc::unbounded_channel();
        // Standard input can only be read by waiting, so a thread of its own does.
        std::thread::spawn(move || {
            std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
        });
        while let Some(line) = commands.recv().await {
            let began = now_us();
            match line.split_once(' ') {
                Some(("quarantine", pump)) => {
                    let why = why(Time::from_unix_ms(began / 1_000));
                    let by = By::Person(wardline_model::Role::Security);
                    running.hub.decide(pump.parse()?, Act::Quarantine, by, &why).await?;
                    println!("quarantined {began} {}", now_us());
                }
                None if line == "goals" => {
                    println!("began {began}");
                    goals(&running, &options.folder).await?;
                }
                _ => bail!("not a command: {line:?}"),
            }
        }
        running.stop().await;
        Ok(())
    })
}

/// How many goals the planner puts into one transaction.
const TOGETHER: usize = 500;

/// As the planner does it: sign, one transaction, tell the links.
async fn goals(running: &Running, folder: &Path) -> Result<()> {
    let want: ReleaseRef = serde_json::from_slice(&std::fs::read(folder.join("library.ref")).context("a library")?)?;
    let at = crate::ward::now();
    let (hub, generation) = (&running.hub, Generation(1));
    let pumps: Vec<PumpId> = hub.links.table().all().iter().map(|link| link.peer().pump).collect();
    for some in pumps.chunks(TOGETHER) {
        let goals: Vec<NewGoal> = some
            .iter()
            .map(|pump| {
                let slot = GoalSlot { want: Some(want), expect: None };
                let slots = PerKind { drug_library: slot, ..PerKind::default() };
                let goal = Goal { pump: *pump, generation, issued: at, slots };
                NewGoal { pump: *pump, generation, signed: goal::sign(&goal, &hub.goal_key) }
            })
            .collect();
        hub.store.save_goals(&goals, &why(at), &Entry::done("rollout.goals", None, "a measurement".to_owned())).await?;
        for goal in &goals {
            hub.links.goal_changed(goal.pump, generation, &goal.signed);
        }
    }
    Ok(())
}
