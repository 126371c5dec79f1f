//! What this machine can do right now, and what a process used of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

/// Prints the limits of the moment.
pub fn print_limits() -> Result<()> {
    println!("limits of the moment: {} P-256 signatures/s, {} fdatasync/s", signatures()?, flushes()?);
    if cfg!(debug_assertions) {
        println!("note: this is a debug build; figures of a release build are better");
    }
    Ok(())
}

fn signatures() -> Result<u64> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).context("a key")?;
    per_second(|| key.sign(&SystemRandom::new(), b"message").map(drop).context("signing"))
}

fn flushes() -> Result<u64> {
    let mut file = tempfile::tempfile()?;
    per_second(|| {
        file.write_all(&[0; 512])?;
        Ok(file.sync_data()?)
    })
}

fn per_second(mut act: impl FnMut() -> Result<()>) -> Result<u64> {
    let began = Instant::now();
    let mut count = 0u64;
    while began.elapsed() < Duration::from_millis(300) {
        act()?;
        count += 1;
    }
    Ok((count as f64 / began.elapsed().as_secs_f64()) as u64)
}

/// Microseconds since 1970: comparable between the processes of one machine.
pub fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}

/// A process of ours, on a core of its own, spoken to in lines.
pub struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts this program with these arguments on this core.
    pub fn start(core: u32, arguments: &[String]) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut child = Command::new("taskset")
            .args(["-c", &core.to_string()])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting a process with taskset (util-linux)")?;
        let input = child.stdin.take().context("a pipe")?;
        let output = BufReader::new(child.stdout.take().context("a pipe")?);
        Ok(Self { child, input, output })
    }

    /// Its next line.
    pub fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("a process of the measurement ended early");
        }
        Ok(line.trim_end().to_owned())
    }

    /// Its next line, which must begin with this word; gives what follows.
    pub fn expect(&mut self, word: &str) -> Result<String> {
        let line = self.line()?;
        let rest = line.strip_prefix(word).with_context(|| format!("expected {word:?}, got {line:?}"))?;
        Ok(rest.trim().to_owned())
    }

    /// Says a line to it.
    pub fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.input, "{line}")?;
        Ok(self.input.flush()?)
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> Result<u64> {
        resident_kib(self.child.id())
    }

    /// CPU time used so far.
    pub fn cpu(&self) -> Result<Duration> {
        cpu(self.child.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Resident memory of a process in KiB.
pub fn resident_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}

/// User and system time of a process: fields 14 and 15 of `/proc/<pid>/stat`, in ticks of 10 ms.
pub fn cpu(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').context("the form of /proc/<pid>/stat")?.1;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next().context("utime")?.parse()?;
    let system: u64 = fields.next().context("stime")?.parse()?;
    Ok(Duration::from_millis((user + system) * 10))
}

/// The value below which `percent` of the sorted values lie.
pub fn percentile(sorted: &[u64], percent: usize) -> u64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}
