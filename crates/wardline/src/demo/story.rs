//! What the demonstration's people do: biomed imports the list of pumps.

use std::path::Path;

use anyhow::Context;
use wardline_api::RouteId;
use wardline_api::types::{ManifestResult, PumpPage};
use wardline_fleet::manifest::Line;
use wardline_library::Library;

use crate::client::{Client, typed};
use crate::fault::{Exit, Fault};
use crate::print;

/// The library that the demonstration starts with.
pub enum FirstLibrary {
    /// The invented one, which has successors.
    Demonstration,
    /// The hospital's own, which is rolled out once.
    Own(Box<Library>),
}

impl FirstLibrary {
    /// Reads the hospital's own, if one is named; every bad row is told.
    pub fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::Demonstration) };
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let format = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(wardline_library::import::Format::from_file_name)
            .ok_or_else(|| {
                Fault::ends(Exit::NotInOrder, format!("{}: expected .xlsx, .csv or .json", path.display()))
            })?;
        match wardline_library::import::import(format, &bytes) {
            Ok(imported) => Ok(Self::Own(Box::new(imported.library))),
            Err(errors) => {
                for error in &errors {
                    eprintln!("{}", print::safe(&error.to_string()));
                }
                let message = format!("{}: {} rows are wrong; nothing was imported", path.display(), errors.len());
                Err(Fault::ends(Exit::NotInOrder, message))
            }
        }
    }
}

/// The story so far.
pub struct Story<'a> {
    client: &'a Client,
    first: FirstLibrary,
}

impl<'a> Story<'a> {
    /// Nothing has happened yet.
    pub const fn begin(client: &'a Client, first: FirstLibrary) -> Self {
        Self { client, first }
    }

    /// Puts the pumps on the hub's list, unless they are on it already.
    pub fn expect(&self, list: &[Line]) -> anyhow::Result<()> {
        let known: PumpPage = typed(self.client.get(RouteId::ApiPumps, &[], &[("size", "1".into())])?)?;
        if known.total > 0 {
            println!("The hub knows {} pumps already and goes on with them.", known.total);
            return Ok(());
        }
        let answer = self.client.upload(RouteId::ApiManifestImport, &[], csv(list)?)?;
        let result: ManifestResult = typed(answer)?;
        if let Some(error) = result.errors.first() {
            anyhow::bail!("the hub did not take line {} of the list: {} {}", error.line, error.column, error.expected);
        }
        println!("Biomed imported a list of {} pumps.", result.added);
        Ok(())
    }

    /// The library that pumps come with from biomed: the first one, before anything was rolled out.
    pub fn factory_library(&self) -> anyhow::Result<Library> {
        match &self.first {
            FirstLibrary::Demonstration => demonstration(1),
            FirstLibrary::Own(library) => Ok((**library).clone()),
        }
    }
}

fn demonstration(version: u64) -> anyhow::Result<Library> {
    wardline_library::demonstration(version)
        .map_err(|errors| anyhow::anyhow!("the demonstration library cannot be read: {errors:?}"))
}

/// The list as the CSV file that a hospital would have.
fn csv(list: &[Line]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["asset_tag", "model", "serial", "care_area", "mac", "note"])?;
    for line in list {
        writer.write_record([
            line.asset_tag.as_str(),
            line.model.as_str(),
            line.serial.as_str(),
            line.care_area.as_str(),
            line.mac.as_deref().unwrap_or_default(),
            line.note.as_deref().unwrap_or_default(),
        ])?;
    }
    writer.into_inner().map_err(|error| anyhow::anyhow!("{error}"))
}
