//! Which pump a person means: by asset tag, serial number or id, never by a guess.

use wardline_api::RouteId;
use wardline_api::types::{PumpPage, PumpRow};
use wardline_model::PumpId;

use crate::client::{Client, typed};
use crate::fault::{Exit, Fault};

/// Finds the one pump with exactly this asset tag, serial number or id.
pub fn find(client: &Client, name: &str) -> anyhow::Result<PumpId> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let query = [("search", name.to_owned()), ("size", "500".to_owned())];
    let page: PumpPage = typed(client.get(RouteId::ApiPumps, &[], &query)?)?;
    let is_it = |row: &&PumpRow| {
        row.asset_tag.as_str().eq_ignore_ascii_case(name) || row.serial.as_str().eq_ignore_ascii_case(name)
    };
    let found: Vec<&PumpRow> = page.pumps.iter().filter(is_it).collect();
    match found.as_slice() {
        [one] => Ok(one.id),
        [] => {
            let near: Vec<_> = page.pumps.iter().take(5).map(|row| row.asset_tag.to_string()).collect();
            let near = if near.is_empty() { String::new() } else { format!(" Near it: {}.", near.join(", ")) };
            Err(Fault::ends(
                Exit::NotFound,
                format!(
                    "no pump has the asset tag, serial number or id {name:?}.{near} See `wardline pumps --search {name}`."
                ),
            ))
        }
        many => {
            let ids: Vec<_> = many.iter().map(|row| format!("{} ({} {})", row.id, row.model, row.serial)).collect();
            Err(Fault::ends(
                Exit::NotFound,
                format!("{name:?} names more than one pump; use an id: {}", ids.join(", ")),
            ))
        }
    }
}

/// Finds several, all or none.
pub fn find_all(client: &Client, names: &[String]) -> anyhow::Result<Vec<PumpId>> {
    names.iter().map(|name| find(client, name)).collect()
}
