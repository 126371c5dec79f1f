//! A firewall policy as somebody uploads it: what is read becomes rules of one line each, with nothing of its own in them.
#![no_main]

use wardline_intrusion::policy::Policy;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(policy) = Policy::from_source(data) else { return };
    let bytes = policy.to_canonical_bytes();
    assert_eq!(Policy::from_canonical_bytes(&bytes).as_ref(), Ok(&policy));
    for line in policy.rules().lines() {
        assert!(line.starts_with("add ") || line.starts_with("flush table inet wardline"), "{line}");
        assert_eq!(line.matches('"').count() % 2, 0, "{line}");
    }
});
