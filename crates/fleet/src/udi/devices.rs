//! Which product of a maker is which model: what a barcode calls `00643169001763`, the hospital calls `Halcyon 3`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wardline_model::Model;

use super::Gtin;

/// The hospital's table of products. Several products may be one model, as with other plugs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Devices(BTreeMap<Gtin, Model>);

/// What cannot be put into the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DevicesError {
    /// The table is full.
    #[error("the table has {} products already, which is the most", Devices::MOST)]
    Full,
}

impl Devices {
    /// The most products: every pump of every maker that we know of, several times over.
    pub const MOST: usize = 1_000;

    /// The model of a product.
    #[must_use]
    pub fn model(&self, gtin: Gtin) -> Option<&Model> {
        self.0.get(&gtin)
    }

    /// Says which model a product is; gives what was said before.
    ///
    /// # Errors
    /// [`DevicesError::Full`].
    pub fn set(&mut self, gtin: Gtin, model: Model) -> Result<Option<Model>, DevicesError> {
        if self.0.len() >= Self::MOST && !self.0.contains_key(&gtin) {
            return Err(DevicesError::Full);
        }
        Ok(self.0.insert(gtin, model))
    }

    /// Forgets a product; gives the model that it was.
    pub fn forget(&mut self, gtin: Gtin) -> Option<Model> {
        self.0.remove(&gtin)
    }

    /// Every product with its model, by number.
    pub fn iter(&self) -> impl Iterator<Item = (Gtin, &Model)> {
        self.0.iter().map(|(gtin, model)| (*gtin, model))
    }
}
