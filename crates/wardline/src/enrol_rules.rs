//! `wardline enrol rules`, `device`, `devices`, `scan` and `progress`: who enrols without a person, which product is which
//! model, a scanned delivery, and how far each new pump has come.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use wardline_api::RouteId;
use wardline_api::types::{self as t, EnrolmentRules, NewDevice, NewEnrolmentRules, Provisioning, ScannedPumps};
use wardline_fleet::approval::Policy;
use wardline_fleet::progress::Stage;
use wardline_fleet::udi::{Devices, Gtin};
use wardline_model::{CareArea, Model};

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::fault::{Exit, Fault};
use crate::print;

/// The most characters of a rules file or of scanned text that are read: 20,000 barcodes of 100 characters.
const LARGEST: u64 = 4 << 20;

/// Who may enrol without a person.
///
/// The rules are one JSON document: `wardline enrol rules show > rules.json`, edit it, `wardline enrol rules set
/// rules.json --reason "delivery of week 48"`. The first rule that fits a pump decides: approve, ask (a person), or
/// refuse. A part that is left out of a rule fits every pump; the parts are makers, models, careAreas, networks, from,
/// until (milliseconds since 1970) and most.
///
/// {"rules": [{"name": "Delivery of week 48", "then": "approve", "models": ["Halcyon 3"],
///             "networks": ["10.20.0.0/16"], "most": 60}],
///  "otherwise": "ask"}
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Rules {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(Subcommand)]
enum RulesCommand {
    /// Print the rules as JSON
    Show,
    /// Replace the rules by those of a file
    Set {
        /// The file; - reads standard input
        file: PathBuf,
        /// Why, for the audit
        #[arg(long)]
        reason: String,
    },
}

impl Rules {
    /// Shows or changes.
    pub fn run(self, client: &Client, access: &Access) -> anyhow::Result<()> {
        let is: EnrolmentRules = typed(client.get(RouteId::ApiRules, &[], &[])?)?;
        match self.command {
            RulesCommand::Show if access.json => print::json(&serde_json::to_value(&is)?),
            RulesCommand::Show => {
                print::json(&is.policy)?;
                for count in is.let_in {
                    eprintln!("{} has let in {} pumps.", print::safe(&count.rule), count.pumps);
                }
                Ok(())
            }
            RulesCommand::Set { file, reason } => {
                let text = text_of(&file)?;
                let policy: Policy = serde_json::from_str(&text)
                    .map_err(|why| Fault::ends(Exit::NotInOrder, format!("{}: {why}", file.display())))?;
                policy.check().map_err(|why| Fault::ends(Exit::NotInOrder, why.to_string()))?;
                let policy = serde_json::to_value(&policy)?;
                let new = NewEnrolmentRules { revision: is.revision, policy, reason };
                client.send(RouteId::ApiRulesSet, &[], &new)?;
                println!("The rules are changed; they count from now on.");
                Ok(())
            }
        }
    }
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let unreadable = || format!("cannot read {}", file.display());
    if file == Path::new("-") {
        std::io::stdin().take(LARGEST).read_to_string(&mut text).with_context(unreadable)?;
    } else {
        std::fs::File::open(file)
            .with_context(unreadable)?
            .take(LARGEST)
            .read_to_string(&mut text)
            .with_context(unreadable)?;
    }
    Ok(text)
}

/// The hospital's table of products.
pub fn devices(client: &Client) -> anyhow::Result<Devices> {
    let rows: t::Devices = typed(client.get(RouteId::ApiDevices, &[], &[])?)?;
    let mut devices = Devices::default();
    for row in rows.devices {
        let gtin: Gtin = row.gtin.parse().map_err(|why| anyhow::anyhow!("the hub's GTIN {:?} {why}", row.gtin))?;
        devices.set(gtin, row.model).map_err(anyhow::Error::from)?;
    }
    Ok(devices)
}

/// Says which model a product is, so that a barcode is enough to expect a pump.
#[derive(Args)]
pub struct Device {
    /// The product's number: the 14 digits behind (01) on its label
    #[arg(value_parser = gtin)]
    gtin: Gtin,
    /// What the hospital calls it, such as "Halcyon 3"
    #[arg(required_unless_present = "forget")]
    model: Option<Model>,
    /// Forget the product
    #[arg(long, conflicts_with = "model")]
    forget: bool,
}

fn gtin(text: &str) -> Result<Gtin, String> {
    text.parse().map_err(|why| format!("the number {why}"))
}

