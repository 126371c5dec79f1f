//! What is kept is whole, and a download goes on where it ended.

use super::keep::Folder;
use wardline_model::Digest;

#[test]
fn what_is_kept_comes_back_and_a_name_is_never_a_path() {
    let temp = tempfile::tempdir().unwrap();
    let folder = Folder::new(&temp.path().join("tuf"));
    assert!(folder.all().is_empty());
    folder.write("snapshot", b"one").unwrap();
    folder.write("snapshot", b"two").unwrap();
    assert_eq!(folder.role("snapshot").as_deref(), Some(&b"two"[..]));
    for name in ["../escape", "a/b", "", ".hidden", "x\0"] {
        folder.write(name, b"no").unwrap();
        assert_eq!(folder.role(name), None, "{name:?}");
    }
    assert!(!temp.path().join("escape.json").exists());
    assert_eq!(folder.all().keys().collect::<Vec<_>>(), ["snapshot"]);
    folder.remove("snapshot").unwrap();
    folder.remove("snapshot").unwrap();
    assert!(folder.all().is_empty());
}

#[test]
fn a_cut_download_goes_on_and_another_one_replaces_it() {
    let temp = tempfile::tempdir().unwrap();
    let folder = Folder::new(temp.path());
    let (first, second) = (Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32]));
    let mut part = folder.part(&first, 6).unwrap();
    part.append(b"abc").unwrap();
    drop(part);
    let mut part = folder.part(&first, 6).unwrap();
    assert_eq!(part.have(), 3);
    part.append(b"def").unwrap();
    assert_eq!(part.finish().unwrap(), b"abcdef");
    let mut part = folder.part(&first, 6).unwrap();
    assert_eq!(part.have(), 0);
    part.append(b"too long for it").unwrap();
    drop(part);
    assert_eq!(folder.part(&first, 6).unwrap().have(), 0, "longer than the artifact: nothing of it is used");
    drop(folder.part(&second, 6).unwrap());
    let parts = std::fs::read_dir(temp.path()).unwrap().count();
    assert_eq!(parts, 1, "one download at a time");
}
