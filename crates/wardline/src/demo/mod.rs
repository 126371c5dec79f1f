//! `wardline demo`: a hub and a whole simulated hospital on this machine.
//!
//! Everything goes the way that it goes in a hospital: the list of pumps is imported and the rollout started through the
//! hub's API with a token, the library is signed by two people whose keys the hub never reads, and the pumps enrol, link
//! and switch by themselves. The demonstration only plays the people.

mod books;
mod fleet;
mod hospital;
mod hub;
mod lasts;
mod people;
mod ports;
mod status;
mod story;
mod unrest;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use wardline_fleet::manifest::{self, Line as ExpectedLine};

use crate::client::Client;
use crate::data::{self, DataFolder};
use crate::fault::{Exit, Fault};
use crate::{logs, print, release};
use lasts::Lasts;
use ports::Ports;

/// Starts a hub and a simulated hospital beside it, and keeps them running until Ctrl-C. Started again on the same data
/// folder it goes on with the same pumps and keys.
///
/// Examples:
///   wardline demo
///   wardline demo --pumps 200 --faults --for 30m
///   wardline demo --pump-manifest pumps.csv --drug-library library.xlsx
///
/// Everything listens on this machine only. The drug library is invented and not for clinical use.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Demo {
    /// The data folder; made if it does not exist
    #[arg(long, default_value = data::DEFAULT, value_name = "FOLDER")]
    data: PathBuf,
    /// How many pumps the invented hospital has [default: 24]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=9_000), conflicts_with = "pump_manifest")]
    pumps: Option<u16>,
    /// Your own list of pumps instead: CSV or .xlsx with asset_tag, model, serial, care_area
    #[arg(long, value_name = "FILE")]
    pump_manifest: Option<PathBuf>,
    /// Your own drug library instead: .xlsx, CSV or JSON
    #[arg(long, value_name = "FILE")]
    drug_library: Option<PathBuf>,
    /// Let networks, power and disks fail now and then
    #[arg(long)]
    faults: bool,
    /// How much faster than real time the bedside runs: at 60 an infusion of six hours takes six minutes
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=240))]
    speed: u32,
    /// Stop by itself after this long, such as 90s, 30m or 2h
    #[arg(long = "for", value_name = "TIME")]
    lasts: Option<Lasts>,
    /// What nurses and faults are drawn from, as an earlier run printed it; a new one each time if not given
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// The first of four ports: live link, enrolment, console, CRL and OCSP
    #[arg(long, default_value_t = ports::DEFAULT_BASE, value_name = "PORT")]
    port_base: u16,
}

/// How long no further pump may enrol before the demonstration says so and goes on without them: some may be quarantined
/// since an earlier run.
const LONGEST_STANDSTILL: Duration = Duration::from_secs(20);

impl Demo {
    /// Runs until it is told to stop.
    pub fn run(self) -> anyhow::Result<()> {
        let asked = self.asked()?;
        let library = self.drug_library.as_deref().map(release::read_library).transpose()?;
        let ports = Ports::from_base(self.port_base)?;
        ports.check()?;
        let folder = DataFolder::at(&self.data);
        folder.create()?;
        let _lock = folder.lock()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let stop = signals(&runtime)?;

        logs::to_file(&folder.root().join("demo.log"))?;
        let seed = self.seed.unwrap_or_else(|| print::now().as_unix_ms());
        let maker = hospital::maker(&folder)?;
        let mut hub = hub::Hub::start(&runtime, &folder, ports, &maker)?;
        let login = folder.people().join("login.json");
        hub.kept.write(&login)?;
        let client = Client::new(&hub.kept)?;
        hub.welcome(&login);

        let mut story = story::Story::begin(&client, &folder, library)?;
        let list = story.expect(hub.pumps(&runtime)?, asked)?;
        story.publish_first()?;
        let faults = if self.faults { hospital::Faults::Injected } else { hospital::Faults::None };
        let opening = hospital::Opening {
            hub: &hub,
            folder: &folder,
            maker,
            list: &list,
            library: story.factory_library()?,
            release_root: Some(story.first_root()?),
            faults,
            speed: self.speed,
            seed,
        };
        println!("Pumps enrol first: only one with a certificate of this hospital may link and fetch a release.");
        let hospital = hospital::Hospital::start(&runtime, opening)?;
        let mut unrest = self.faults.then(|| unrest::Unrest::new(seed));
        let mut unsettle = |line: &status::Line| match &mut unrest {
            Some(unrest) => {
                if let Some(news) = unrest.turn(&runtime, &mut hub)? {
                    line.note(news);
                }
                Ok(())
            }
            None => Ok(()),
        };
        let result = self.watch(&client, &mut story, &hospital, &stop, &mut unsettle);
        println!("Stopping; the pumps' agents end first, and nothing that was acknowledged is lost.");
        let end = status::look(&client).ok();
        let witnesses = hospital.witnesses();
        let summary = hospital.stop(&runtime);
        let books = hub.store().map(|store| runtime.block_on(books::compare(&store, &witnesses)));
        hub.stop(&runtime);
        println!("\n{summary}");
        if let Some(unrest) = &unrest {
            println!("{}", unrest.counts);
        }
        if let Some(row) = end.as_ref().and_then(status::Seen::rollout) {
            println!("{}", status::adoption(row));
        }
        let books = books.transpose()?.unwrap_or_default();
        println!("{books}\nseed {seed}");
        result?;
        match summary.violations.total() + books.broken {
            0 => Ok(()),
            n => Err(Fault::ends(Exit::Failed, format!("{n} promises were broken; they are listed above"))),
        }
    }