impl Device {
    /// Changes the table.
    pub fn run(self, client: &Client, access: &Access) -> anyhow::Result<()> {
        let number = self.gtin.to_string();
        match self.model {
            Some(model) => client.send(RouteId::ApiDeviceSet, &[&number], &NewDevice { model })?,
            None => client.act(RouteId::ApiDeviceForget, &[&number])?,
        };
        list_devices(client, access)
    }
}

/// Prints the table of products.
pub fn list_devices(client: &Client, access: &Access) -> anyhow::Result<()> {
    let answer = client.get(RouteId::ApiDevices, &[], &[])?;
    if access.json {
        return print::json(&answer);
    }
    let rows: t::Devices = typed(answer)?;
    if rows.devices.is_empty() {
        println!("No product is named yet: `wardline enrol device GTIN MODEL`.");
        return Ok(());
    }
    let rows = rows.devices.into_iter().map(|row| vec![row.gtin, row.model.to_string()]);
    println!("{}", print::table(&["gtin", "model"], rows.collect()));
    Ok(())
}

/// Expects the pumps of a delivery as they are scanned.
///
/// A barcode scanner is a keyboard: run this, scan the label of one pump after the other, and end with Ctrl-D. Scan the
/// hospital's own sticker before a label and the pump gets that number; without a sticker it is called by its serial
/// number. The labels are GS1 (UDI) barcodes; a scanner that cannot send FNC1 may be set to send {GS}.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Scan {
    /// Where all of them belong
    #[arg(long)]
    care_area: CareArea,
    /// A file with the scanned lines
    #[arg(default_value = "-")]
    file: PathBuf,
}

impl Scan {
    /// Reads until the end and sends all of it, or nothing.
    pub fn run(self, client: &Client, access: &Access) -> anyhow::Result<()> {
        let text = text_of(&self.file)?;
        let answer = client.send(RouteId::ApiScanImport, &[], &ScannedPumps { text, care_area: self.care_area })?;
        if access.json {
            return print::json(&answer);
        }
        crate::pumps::told(typed(answer)?)
    }
}

/// How far each new pump has come, and what it waits for; those that need somebody first.
#[derive(Args)]
pub struct Progress {
    /// Only: expected, code-out, at-the-door, asking, enrolled, linked, goal-given, library-current or in-service
    #[arg(long)]
    stage: Option<Stage>,
    /// Only this care area
    #[arg(long)]
    care_area: Option<CareArea>,
    /// Words that must all occur in asset tag, serial, model or care area
    #[arg(long, short)]
    search: Option<String>,
    /// Only those that need somebody
    #[arg(long)]
    stuck: bool,
    /// Which page, from 1
    #[arg(long, default_value_t = 1)]
    page: u32,
    /// How many on a page, at most 500
    #[arg(long, default_value_t = 50)]
    size: u32,
}

impl Progress {
    /// Lists them.
    pub fn run(self, client: &Client, access: &Access) -> anyhow::Result<()> {
        let mut query = vec![("page", self.page.to_string()), ("size", self.size.to_string())];
        query.extend(self.stage.map(|stage| ("stage", stage.as_str().to_owned())));
        query.extend(self.care_area.map(|area| ("area", area.to_string())));
        query.extend(self.search.map(|words| ("search", words)));
        query.extend(self.stuck.then(|| ("stuck", "true".to_owned())));
        let answer = client.get(RouteId::ApiProvisioning, &[], &query)?;
        if access.json {
            return print::json(&answer);
        }
        let view: Provisioning = typed(answer)?;
        println!("{}", view.answer);
        let now = print::now();
        let rows = view.pumps.iter().map(|row| {
            let label = row.stage.parse::<Stage>().map_or_else(|_| row.stage.clone(), |stage| stage.label().into());
            vec![
                row.asset_tag.to_string(),
                row.care_area.to_string(),
                if row.stuck { format!("! {label}") } else { label },
                print::ago(row.since, now),
                if row.waits_for.is_empty() { "nothing".into() } else { row.waits_for.clone() },
                row.owner.label().to_owned(),
            ]
        });
        if !view.pumps.is_empty() {
            let header = ["pump", "care area", "how far", "since", "waits for", "owner"];
            println!("\n{}", print::table(&header, rows.collect()));
            println!("{} of {} (page {}).", view.pumps.len(), view.total, view.page);
        }
        Ok(())
    }
}
