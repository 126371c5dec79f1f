//! `wardline pump wipe-receipt`: the order to wipe a pump, and what the pump signed.

use wardline_api::RouteId;
use wardline_api::types::{Wipe, WipeState};

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::{print, target};

/// Shows the newest order, and its receipt.
pub fn show(client: &Client, access: &Access, name: &str) -> anyhow::Result<()> {
    let id = target::find(client, name)?;
    let answer = client.get(RouteId::ApiPumpWipe, &[&id.to_string()], &[])?;
    if access.json {
        return print::json(&answer);
    }
    let wipe: Wipe = typed(answer)?;
    let when = |at: Option<wardline_model::Time>| at.map_or_else(|| "not yet".into(), print::moment);
    println!("{}", sentence(wipe.state));
    let mut facts = vec![
        vec!["because".into(), wipe.ending.to_string()],
        vec!["ordered".into(), print::moment(wipe.decided)],
        vec!["taken".into(), when(wipe.fetched)],
        vec!["receipt".into(), when(wipe.received)],
    ];
    if let Some(receipt) = &wipe.receipt {
        facts.push(vec!["keys were in".into(), receipt.keys.clone()]);
        facts.push(vec!["key gone from".into(), receipt.key_gone.clone()]);
        facts
            .push(vec!["files".into(), format!("{} of {} bytes, {} left", receipt.files, receipt.bytes, receipt.left)]);
        facts.push(vec!["events lost".into(), receipt.events.to_string()]);
        facts.push(vec!["done".into(), format!("{} by the pump's clock", print::moment(receipt.done))]);
        facts.push(vec!["signed with".into(), receipt.certificate.clone()]);
    }
    println!("{}", print::facts(facts));
    Ok(())
}

const fn sentence(state: WipeState) -> &'static str {
    match state {
        WipeState::Ordered => "Ordered; the pump has not asked yet. It is told when it next comes.",
        WipeState::Taken => "The pump took the order; its receipt has not come yet.",
        WipeState::Wiped => "Wiped: the pump destroyed its keys and data, and signed for it.",
        WipeState::Withdrawn => "Taken back: the pump was found before it took the order.",
    }
}