    /// The pumps that were asked for on the command line, if any were.
    fn asked(&self) -> anyhow::Result<Option<Vec<ExpectedLine>>> {
        let Some(path) = &self.pump_manifest else {
            return Ok(self.pumps.map(|pumps| fleet::invented(usize::from(pumps))).transpose()?);
        };
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let lines = manifest::from_bytes(&bytes, &wardline_fleet::udi::Devices::default()).map_err(|faults| {
            for fault in &faults.faults {
                eprintln!("{}", print::safe(&fault.to_string()));
            }
            Fault::ends(Exit::NotInOrder, format!("{}: {faults}", path.display()))
        })?;
        fleet::check_count(lines.len())?;
        Ok(Some(lines))
    }

    fn watch(
        &self,
        client: &Client,
        story: &mut story::Story<'_>,
        hospital: &hospital::Hospital,
        stop: &AtomicBool,
        unsettle: &mut dyn FnMut(&status::Line) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        let over = || stop.load(Ordering::Relaxed) || self.lasts.is_some_and(|lasts| began.elapsed() >= lasts.0);
        enrol(client, hospital, &over)?;
        let mut line = status::Line::new();
        if !over()
            && let Some(news) = story.roll_out()?
        {
            line.note(&news);
        }
        let mut troubled = false;
        while !over() {
            unsettle(&line)?;
            match status::look(client) {
                Ok(seen) => {
                    troubled = false;
                    match story.go_on(&seen) {
                        Ok(Some(news)) => line.note(&news),
                        Ok(None) => {}
                        Err(error) => line.note(&format!("The next library could not be published: {error:#}")),
                    }
                    line.say(&format!("{} · {}", seen.line(), hospital.line()));
                }
                Err(error) if !troubled => {
                    troubled = true;
                    line.note(&format!("The hub does not answer: {error}"));
                }
                Err(_) => {}
            }
            std::thread::sleep(status::EVERY);
        }
        line.end();
        Ok(())
    }
}

/// Waits until every pump is in service, and shows how it comes on. Pumps that are taken down are not waited for long.
fn enrol(client: &Client, hospital: &hospital::Hospital, over: &dyn Fn() -> bool) -> anyhow::Result<()> {
    let (began, total) = (Instant::now(), hospital.pumps());
    let mut enrolling = status::Progress::new("Enrolling", total);
    let (mut newest, mut since) = (0, Instant::now());
    while !over() {
        let done = status::in_service(client)?;
        enrolling.done(done);
        if done >= total {
            let took = began.elapsed().as_secs_f64();
            enrolling.end(&format!("{total} pumps are enrolled and in service, after {took:.1} s."));
            return Ok(());
        }
        if done != newest {
            (newest, since) = (done, Instant::now());
        }
        if since.elapsed() > LONGEST_STANDSTILL {
            let missing = total - done;
            enrolling.end(&format!(
                "{missing} of {total} pumps are not in service yet: `wardline enrol status` and the console say why."
            ));
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    enrolling.end("Stopped before every pump had enrolled.");
    Ok(())
}

/// A flag that SIGINT and SIGTERM raise; the second signal ends the program at once.
fn signals(runtime: &tokio::runtime::Runtime) -> anyhow::Result<Arc<AtomicBool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let _context = runtime.enter();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    runtime.spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if raised.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        }
    });
    Ok(stop)
}
