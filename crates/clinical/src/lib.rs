//! HL7 v2 and FHIR: parse, print, match an order to a pump.
