//! The agent as a maker ships it: how large it is, how much memory it holds linked and idle, and what it costs at rest.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use wardline_agent::daemon::read_status;
use wardline_agent::sealed::Flush;
use wardline_model::{CareArea, HoldSupport};
use wardline_sim::controller::reference::{Books, Clock, Reference, Setup, Trust};

use crate::machine::{Process, print_limits};
use crate::ward::{Ward, Wish, expected};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The agent's program; `cargo xtask dist` builds it.
    #[arg(long, default_value = "dist/wardline-agent")]
    program: PathBuf,
    /// For how many seconds it is watched.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// How long the agent may take to enrol and link.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn run(args: &Args) -> Result<()> {
    print_limits()?;
    let program = args.program.canonicalize().with_context(|| format!("{}: build it first", args.program.display()))?;
    let ward = Ward::with(1, &Wish { code: true, ..Wish::default() })?;
    let (_hub, link, est) = ward.hub()?;
    let folder = ward.path().display().to_string();
    let mut controller = Process::start(0, &["controller".to_owned(), "--folder".into(), folder.clone()])?;
    controller.expect("serving")?;
    let code = std::fs::read_to_string(ward.path().join("code"))?;
    let config = serde_json::json!({
        "state": format!("{folder}/agent"),
        "hub": { "link": link, "est": est },
        "controller": format!("{folder}/port.sock"),
        "model": "Halcyon 3", "serial": "H3-000001",
        "enrolment": { "code": { "root": format!("{folder}/root.pem"), "code": code } },
    });
    let file = ward.path().join("agent.json");
    std::fs::write(&file, config.to_string())?;
    let arguments = ["run".to_owned(), "--config".into(), file.display().to_string()];
    let mut agent = Process::foreign(1, &program.display().to_string(), &arguments)?;
    until_linked(&ward.path().join("agent"), &mut agent)?;
    // What enrolling and linking needed is over a moment later.
    std::thread::sleep(Duration::from_secs(args.seconds.min(10)));
    let before = agent.fine_cpu()?;
    std::thread::sleep(Duration::from_secs(args.seconds));
    let used = agent.fine_cpu()? - before;
    let share = used.as_secs_f64() / args.seconds.max(1) as f64 * 100.0;
    println!("agent: {:.2} MB program (bar 6)", std::fs::metadata(&program)?.len() as f64 / 1e6);
    println!(
        "agent: {:.2} MB resident, linked and idle, of which {:.2} MB its own (bar 8 MB); at most {:.2} MB",
        mb(agent.resident_kib()?),
        mb(agent.anonymous_kib()?),
        mb(agent.peak_kib()?)
    );
    println!("agent: {share:.4} % of one core over {} s (bar 0.1)", args.seconds);
    Ok(())
}

fn mb(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}

fn until_linked(state: &Path, agent: &mut Process) -> Result<()> {
    let began = Instant::now();
    loop {
        let status = read_status(state);
        if status.as_ref().is_ok_and(|status| status.linked_since.is_some() && status.controller) {
            return Ok(());
        }
        ensure!(agent.runs() && began.elapsed() < PATIENCE, "the agent does not link: {status:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[derive(clap::Args)]
pub struct Controller {
    /// The measurement's folder.
    #[arg(long)]
    folder: PathBuf,
}

/// The reference therapy controller's process.
pub fn controller(options: &Controller) -> Result<()> {
    let pump = expected(1)?;
    let folder = options.folder.join("controller");
    std::fs::create_dir_all(&folder)?;
    let setup = Setup {
        folder,
        model: pump.model,
        serial: pump.serial,
        care_area: CareArea::new("Ward")?,
        channels: 2,
        support: HoldSupport::Grants,
        flush: Flush::Always,
        trust: Trust::Pinned,
        root: None,
        clock: Clock::running(1),
        books: Arc::new(Books::default()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let pump = Reference::power_up(setup)?;
    println!("serving");
    runtime.block_on(async { Ok(pump.serve(&options.folder.join("port.sock")).await?) })
}
