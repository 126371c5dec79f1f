//! What this machine can do right now, and what a process used of it.

use std::fs;
use std::io::{BufRead as _, BufReader, Seek as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use aws_lc_rs::signature::{UnparsedPublicKey, VerificationAlgorithm};

/// Prints the limits of the moment.
pub fn print_limits() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (signatures, checks) = signatures()?;
    let flushes = fdatasyncs(folder.path())?;
    println!("limits of the moment: {signatures} P-256 signatures/s, {checks} checks/s, {flushes} fdatasync/s");
    if cfg!(debug_assertions) {
        println!("note: this is a debug build; figures of a release build are better");
    }
    Ok(())
}

/// Signatures and checks of signatures per second on one core, as `openssl speed ecdsap256` counts them.
fn signatures() -> Result<(u64, u64)> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).context("a key")?;
    let random = SystemRandom::new();
    let signed = key.sign(&random, b"message").context("signing")?;
    let algorithm: &'static dyn VerificationAlgorithm = &ECDSA_P256_SHA256_ASN1;
    let public = UnparsedPublicKey::new(algorithm, key.public_key().as_ref());
    let signs = per_second(|| key.sign(&random, b"message").map(drop).context("signing"))?;
    let checks = per_second(|| public.verify(b"message", signed.as_ref()).context("checking"))?;
    Ok((signs, checks))
}

/// How many times per second this disk makes four kibibytes durable, one after the other.
pub fn fdatasyncs(folder: &Path) -> Result<u64> {
    let mut file = fs::File::create(folder.join("fdatasync"))?;
    let block = [0x5a; 4096];
    file.write_all(&block.repeat(64))?;
    file.sync_all()?;
    let mut turn = 0;
    per_second(|| {
        turn = (turn + 1) % 64;
        file.seek(std::io::SeekFrom::Start(turn * 4096))?;
        file.write_all(&block)?;
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

/// A process on a core of its own; ours are spoken to in lines. It ends with this value.
pub struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts this program with these arguments on this core.
    pub fn start(core: u32, arguments: &[String]) -> Result<Self> {
        let program = std::env::current_exe()?.display().to_string();
        Self::foreign(core, &program, arguments)
    }

    /// Starts any program.
    pub fn foreign(core: u32, program: &str, arguments: &[String]) -> Result<Self> {
        let mut child = Command::new("taskset")
            .args(["-c", &core.to_string(), program])
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

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> Result<u64> {
        status_kib(self.child.id(), "VmRSS:")
    }

    /// Resident memory that is its own, not pages of files, in KiB.
    pub fn anonymous_kib(&self) -> Result<u64> {
        status_kib(self.child.id(), "RssAnon:")
    }

    /// The most resident memory that it ever had, in KiB.
    pub fn peak_kib(&self) -> Result<u64> {
        status_kib(self.child.id(), "VmHWM:")
    }

    /// CPU time used so far, in steps of 10 ms.
    pub fn cpu(&self) -> Result<Duration> {
        cpu(self.child.id())
    }

    /// CPU time used so far by the threads that it has now, exact.
    pub fn fine_cpu(&self) -> Result<Duration> {
        fine_cpu(self.child.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn status_kib(pid: u32, field: &'static str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context(field)?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}

/// User and system time of a process and of its threads that have ended: fields 14 and 15 of `/proc/<pid>/stat`, in ticks
/// of 10 ms.
fn cpu(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').context("the form of /proc/<pid>/stat")?.1;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next().context("utime")?.parse()?;
    let system: u64 = fields.next().context("stime")?.parse()?;
    Ok(Duration::from_millis((user + system) * 10))
}

/// CPU time of the threads that a process has now, as the scheduler counts it: the first field of each thread's
/// `schedstat`, in nanoseconds. Ticks would show an idle agent as zero.
fn fine_cpu(pid: u32) -> Result<Duration> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        // A thread may end while we look.
        let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
        sum += text.split(' ').next().context("the form of schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(sum))
}

/// The value below which `percent` of the sorted values lie.
pub fn percentile(sorted: &[u64], percent: usize) -> u64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}

/// The middle one.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}
