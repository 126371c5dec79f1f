//! Network admission: what a RADIUS server asks before it lets a pump onto the Wi-Fi.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wardline_model::{AssetTag, PumpId, Serial};

use crate::described::{Described, Schema, api_words};

api_words! {
    /// Which part of the network the holder of a good certificate belongs to.
    pub enum Standing {
        /// Where pumps work.
        InService = "in-service",
        /// Where a pump reaches nothing but what it needs to be mended: its hub.
        Remediate = "remediate",
        /// Where a pump that was cut reaches nothing at all; or nowhere.
        Quarantined = "quarantined",
    }
}

/// Whom a certificate belongs to, and where that pump belongs. Its `control:Tmp-String-0` is how FreeRADIUS's `rlm_rest`
/// takes a value over; the other fields are for people and it passes over them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// The pump.
    pub pump: PumpId,
    /// The maker's serial number.
    pub serial: Serial,
    /// The hospital's inventory number.
    pub asset_tag: AssetTag,
    /// Where it belongs.
    #[serde(rename = "control:Tmp-String-0")]
    pub standing: Standing,
}

impl Described for Admission {
    fn schema(named: &mut Schema) -> Value {
        let (pump, serial) = (PumpId::schema(named), Serial::schema(named));
        let (asset_tag, standing) = (AssetTag::schema(named), Standing::schema(named));
        named.insert(
            "Admission".into(),
            json!({
                "type": "object",
                "description": "Whom a certificate belongs to, and which part of the network that pump belongs to.",
                "properties": {
                    "pump": pump, "serial": serial, "asset_tag": asset_tag, "control:Tmp-String-0": standing,
                },
                "required": ["pump", "serial", "asset_tag", "control:Tmp-String-0"],
            }),
        );
        json!({"$ref": "#/components/schemas/Admission"})
    }
}
