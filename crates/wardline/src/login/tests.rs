//! The login file: private, whole, and below options.

use std::os::unix::fs::PermissionsExt;

use super::Kept;
use crate::cli::Access;

#[test]
fn the_file_is_private_and_options_go_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/login.json");
    let kept = Kept { hub: "https://a:1".into(), ca: "ca".into(), token: "t".into() };
    kept.write(&path).unwrap();
    kept.write(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut access = Access { login: Some(path.clone()), hub: Some("https://b:2".into()), ..Access::default() };
    let read = Kept::read(&access).unwrap();
    assert_eq!((read.hub.as_str(), read.token.as_str()), ("https://b:2", "t"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Kept::read(&access).err().unwrap().to_string().contains("chmod 600"));
    access.login = Some(folder.path().join("none.json"));
    assert!(Kept::read(&access).err().unwrap().to_string().contains("wardline login"));
}
