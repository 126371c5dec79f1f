//! The grammar of the command line. Each noun has its own file with its arguments, its help and what it does.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::fault::EXIT_CODES;
use crate::{
    account, audit, backup, ca, completions, demo, doctor, enrol, init, login, profile, pump, pumps, quarantine,
    radius, release, rollout, serve, sim, strangers,
};

const TOUR: &str = "\
Start here:
  wardline demo                            a hub and a whole simulated hospital on this machine
  wardline init && wardline serve          the hub for a real one

Then, with the sign-in that `demo` prints or that `wardline login` keeps:
  wardline pumps                           every pump, with what needs a person first
  wardline pump show P-0007                one pump: link, therapy, five slots, and why each is where it is
  wardline quarantine P-0007 --reason \"scans the network\"
  wardline rollout list                    how far each release has come, and who is behind
";

/// Keeps a hospital's infusion pumps known, patched and reachable, one pump at a time, and never at the patient's cost.
#[derive(Parser)]
#[command(name = "wardline", version, about, max_term_width = 110, after_help = TOUR, after_long_help = format!("{TOUR}\n{EXIT_CODES}"))]
pub struct Cli {
    #[command(flatten)]
    pub access: Access,
    #[command(subcommand)]
    command: Command,
}

/// How to reach the hub, for every command that speaks to it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Reaching the hub")]
pub struct Access {
    /// The hub's console address, such as https://localhost:7445
    #[arg(long, global = true, env = "WARDLINE_HUB", value_name = "URL")]
    pub hub: Option<String>,
    /// A file with the certificate of the authority that the hub's own certificate comes from, and no other is believed
    #[arg(long, global = true, env = "WARDLINE_CA", value_name = "FILE.pem")]
    pub ca: Option<PathBuf>,
    /// A token made by `wardline token create`; better kept by `wardline login` than typed
    #[arg(long, global = true, env = "WARDLINE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// The file that `wardline login` writes and the others read [default: ~/.config/wardline/login.json]
    #[arg(long, global = true, env = "WARDLINE_LOGIN", value_name = "FILE")]
    pub login: Option<PathBuf>,
    /// Print JSON for scripts, exactly as the hub's API gives it
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// A hub and a whole simulated hospital on this machine
    Demo(demo::Demo),
    /// Prepare a hub: keys, certificate authority, database, first administrator
    Init(Box<init::Init>),
    /// Run the hub until it is told to stop
    Serve(serve::Serve),
    /// Keep a hub's address and token for the commands below
    Login(login::Login),
    /// List, search and import pumps
    Pumps(pumps::Pumps),
    /// Look at one pump, or decide about it
    Pump(pump::Pump),
    /// Cut pumps off the network at once; therapy is not touched
    Quarantine(quarantine::Quarantine),
    /// Who was refused at the door, and which keys seem to be in two hands
    Strangers(strangers::StrangersArgs),
    /// Make, sign and publish releases with keys that the hub never holds
    Release(release::ReleaseArgs),
    /// Bring a published release to the pumps, ring by ring
    Rollout(rollout::Rollout),
    /// Expect new pumps and give them one-time codes
    Enrol(enrol::Enrol),
    /// Say what a new pump starts with, and which care area gets what
    Profile(profile::Profile),
    /// Read and verify who decided what
    Audit(audit::Audit),
    /// People who may sign in
    Account(account::Account),
    /// Tokens for this command line and other programs
    Token(account::Token),
    /// Write everything that the hub knows into one file
    Backup(backup::Backup),
    /// Make a database out of a backup
    Restore(backup::Restore),
    /// The hub's own keys
    Keys(backup::KeysCommand),
    /// The certificate authorities: their state, a key in an HSM, the hospital's own root, the change from one to the next
    Ca(ca::Ca),
    /// Wi-Fi admission of pumps by a RADIUS server
    Radius(radius::Radius),
    /// Look for what is not in order on this machine
    Doctor(doctor::Doctor),
    /// Parts of the simulated hospital on their own
    Sim(sim::Sim),
    /// Print completions for your shell
    Completions(completions::Completions),
}

impl Cli {
    /// Does what was asked.
    pub fn run(self) -> anyhow::Result<()> {
        let access = self.access;
        match self.command {
            Command::Demo(demo) => demo.run(),
            Command::Init(init) => init.run(),
            Command::Serve(serve) => serve.run(),
            Command::Login(login) => login.run(&access),
            Command::Pumps(pumps) => pumps.run(&access),
            Command::Pump(pump) => pump.run(&access),
            Command::Quarantine(quarantine) => quarantine.run(&access),
            Command::Strangers(strangers) => strangers.run(&access),
            Command::Release(release) => release::run(release, &access),
            Command::Rollout(rollout) => rollout.run(&access),
            Command::Enrol(enrol) => enrol.run(&access),
            Command::Profile(profile) => profile.run(&access),
            Command::Audit(audit) => audit.run(&access),
            Command::Account(account) => account.run(&access),
            Command::Token(token) => token.run(&access),
            Command::Backup(backup) => backup.run(),
            Command::Restore(restore) => restore.run(),
            Command::Keys(keys) => keys.run(),
            Command::Ca(ca) => ca.run(&access),
            Command::Radius(radius) => radius.run(&access),
            Command::Doctor(doctor) => doctor.run(&access),
            Command::Sim(sim) => sim.run(),
            Command::Completions(completions) => {
                completions.run();
                Ok(())
            }
        }
    }
}
