//! `wardline pumps`: the list, with filters, and the import of the hospital's own list.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use wardline_api::RouteId;
use wardline_api::types::{Attention, LinkState, ManifestResult, PumpPage, PumpSort};
use wardline_fleet::manifest;
use wardline_fleet::udi::Devices;
use wardline_model::Lifecycle;

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::fault::{Exit, Fault};
use crate::print;

/// Lists pumps. Without an option: the first 50, those that need a person first.
///
/// Examples:
///   wardline pumps --attention needs-person
///   wardline pumps --search "oncology halcyon" --link offline
///   wardline pumps --lifecycle quarantined --json
///   wardline pumps import pump-manifest.csv
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, verbatim_doc_comment)]
pub struct Pumps {
    #[command(subcommand)]
    command: Option<PumpsCommand>,
    #[command(flatten)]
    list: List,
}

#[derive(Subcommand)]
enum PumpsCommand {
    /// The same as without a word
    List(List),
    /// Expect the pumps of a CSV file or .xlsx workbook: every row, or none and why
    Import(Import),
}

#[derive(Args)]
struct List {
    /// Words that must all occur in asset tag, serial, model, care area, place or id
    #[arg(long, short)]
    search: Option<String>,
    /// Only: expected, enrolled, in-service, quarantined, lost or retired
    #[arg(long)]
    lifecycle: Option<Lifecycle>,
    /// Only this care area
    #[arg(long)]
    care_area: Option<String>,
    /// Only: online, offline or never
    #[arg(long)]
    link: Option<LinkState>,
    /// Only: good, waiting, needs-person, danger or unknown
    #[arg(long)]
    attention: Option<Attention>,
    /// Sort by: urgency (the default), asset-tag, serial, care-area, last-seen, model or lifecycle
    #[arg(long)]
    sort: Option<PumpSort>,
    /// Last first
    #[arg(long)]
    descending: bool,
    /// Which page, from 1
    #[arg(long, default_value_t = 1)]
    page: u32,
    /// How many on a page, at most 500
    #[arg(long, default_value_t = 50)]
    size: u32,
}

/// Expects the pumps of a file. The columns are asset_tag, care_area, model and serial (or udi, the pump's barcode in GS1
/// form, beside or instead of them) and, if you like, mac and note.
#[derive(Args)]
pub struct Import {
    /// A CSV file (UTF-8) or .xlsx workbook with a header row
    file: PathBuf,
    /// Only check the file; nothing is sent
    #[arg(long)]
    check: bool,
}

/// The most faults of the hub that are printed: a screenful.
const MOST_TOLD: usize = 20;

impl Pumps {
    /// Lists or imports.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        match self.command {
            None => self.list.run(access),
            Some(PumpsCommand::List(list)) => list.run(access),
            Some(PumpsCommand::Import(import)) => import.run(access),
        }
    }
}

impl List {
    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![("page", self.page.to_string()), ("size", self.size.to_string())];
        let mut add = |name, value: Option<String>| query.extend(value.map(|value| (name, value)));
        add("search", self.search.clone());
        add("lifecycle", self.lifecycle.map(|value| value.to_string()));
        add("care_area", self.care_area.clone());
        add("link", self.link.map(|value| value.to_string()));
        add("attention", self.attention.map(|value| value.to_string()));
        add("sort", Some(self.sort.unwrap_or(PumpSort::Urgency).to_string()));
        add("descending", self.descending.then(|| "true".to_owned()));
        query
    }

    fn run(self, access: &Access) -> anyhow::Result<()> {
        let answer = Client::open(access)?.get(RouteId::ApiPumps, &[], &self.query())?;
        if access.json {
            return print::json(&answer);
        }
        let page: PumpPage = typed(answer)?;
        let now = print::now();
        let rows = page.pumps.iter().map(|pump| {
            vec![
                pump.asset_tag.to_string(),
                pump.care_area.to_string(),
                pump.lifecycle.to_string(),
                pump.link.to_string(),
                print::ago(pump.last_seen, now),
                print::therapy(pump.therapy).to_owned(),
                print::or_dash(pump.drug_library),
                format!("{}{}", print::phase(&pump.phase), print::age(pump.age_ms)),
                pump.owner.label().to_owned(),
            ]
        });
        let header = ["pump", "care area", "life", "link", "heard", "therapy", "library", "phase", "owner"];
        println!("{}", print::table(&header, rows.collect()));
        if page.pumps.is_empty() {
            println!("No pump fits. Pumps are put on the list by `wardline pumps import FILE`.");
        } else {
            println!("{} of {} pumps (page {}).", page.pumps.len(), page.total, page.page);
        }
        Ok(())
    }
}

impl Import {
    /// Checks the file here, so that faults are told without a hub, and then sends it.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        let bytes = std::fs::read(&self.file).with_context(|| format!("cannot read {}", self.file.display()))?;
        let lines = match read(&bytes, access) {
            Ok(lines) => lines,
            Err(faults) => return Err(refuse(access, &faults)),
        };
        if self.check {
            println!("{}: {} pumps, nothing wrong.", self.file.display(), lines.len());
            return Ok(());
        }
        let answer = Client::open(access)?.upload(RouteId::ApiManifestImport, &[], bytes)?;
        if access.json {
            return print::json(&answer);
        }
        told(typed(answer)?)
    }
}

/// Reads a file here. What a barcode's product is, the hub knows; it is asked only when the file needs it.
fn read(bytes: &[u8], access: &Access) -> Result<Vec<manifest::Line>, manifest::Faults> {
    let first = manifest::from_bytes(bytes, &Devices::default());
    match first {
        Err(faults) if faults.faults.iter().any(|fault| fault.column == "udi") => {
            // Without a hub the file's own faults are what can be said.
            let known = Client::open(access).and_then(|client| crate::enrol::devices(&client));
            known.map_or(Err(faults), |devices| manifest::from_bytes(bytes, &devices))
        }
        other => other,
    }
}

/// Says what an import did.
pub fn told(result: ManifestResult) -> anyhow::Result<()> {
    if !result.errors.is_empty() {
        for error in result.errors.iter().take(MOST_TOLD) {
            let (line, value) = (error.line, &error.value);
            let expected = print::safe(&error.expected);
            if error.column.is_empty() {
                eprintln!("line {line}: {value:?}: {expected}");
            } else {
                eprintln!("line {line}, column {}: {value:?} {expected}", print::safe(&error.column));
            }
        }
        if result.errors.len() > MOST_TOLD {
            eprintln!("… and {} more", result.errors.len() - MOST_TOLD);
        }
        return Err(Fault::ends(Exit::NotInOrder, "nothing was imported; correct the lines above and import again"));
    }
    println!("{} pumps are expected now. They enrol with their maker's certificate, or with a code of", result.added);
    println!("`wardline enrol codes`.");
    Ok(())
}

fn refuse(access: &Access, faults: &manifest::Faults) -> anyhow::Error {
    if access.json {
        let _ = serde_json::to_value(faults).map(|value| print::json(&value));
    } else {
        for fault in &faults.faults {
            eprintln!("{}", print::safe(&fault.to_string()));
        }
    }
    Fault::ends(Exit::NotInOrder, format!("{faults}; nothing was sent to the hub"))
}
