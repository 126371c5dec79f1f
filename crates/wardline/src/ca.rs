//! `wardline ca`: the certificate authorities. Whether their certificates are in order, a key in an HSM, a place below the
//! hospital's own root, and the change from one set of them to the next.

mod hsm;
pub mod roll_over;
mod subordinate;

use clap::{Args, Subcommand};
use wardline_api::RouteId;
use wardline_api::types::{CertificatePage, CertificateShow, Certificates};

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::print;

pub use hsm::InHsm;
pub use subordinate::write as write_request;

/// The certificate authority that pumps' certificates come from.
///
/// Three questions to a running hub: `status`, `certificates`, `forecast`. Three acts on the data folder of a hub that is
/// not running: `hsm`, `request`, `install`. The whole ceremony, and what to do when a key is lost, is in
/// docs/manual/ca.md.
///
/// Examples:
///   wardline ca status
///   wardline ca certificates --show late
///   wardline ca request --out issuing.csr --reason "below the hospital's root"
///   wardline ca install issuing.pem policy-ca.pem --root hospital-root.pem --reason "answer of the PKI team"
///   wardline ca hsm check
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Ca {
    #[command(subcommand)]
    command: CaCommand,
}

#[derive(Subcommand)]
enum CaCommand {
    /// Are the certificates in order, now and for the coming weeks?
    Status,
    /// Pumps' certificates, the one that ends first on top
    Certificates(List),
    /// How many certificates end in each of the coming 13 weeks, unless they are renewed
    Forecast,
    /// Keys in a hardware security module, over PKCS#11
    #[command(subcommand)]
    Hsm(hsm::Hsm),
    /// Write a request for an issuing authority below the hospital's own root
    Request(subordinate::Request),
    /// Check and install what the hospital's authority answered
    Install(subordinate::Install),
    /// Move the running fleet from one set of certificate authorities to the next
    RollOver(roll_over::RollOver),
}

#[derive(Args)]
struct List {
    /// Which: current, late, expired, pending or revoked
    #[arg(long, default_value = "current")]
    show: CertificateShow,
    /// The page, from 1
    #[arg(long, default_value_t = 1)]
    page: u32,
    /// Rows on a page, at most 1,000
    #[arg(long, default_value_t = 50)]
    size: u32,
}

impl Ca {
    /// Shows or acts.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        match self.command {
            CaCommand::Status => status(access),
            CaCommand::Certificates(list) => list.run(access),
            CaCommand::Forecast => forecast(access),
            CaCommand::Hsm(hsm) => hsm.run(),
            CaCommand::Request(request) => request.run(),
            CaCommand::Install(install) => install.run(),
            CaCommand::RollOver(roll_over) => roll_over.run(access),
        }
    }
}

fn asked(access: &Access) -> anyhow::Result<serde_json::Value> {
    Client::open(access)?.get(RouteId::ApiCertificates, &[], &[])
}

fn status(access: &Access) -> anyhow::Result<()> {
    let answer = asked(access)?;
    if access.json {
        return print::json(&answer);
    }
    let view: Certificates = typed(answer)?;
    println!("{}", view.answer);
    if !view.alarms.is_empty() {
        println!();
    }
    for alarm in &view.alarms {
        let when = alarm.ends.map_or_else(String::new, |end| format!(" ({})", print::moment(end)));
        println!("{}: {}{when}. {}", alarm.attention, print::safe(&alarm.what), alarm.advice);
    }
    println!();
    let used = view.own.iter().filter(|own| own.replaced.is_none()).map(|own| {
        vec![
            own.kind.to_string(),
            print::safe(&own.subject),
            print::safe(&own.node),
            print::moment(own.not_after),
            own.serial.clone(),
        ]
    });
    println!("{}", print::table(&["for", "names", "hub", "ends", "serial number"], used.collect()));
    let counts = &view.counts;
    println!();
    println!(
        "Pumps: {} in use, {} not used yet, {} late, {} ended, {} on the revocation list, {} ever issued.",
        counts.current, counts.pending, counts.late, counts.expired, counts.listed, counts.ever
    );
    Ok(())
}

fn forecast(access: &Access) -> anyhow::Result<()> {
    let answer = asked(access)?;
    if access.json {
        return print::json(&answer["forecast"]);
    }
    let view: Certificates = typed(answer)?;
    let most = view.forecast.iter().map(|week| week.ending).max().unwrap_or(0).max(1);
    let bar = |count: u64| "█".repeat(usize::try_from((count * 40).div_ceil(most)).unwrap_or(40));
    let rows = view
        .forecast
        .iter()
        .map(|week| vec![print::moment(week.from), week.ending.to_string(), week.late.to_string(), bar(week.ending)]);
    println!("{}", print::table(&["week from", "end", "late", "unless renewed"], rows.collect()));
    Ok(())
}

impl List {
    fn run(&self, access: &Access) -> anyhow::Result<()> {
        let query = [("show", self.show.to_string()), ("page", self.page.to_string()), ("size", self.size.to_string())];
        let answer = Client::open(access)?.get(RouteId::ApiCertificatesPumps, &[], &query)?;
        if access.json {
            return print::json(&answer);
        }
        let list: CertificatePage = typed(answer)?;
        if list.rows.is_empty() {
            println!("None.");
            return Ok(());
        }
        let rows = list.rows.iter().map(|row| {
            vec![
                row.asset_tag.to_string(),
                row.care_area.to_string(),
                row.state.to_string(),
                print::moment(row.issued),
                print::moment(row.not_after),
                row.serial.clone(),
            ]
        });
        println!(
            "{}",
            print::table(&["pump", "care area", "state", "issued", "ends", "serial number"], rows.collect())
        );
        println!("{} of {}, page {}.", list.rows.len(), list.total, list.page);
        Ok(())
    }
}
