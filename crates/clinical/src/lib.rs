//! HL7 v2, IHE PCD and FHIR: parse, print, match an order to a pump.
//!
//! The room stands empty until the EMR connection furnishes it; it exists so that its place among the others is decided.
