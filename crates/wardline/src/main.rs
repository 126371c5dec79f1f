//! The hospital's binary: `demo serve init ctl doctor backup sim bench`.
fn main() {}
