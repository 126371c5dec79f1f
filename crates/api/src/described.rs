//! Types that can say what they look like in JSON, so that the OpenAPI document cannot drift from the code.
//!
//! `api_type!` writes a struct, its serde impls and its description from one text.

use serde_json::{Map, Value, json};
use wardline_model::{
    AssetTag, CareArea, Digest, Ending, Generation, HoldSupport, Kind, Lifecycle, Model, Owner, PumpId,
    QuarantineLevel, Role, Sequence, Serial, Therapy, Time, Version, Wait,
};

use crate::permission::Permission;

/// The named schemas collected so far, by name.
pub type Schema = Map<String, Value>;

/// A type that can be described in OpenAPI 3.1 (JSON Schema 2020-12).
pub trait Described {
    /// Whether a field of this type may be left out.
    const OPTIONAL: bool = false;

    /// The schema to use where this type stands; a named type adds itself to `named` and returns a reference.
    fn schema(named: &mut Schema) -> Value;
}

macro_rules! plain {
    ($($t:ty => $schema:expr),+ $(,)?) => {
        $(impl Described for $t {
            fn schema(_: &mut Schema) -> Value { $schema }
        })+
    };
}

plain! {
    String => json!({"type": "string"}),
    bool => json!({"type": "boolean"}),
    u64 => json!({"type": "integer", "minimum": 0}),
    u32 => json!({"type": "integer", "minimum": 0}),
    u16 => json!({"type": "integer", "minimum": 0, "maximum": 65535}),
    Value => json!({}),
    PumpId => json!({"type": "string", "format": "uuid"}),
    Serial => json!({"type": "string", "maxLength": Serial::LONGEST}),
    Model => json!({"type": "string", "maxLength": Model::LONGEST}),
    AssetTag => json!({"type": "string", "maxLength": AssetTag::LONGEST}),
    CareArea => json!({"type": "string", "maxLength": CareArea::LONGEST}),
    Digest => json!({"type": "string", "pattern": "^[0-9a-f]{64}$"}),
    Time => json!({"type": "integer", "minimum": 0, "description": "milliseconds since 1970-01-01T00:00:00Z"}),
    Version => json!({"type": "integer", "minimum": 0}),
    Generation => json!({"type": "integer", "minimum": 0}),
    Sequence => json!({"type": "integer", "minimum": 0}),
    Kind => json!({"type": "string", "enum": Kind::ALL.map(Kind::as_str)}),
    Ending => json!({"type": "string", "enum": Ending::ALL.map(Ending::as_str)}),
    Lifecycle => json!({"type": "string", "enum": Lifecycle::ALL.map(Lifecycle::as_str)}),
    QuarantineLevel => json!({"type": "string", "enum": QuarantineLevel::ALL.map(QuarantineLevel::as_str)}),
    Role => json!({"type": "string", "enum": Role::ALL.map(Role::as_str)}),
    Permission => json!({"type": "string", "enum": Permission::ALL.map(Permission::as_str)}),
    Wait => json!({"type": "string", "description": "why something is not moving"}),
    Owner => json!({"type": "string", "description": "who can end a wait"}),
    HoldSupport => json!({"type": "string", "enum": ["unknown", "grants", "cannot"]}),
    Therapy => json!({"oneOf": [{"const": "unknown"}, {"type": "object", "required": ["known"]}]}),
}

impl<T: Described> Described for Option<T> {
    const OPTIONAL: bool = true;
    fn schema(named: &mut Schema) -> Value {
        json!({"anyOf": [T::schema(named), {"type": "null"}]})
    }
}

impl<T: Described> Described for Vec<T> {
    fn schema(named: &mut Schema) -> Value {
        json!({"type": "array", "items": T::schema(named)})
    }
}

/// Adds one field's schema to an object under construction.
#[doc(hidden)]
pub fn add_field<T: Described>(
    named: &mut Schema,
    properties: &mut Schema,
    required: &mut Vec<Value>,
    name: &str,
    doc: &str,
) {
    let mut schema = T::schema(named);
    if let Some(object) = schema.as_object_mut() {
        let said = object.get("description").and_then(Value::as_str).map(|own| format!("{doc} ({own})"));
        object.insert("description".into(), said.unwrap_or_else(|| doc.into()).into());
    }
    properties.insert(name.into(), schema);
    if !T::OPTIONAL {
        required.push(name.into());
    }
}

/// Writes a struct of the API: its fields, serde, and its description. `Option` fields may be left out.
macro_rules! api_type {
    ($($(#[doc = $doc:literal])+ pub struct $name:ident { $($(#[doc = $fdoc:literal])+ pub $field:ident: $t:ty,)* })+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
            pub struct $name {
                $($(#[doc = $fdoc])+ pub $field: $t,)*
            }

            impl $crate::described::Described for $name {
                fn schema(named: &mut $crate::described::Schema) -> serde_json::Value {
                    if !named.contains_key(stringify!($name)) {
                        named.insert(stringify!($name).into(), serde_json::Value::Null);
                        #[allow(unused_mut)]
                        let (mut properties, mut required) = ($crate::described::Schema::new(), Vec::new());
                        $($crate::described::add_field::<$t>(
                            named, &mut properties, &mut required, stringify!($field), concat!($($fdoc),+).trim(),
                        );)*
                        named.insert(stringify!($name).into(), serde_json::json!({
                            "type": "object",
                            "description": concat!($($doc),+).trim(),
                            "properties": properties,
                            "required": required,
                        }));
                    }
                    serde_json::json!({"$ref": concat!("#/components/schemas/", stringify!($name))})
                }
            }
        )+
    };
}
pub(crate) use api_type;

/// Writes a closed list of words: an enum with kebab-case names, `ALL`, `as_str` and its description.
macro_rules! api_words {
    ($($(#[doc = $doc:literal])+ pub enum $name:ident { $($(#[doc = $vdoc:literal])+ $variant:ident = $word:literal,)+ })+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
            pub enum $name {
                $($(#[doc = $vdoc])+ #[serde(rename = $word)] $variant,)+
            }

            impl $name {
                /// Every one, in order.
                pub const ALL: &'static [Self] = &[$(Self::$variant),+];

                /// The word on the wire.
                #[must_use]
                pub const fn as_str(self) -> &'static str {
                    match self { $(Self::$variant => $word,)+ }
                }
            }

            impl core::str::FromStr for $name {
                type Err = &'static str;
                fn from_str(text: &str) -> Result<Self, Self::Err> {
                    match text {
                        $($word => Ok(Self::$variant),)+
                        _ => Err(concat!("expected one of:" $(, " ", $word)+)),
                    }
                }
            }

            impl core::fmt::Display for $name {
                fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                    f.write_str(self.as_str())
                }
            }

            impl $crate::described::Described for $name {
                fn schema(_: &mut $crate::described::Schema) -> serde_json::Value {
                    serde_json::json!({"type": "string", "enum": [$($word),+]})
                }
            }
        )+
    };
}
pub(crate) use api_words;
