//! Each pump's way in, in one file: what the process that makes the certificates hands to those that use them.

use std::path::Path;

use anyhow::{Context as _, Result};
use wardline_model::PumpId;

/// The pumps' own certificates.
pub const OWN: &str = "passes";
/// Their birth certificates.
pub const BIRTH: &str = "births";

/// One pump's way in.
pub struct Pass {
    /// Who it is.
    pub pump: PumpId,
    /// Its certificate and those of its issuers, without the root.
    pub chain: Vec<Vec<u8>>,
    /// Its key, PKCS#8.
    pub key: Vec<u8>,
}

/// Writes them: each field with its length in front; a pump's id, its key, the number of its certificates, and they.
pub fn write(folder: &Path, name: &str, passes: &[Pass]) -> Result<()> {
    let mut bytes = Vec::new();
    for pass in passes {
        let count = [u8::try_from(pass.chain.len())?];
        let head = [pass.pump.as_bytes().as_slice(), &pass.key, &count];
        for field in head.into_iter().chain(pass.chain.iter().map(Vec::as_slice)) {
            bytes.extend(u32::try_from(field.len())?.to_be_bytes());
            bytes.extend(field);
        }
    }
    Ok(std::fs::write(folder.join(name), bytes)?)
}

/// Reads those of pumps `from` to `from + count`.
pub fn read(folder: &Path, name: &str, from: usize, count: usize) -> Result<Vec<Pass>> {
    let bytes = std::fs::read(folder.join(name))?;
    let (mut rest, mut passes) = (&bytes[..], Vec::new());
    while !rest.is_empty() && passes.len() < from + count {
        let pump = PumpId::from_bytes(field(&mut rest)?.try_into()?);
        let key = field(&mut rest)?.to_vec();
        let certificates = usize::from(*field(&mut rest)?.first().context("a count")?);
        let chain = (0..certificates).map(|_| Ok(field(&mut rest)?.to_vec())).collect::<Result<_>>()?;
        passes.push(Pass { pump, chain, key });
    }
    Ok(passes.split_off(from.min(passes.len())))
}

fn field<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let (length, after) = rest.split_at_checked(4).context("a whole pass")?;
    let length = u32::from_be_bytes(length.try_into()?) as usize;
    let (field, after) = after.split_at_checked(length).context("a whole pass")?;
    *rest = after;
    Ok(field)
}
