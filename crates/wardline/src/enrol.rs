//! `wardline enrol`: who is expected, and one-time codes for pumps without a maker's certificate.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use wardline_api::RouteId;
use wardline_api::types::{Enrolment, ExpectedPump, MadeCodes, NewCodes};

use wardline_model::CareArea;

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::enrol_requests::Decide;
pub use crate::enrol_rules::devices;
use crate::enrol_rules::{Device, Progress, Rules, Scan, list_devices};
use crate::pumps::Import;
use crate::{print, target};

/// Expects new pumps and gives them one-time codes.
///
/// A pump that holds its maker's certificate enrols by itself once it is expected. One without needs a code, typed or
/// scanned at the pump; a code works once, for one pump, and only for its time.
#[derive(Args)]
pub struct Enrol {
    #[command(subcommand)]
    command: EnrolCommand,
}

#[derive(Subcommand)]
enum EnrolCommand {
    /// Who is expected, who is on the way, which codes are out
    Status,
    /// Expect the pumps of a CSV file or workbook (the same as `wardline pumps import`)
    Expect(Import),
    /// Make one-time codes; they are shown once and kept nowhere
    Codes(Codes),
    /// Expect the pumps of a delivery by scanning their barcodes
    Scan(Scan),
    /// How far each new pump has come, and what it waits for
    Progress(Progress),
    /// Say which model a product of a barcode is
    Device(Device),
    /// Which product of a barcode is which model
    Devices,
    /// Who may enrol without a person
    Rules(Rules),
    /// Withdraw codes that were not used: they stop working at once
    Withdraw(Withdraw),
    /// Pumps that proved themselves and wait for your yes, because a rule asks a person first
    Approvals,
    /// Approve a pump that waits: it gets its certificate when it asks next
    ///
    /// Compare the start of the key with what the pump (or its log) shows: the approval is for exactly this key.
    Approve(Decide),
    /// Deny a pump that waits: the same request is refused for 30 days
    Deny(Decide),
}

#[derive(Args)]
struct Withdraw {
    /// The codes' numbers, as `wardline enrol status` lists them
    #[arg(required = true, value_name = "NO")]
    codes: Vec<String>,
}

#[derive(Args)]
struct Codes {
    /// Asset tags, serial numbers or ids; every expected pump (at most 200) when left out
    pumps: Vec<String>,
    /// How many hours the codes live, 1 to 168
    #[arg(long, default_value_t = 24)]
    hours: u32,
    /// Without names: only the expected pumps of this care area
    #[arg(long, conflicts_with = "pumps")]
    care_area: Option<CareArea>,
    /// Without names: only expected pumps that have no code that can still be used
    #[arg(long, conflicts_with = "pumps")]
    without_code: bool,
    /// Write a page of labels with QR codes to print (A4); the codes are in it, so treat it as a secret until they are used
    #[arg(long, value_name = "FILE.html")]
    sheet: Option<PathBuf>,
}

impl Enrol {
    /// Shows or makes.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        match self.command {
            EnrolCommand::Expect(import) => import.run(access),
            EnrolCommand::Status => status(&Client::open(access)?, access),
            EnrolCommand::Codes(codes) => codes.run(&Client::open(access)?, access),
            EnrolCommand::Approvals => crate::enrol_requests::list(&Client::open(access)?, access),
            EnrolCommand::Approve(decide) => decide.run(&Client::open(access)?, access, RouteId::ApiEnrolmentApprove),
            EnrolCommand::Deny(decide) => decide.run(&Client::open(access)?, access, RouteId::ApiEnrolmentDeny),
            EnrolCommand::Scan(scan) => scan.run(&Client::open(access)?, access),
            EnrolCommand::Progress(progress) => progress.run(&Client::open(access)?, access),
            EnrolCommand::Device(device) => device.run(&Client::open(access)?, access),
            EnrolCommand::Devices => list_devices(&Client::open(access)?, access),
            EnrolCommand::Rules(rules) => rules.run(&Client::open(access)?, access),
            EnrolCommand::Withdraw(withdraw) => withdraw.run(&Client::open(access)?),
        }
    }
}

fn status(client: &Client, access: &Access) -> anyhow::Result<()> {
    let answer = client.get(RouteId::ApiEnrolment, &[], &[])?;
    if access.json {
        return print::json(&answer);
    }
    let state: Enrolment = typed(answer)?;
    println!(
        "{} expected, {} with a certificate but not linked yet, {} in service.",
        state.expected, state.enrolled, state.in_service
    );
    let now = print::now();
    let row = |pump: &ExpectedPump, what: &str| {
        vec![
            pump.asset_tag.to_string(),
            pump.model.to_string(),
            pump.serial.to_string(),
            pump.care_area.to_string(),
            what.to_owned(),
            now.since(pump.since).to_string(),
        ]
    };
    let mut rows: Vec<_> = state.waiting.iter().map(|pump| row(pump, "expected")).collect();
    rows.extend(state.pending.iter().map(|pump| row(pump, "has a certificate, not linked")));
    if !rows.is_empty() {
        println!("\n{}", print::table(&["pump", "model", "serial", "care area", "state", "for"], rows));
    }
    if !state.codes.is_empty() {
        let codes = state
            .codes
            .iter()
            .map(|code| vec![code.id.clone(), code.name.clone(), print::moment(code.expires), code.by.clone()]);
        println!("\n{}", print::table(&["no", "for", "until", "made by"], codes.collect()));
    }
    Ok(())
}

impl Withdraw {
    fn run(self, client: &Client) -> anyhow::Result<()> {
        for code in &self.codes {
            client.act(RouteId::ApiCodeWithdraw, &[code])?;
            println!("Code {code} works no more.");
        }
        Ok(())
    }
}

/// The file for the labels, which only its owner may read; made before any code is, and never over another one.
fn new_sheet(file: &Path) -> anyhow::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let new = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    new.with_context(|| format!("cannot make {}; no code was made", file.display()))
}

fn write_sheet(file: &Path, mut out: std::fs::File, made: MadeCodes) -> anyhow::Result<()> {
    use std::io::Write as _;
    let count = made.codes.len();
    let page = wardline_hub::sheet::page(made.codes, |code| print::moment(code.expires));
    let page = page.context("the labels could not be drawn")?;
    out.write_all(page.as_bytes())
        .with_context(|| format!("cannot write {}: the codes are lost; make them again", file.display()))?;
    println!("{count} labels in {}. Print the page, cut it, and scan each label at its pump.", file.display());
    println!("Each code works once, for its pump only. Delete the file when it is printed.");
    Ok(())
}

impl Codes {
    fn run(self, client: &Client, access: &Access) -> anyhow::Result<()> {
        let sheet = self.sheet.as_deref().map(new_sheet).transpose()?;
        let pumps = target::find_all(client, &self.pumps)?;
        let without_code = Some(self.without_code);
        let order = NewCodes { pumps, hours: Some(self.hours), care_area: self.care_area.clone(), without_code };
        let answer = client.send(RouteId::ApiCodesCreate, &[], &order)?;
        if access.json {
            return print::json(&answer);
        }
        let made: MadeCodes = typed(answer)?;
        if let Some((file, out)) = self.sheet.as_deref().zip(sheet) {
            return write_sheet(file, out, made);
        }
        let rows = made.codes.iter().map(|code| {
            vec![code.name.clone(), code.care_area.to_string(), code.code.clone(), print::moment(code.expires)]
        });
        println!("{}", print::table(&["pump", "care area", "code", "until"], rows.collect()));
        println!("These codes are shown once. Each works once, for its pump only.");
        Ok(())
    }
}
