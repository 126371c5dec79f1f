//! Drug library files and artifacts: no input may panic, and what is read must be written again byte for byte.
#![no_main]

use wardline_library::import::{Format, import};
use wardline_library::{Library, digest_of, lint, to_csv};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    let library = match kind % 4 {
        0 => import(Format::Csv, bytes).ok().map(|read| read.library),
        1 => import(Format::Json, bytes).ok().map(|read| read.library),
        2 => import(Format::Xlsx, bytes).ok().map(|read| read.library),
        _ => {
            let library = Library::from_canonical_bytes(bytes).ok();
            if let Some(library) = &library {
                assert_eq!(library.to_canonical_bytes(), bytes);
            }
            library
        }
    };
    let Some(library) = library else { return };
    let again = import(Format::Csv, to_csv(&library).as_bytes()).expect("an exported library is read again");
    assert_eq!(again.library.to_canonical_bytes(), library.to_canonical_bytes());
    let _ = lint(&library);
    let _ = library.sample(&digest_of(bytes));
});
