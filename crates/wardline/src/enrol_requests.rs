//! `wardline enrol approvals`, `enrol approve` and `enrol deny`: pumps that wait for a person before their first certificate.

use clap::Args;
use wardline_api::RouteId;
use wardline_api::types::{EnrolmentRequest, EnrolmentRequests, Reason};

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::print;

/// Decides about a pump that waits.
#[derive(Args)]
pub struct Decide {
    /// The request's number, as `wardline enrol approvals` lists it
    #[arg(value_name = "NO")]
    request: String,
    /// Why, for the audit trail
    #[arg(long)]
    reason: String,
}

impl Decide {
    /// Decides.
    pub fn run(self, client: &Client, access: &Access, route: RouteId) -> anyhow::Result<()> {
        let answer = client.send(route, &[&self.request], &Reason { reason: self.reason })?;
        if access.json {
            return print::json(&answer);
        }
        let request: EnrolmentRequest = typed(answer)?;
        match request.state.as_str() {
            "approved" => println!(
                "{} is approved. It gets its certificate when it asks next, until {}.",
                request.asset_tag,
                print::moment(request.expires)
            ),
            _ => println!(
                "{} is denied. This request is refused until {}.",
                request.asset_tag,
                print::moment(request.expires)
            ),
        }
        Ok(())
    }
}

/// Lists them.
pub fn list(client: &Client, access: &Access) -> anyhow::Result<()> {
    let answer = client.get(RouteId::ApiEnrolmentRequests, &[], &[])?;
    if access.json {
        return print::json(&answer);
    }
    let requests: EnrolmentRequests = typed(answer)?;
    if requests.waiting.is_empty() {
        println!("Nobody waits for a person.");
    } else {
        let rows = requests.waiting.iter().map(|r| {
            let key: String = r.key.chars().take(16).collect();
            vec![
                r.id.clone(),
                r.asset_tag.to_string(),
                r.model.to_string(),
                r.serial.to_string(),
                r.care_area.to_string(),
                print::safe(&r.from).to_string(),
                key,
                print::moment(r.expires),
            ]
        });
        let heads = ["no", "pump", "model", "serial", "care area", "from", "key", "until"];
        println!("{}", print::table(&heads, rows.collect()));
    }
    if !requests.decided.is_empty() {
        let rows = requests.decided.iter().map(|r| {
            let by = r.by.clone().unwrap_or_default();
            let why = r.reason.clone().unwrap_or_default();
            vec![r.id.clone(), r.asset_tag.to_string(), r.state.clone(), by, print::safe(&why).to_string()]
        });
        println!("\n{}", print::table(&["no", "pump", "state", "by", "why"], rows.collect()));
    }
    Ok(())
}
