//! Goals as they travel: signed by the hub, checked by the pump against the goal key that it pinned.
//!
//! A goal says *which* signed release a pump should run. It can name only what people have signed, so a stolen goal key
//! installs nothing new (N13); and a goal for one pump is refused by every other (N14).

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use ed25519_dalek::{Signer as _, SigningKey};
use wardline_model::{Generation, Goal, GoalSlot, Kind, PerKind, PumpId, ReleaseRef, Time, Version, covers};

use crate::json::{Value, int, object};
use crate::key::{PublicKey, hex, unhex};
use crate::limits::MAX_GOAL_BYTES;
use crate::refused::{Refused, Why};
use crate::threshold::{self, Keys, Signature, Signers};
use crate::verified::Verified;

const TYPE: &str = "wardline-goal";

/// Signs a goal with the hub's goal key.
#[must_use]
pub fn sign(goal: &Goal, key: &SigningKey) -> Vec<u8> {
    signed_with(to_value(goal), key)
}

/// With the goal key's signature, as it travels.
pub(crate) fn signed_with(signed: Value, key: &SigningKey) -> Vec<u8> {
    let public = PublicKey::from(key.verifying_key());
    let signature = key.sign(&signed.to_canonical()).to_bytes();
    let entry = object([("keyid", public.id().into()), ("sig", hex(&signature).into())]);
    object([("signatures", Value::Array(vec![entry])), ("signed", signed)]).to_json()
}

/// Checks a goal: the pinned key signed it, and it is for this pump. Whether it is newer than the goal held is the pump
/// machine's decision.
///
/// # Errors
/// What was wrong with it.
pub fn verify(bytes: &[u8], goal_key: &PublicKey, pump: PumpId) -> Result<Verified<Goal>, Refused> {
    covers!("N13", "N14");
    let goal = checked(bytes, goal_key).map_err(|why| why.about("goal"))?;
    if goal.pump != pump {
        return Err(Why::OtherPump(goal.pump).about("goal"));
    }
    Ok(Verified::proven(goal))
}

/// Reads a goal without any proof: for screens of the hub that signed and stored it. It must never reach a pump's machine,
/// which takes only what [`verify`] gives.
///
/// # Errors
/// What is wrong with its form.
pub fn unproven(bytes: &[u8]) -> Result<Goal, Refused> {
    let read = || from_value(parsed(bytes)?.get("signed").ok_or(Why::Shape("signed"))?);
    read().map_err(|why: Why| why.about("goal"))
}

fn parsed(bytes: &[u8]) -> Result<Value, Why> {
    if bytes.len() as u64 > MAX_GOAL_BYTES {
        return Err(Why::TooLarge { limit: MAX_GOAL_BYTES });
    }
    Ok(Value::parse(bytes)?)
}

fn checked(bytes: &[u8], goal_key: &PublicKey) -> Result<Goal, Why> {
    from_value(&signed_by(&parsed(bytes)?, goal_key)?)
}

/// What was signed, once the goal key's signature over it holds.
pub(crate) fn signed_by(value: &Value, goal_key: &PublicKey) -> Result<Value, Why> {
    let signed = value.get("signed").ok_or(Why::Shape("signed"))?;
    let entries = value.get("signatures").and_then(Value::as_array).ok_or(Why::Shape("signatures"))?;
    let id = goal_key.id();
    let signatures: Vec<Signature> = entries
        .iter()
        .filter(|entry| entry.get("keyid").and_then(Value::as_str) == Some(id.as_str()))
        .filter_map(|entry| Some(Signature { key_id: id.clone(), bytes: unhex(entry.get("sig")?.as_str()?)? }))
        .take(1)
        .collect();
    let signers = Signers { key_ids: [id.clone()].into(), threshold: 1 };
    threshold::check(&signed.to_canonical(), &signatures, &signers, &Keys::from([(id, goal_key.clone())]))?;
    Ok(signed.clone())
}

fn to_value(goal: &Goal) -> Value {
    let slots = goal.slots.iter().map(|(kind, slot)| (kind.as_str().to_string(), slot_value(slot))).collect();
    object([
        ("_type", TYPE.into()),
        ("generation", int(goal.generation.0)),
        ("issued", int(goal.issued.as_unix_ms())),
        ("pump", goal.pump.to_string().into()),
        ("slots", Value::Object(slots)),
    ])
}

fn slot_value(slot: &GoalSlot) -> Value {
    let want = slot.want.map_or(Value::Null, |want| {
        object([
            ("digest", want.digest.to_string().into()),
            ("length", int(want.length)),
            ("version", int(want.version.0)),
        ])
    });
    let expect = slot.expect.map_or(Value::Null, |digest| digest.to_string().into());
    object([("expect", expect), ("want", want)])
}

fn from_value(signed: &Value) -> Result<Goal, Why> {
    if signed.get("_type").and_then(Value::as_str) != Some(TYPE) {
        return Err(Why::Shape("signed._type"));
    }
    let number = |name: &'static str| signed.get(name).and_then(Value::as_u64).ok_or(Why::Shape(name));
    let pump =
        signed.get("pump").and_then(Value::as_str).and_then(|text| text.parse().ok()).ok_or(Why::Shape("pump"))?;
    let slots = signed.get("slots").ok_or(Why::Shape("slots"))?;
    let mut read = PerKind::default();
    for kind in Kind::ALL {
        *read.get_mut(kind) = slot(kind, slots.get(kind.as_str()).ok_or(Why::Shape("slots"))?)?;
    }
    Ok(Goal {
        pump,
        generation: Generation(number("generation")?),
        issued: Time::from_unix_ms(number("issued")?),
        slots: read,
    })
}

fn slot(kind: Kind, value: &Value) -> Result<GoalSlot, Why> {
    let digest = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).ok_or(Why::Shape("slots.digest"));
    let want = match value.get("want") {
        None => return Err(Why::Shape("slots.want")),
        Some(Value::Null) => None,
        Some(want) => {
            let number = |name: &'static str| want.get(name).and_then(Value::as_u64).ok_or(Why::Shape(name));
            Some(ReleaseRef {
                kind,
                version: Version(number("version")?),
                digest: digest(want.get("digest").ok_or(Why::Shape("slots.digest"))?)?,
                length: number("length")?,
            })
        }
    };
    let expect = match value.get("expect") {
        None => return Err(Why::Shape("slots.expect")),
        Some(Value::Null) => None,
        Some(text) => Some(digest(text)?),
    };
    Ok(GoalSlot { want, expect })
}
