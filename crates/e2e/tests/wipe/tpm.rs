//! A real software TPM (`swtpm`) as a process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use wardline_agent::config::{Keys, NvIndex};

/// What it holds survives its restart.
pub struct Tpm {
    folder: PathBuf,
    running: Option<Child>,
}

impl Tpm {
    /// `None` where there is no `swtpm`.
    pub fn start(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("a folder");
        let mut this = Self { folder: folder.to_owned(), running: None };
        match this.run() {
            Ok(()) => Some(this),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                wardline_e2e::skip("a pump's keys in a TPM", "swtpm is missing");
                None
            }
            Err(error) => panic!("swtpm: {error}"),
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("s")
    }

    pub fn run(&mut self) -> std::io::Result<()> {
        let state = format!("dir={}", self.folder.display());
        let server = format!("type=unixio,path={}", self.socket().display());
        let mut swtpm = Command::new("swtpm");
        swtpm.args(["socket", "--tpm2", "--tpmstate", &state, "--server", &server]);
        swtpm.args(["--flags", "not-need-init,startup-clear"]).stdout(Stdio::null()).stderr(Stdio::null());
        self.running = Some(swtpm.spawn()?);
        let until = std::time::Instant::now() + wardline_e2e::PATIENCE;
        while !self.socket().exists() {
            assert!(std::time::Instant::now() < until, "swtpm did not open its socket");
            std::thread::yield_now();
        }
        Ok(())
    }

    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill().expect("ours");
            running.wait().expect("ours");
            let _ = std::fs::remove_file(self.socket());
        }
    }

    pub fn keys(&self) -> Keys {
        let place = format!("unix:{}", self.socket().display()).parse().expect("a place");
        Keys::Tpm2 { place, nv_index: NvIndex::default(), owner_password_file: None }
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        self.stop();
    }
}
