//! The invented hospital's list of pumps: as many as asked for, over three care areas.

use wardline_fleet::manifest::Line;
use wardline_model::{AssetTag, CareArea, Model, NameError, Serial};

use crate::fault::{Exit, Fault};

/// The care areas of the invented hospital. The demonstration drug library has limits for each of them.
pub const CARE_AREAS: [&str; 3] = ["Intensive care", "Medical surgical", "Neonatal intensive care"];

/// The invented maker's pump.
pub const MODEL: &str = "Halcyon 3";

/// The most pumps that one process simulates: each needs a socket on both sides, and 20,000 open files are usual.
pub const MOST_PUMPS: usize = 9_000;

/// How many pumps the invented hospital has when nobody says otherwise.
pub const USUAL: usize = 24;

/// Refuses more pumps than one machine simulates.
pub fn check_count(pumps: usize) -> anyhow::Result<()> {
    if pumps > MOST_PUMPS {
        let message = format!("{pumps} pumps are on the list; one machine simulates at most {MOST_PUMPS}");
        return Err(Fault::ends(Exit::NotInOrder, message));
    }
    Ok(())
}

/// The first `count` pumps of the invented hospital; the same ones each time.
pub fn invented(count: usize) -> Result<Vec<Line>, NameError> {
    (1..=count)
        .map(|number| {
            Ok(Line {
                line: u32::try_from(number + 1).unwrap_or(u32::MAX),
                asset_tag: AssetTag::new(&format!("P-{number:04}"))?,
                model: Model::new(MODEL)?,
                serial: Serial::new(&format!("HX3-{:06}", 7_000 + number))?,
                care_area: CareArea::new(CARE_AREAS[(number - 1) % CARE_AREAS.len()])?,
                mac: Some(format!("02:00:00:00:{:02x}:{:02x}", (number - 1) / 256, (number - 1) % 256)),
                note: None,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    //! The list that we ship as an example is the demonstration's own.

    use wardline_fleet::manifest;

    #[test]
    fn the_example_list_is_the_invented_hospital() {
        let example = manifest::from_csv(
            include_bytes!("../../../../examples/pump-manifest.csv"),
            &wardline_fleet::udi::Devices::default(),
        )
        .unwrap();
        assert_eq!(super::invented(24).unwrap(), example);
    }
}
