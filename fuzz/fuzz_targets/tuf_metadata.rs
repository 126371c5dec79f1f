#![no_main]
//! Bytes that a hostile repository may send: the client and the therapy side must answer, never panic.
use libfuzzer_sys::fuzz_target;
use wardline_model::{Digest, Kind, ReleaseRef, Time, Version};
use wardline_release::client::{Client, Stored};
use wardline_release::therapy::{self, Bundle, Floors};

fuzz_target!(|data: &[u8]| {
    if let Ok(mut client) = Client::start(data, Stored::new(), Time::from_unix_s(1_800_000_000)) {
        let _ = client.give(Some(data));
    }
    let asked =
        ReleaseRef { kind: Kind::DrugLibrary, version: Version(1), digest: Digest::from_bytes([0; 32]), length: 1 };
    let bundle = Bundle { roots: &[data.to_vec()], targets: data, delegated: data, artifact: data };
    let _ = wardline_release::anchors::AnchorSet::parse(data);
    let _ = therapy::verify(data, &bundle, &asked, &Floors::default());
});
