//! HL7 v2, IHE PCD and FHIR: parse, print, match an order to a pump.
//!
//! Bytes in, bytes out. What comes from an engine is read tolerantly, with a remark for whatever a strict reader would
//! have refused; what goes out is strict. So far this room holds the frames ([`mllp`]) and the messages ([`hl7`]); the
//! profiles and FHIR come with the EMR connection.

pub mod hl7;
pub mod mllp;
