//! From the decision to take a pump down to the first no at each place that can let it in: the live link, the revocation
//! list, OCSP, and the question that a RADIUS server asks. Each place is asked as soon as the decision returned.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use wardline_pki::{Cert, crl};

use crate::drivers::ocsp;
use crate::machine::{now_us, percentile, print_limits};
use crate::speak::tls_stream;
use crate::ward::passes::{self, Pass};
use crate::ward::{Doors, Ward, now};

/// The places, in the order in which they are asked.
const PLACES: [&str; 5] =
    ["decision durable", "link ended", "OCSP says revoked", "CRL lists it", "RADIUS admission refuses"];

pub fn run(pumps: usize, cuts: usize) -> Result<()> {
    print_limits()?;
    let ward = Ward::new(pumps)?;
    let (mut hub, place, _, doors) = ward.whole_hub()?;
    let mut drivers = ward.drivers(&place, 0, pumps, &[])?;
    drivers.expect("linked")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let root = CertificateDer::from(std::fs::read(ward.path().join("root.der"))?);
    let mut took: [Vec<u64>; 5] = Default::default();
    let step = (pumps / cuts.max(1)).max(1);
    for pass in passes::read(ward.path(), passes::OWN, 0, pumps)?.iter().step_by(step).take(cuts) {
        hub.say(&format!("quarantine {}", pass.pump))?;
        let said = hub.expect("quarantined")?;
        let (began, durable) = said.split_once(' ').context("two times")?;
        let (began, durable): (u64, u64) = (began.parse()?, durable.parse()?);
        let down = drivers.expect("down")?;
        let (_, ended) = down.split_once(' ').context("who and when")?;
        let noes = runtime.block_on(ask(pass, &doors, &root))?;
        let all = [durable, ended.parse()?, noes[0], noes[1], noes[2]];
        took.iter_mut().zip(all).for_each(|(took, at)| took.push(at.saturating_sub(began)));
    }
    println!("takedown: from the decision to the first no, {pumps} live, {} taken down", took[0].len());
    for (place, took) in PLACES.iter().zip(&mut took) {
        took.sort_unstable();
        let ms = |percent| percentile(took, percent) as f64 / 1_000.0;
        println!("  {place:<26} p50 {:>7.1} ms  p99 {:>7.1} ms  worst {:>7.1} ms", ms(50), ms(99), ms(100));
    }
    println!("  bar: p99 50 ms at the link, 1 s at OCSP and RADIUS; the places are asked one after the other");
    Ok(())
}

/// When OCSP, the list and the admission said no. Each must at the first question.
async fn ask(pass: &Pass, doors: &Doors, root: &CertificateDer<'static>) -> Result<[u64; 3]> {
    let own = Cert::from_der(pass.chain.first().context("a certificate")?)?;
    let issuer = Cert::from_der(pass.chain.get(1).context("its issuer")?)?;
    let mut stream = BufReader::new(TcpStream::connect(&doors.status).await?);
    let answer = ocsp::ask(&mut stream, &ocsp::request(pass, None)?).await?;
    // certStatus [1] revoked with reason certificateHold (6): RFC 6960 section 4.2.1, RFC 5280 section 5.3.1.
    ensure!(answer.windows(5).any(|part| part == [0xa0, 0x03, 0x0a, 0x01, 0x06]), "OCSP does not say that it is held");
    let at_ocsp = now_us();
    let mut stream = TcpStream::connect(&doors.status).await?;
    stream.write_all(b"GET /issuing.crl HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n").await?;
    let mut whole = Vec::new();
    stream.read_to_end(&mut whole).await?;
    let body = whole.windows(4).position(|part| part == b"\r\n\r\n").context("the end of a head")? + 4;
    let list = crl::parse(&whole[body..], &issuer, now())?;
    ensure!(list.serials.contains(&own.serial()), "the list does not have it");
    let at_crl = now_us();
    let tls = tls_config(root)?;
    let mut stream = tls_stream(&doors.console, tls).await?;
    let head = format!(
        "GET /api/v1/admission/{} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        own.serial(),
        doors.token
    );
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;
    let mut said = Vec::new();
    // The end of a connection without a goodbye is an end all the same.
    let _ = stream.read_to_end(&mut said).await;
    let said = String::from_utf8_lossy(&said);
    ensure!(said.contains("\"quarantined\""), "the admission says otherwise: {said}");
    Ok([at_ocsp, at_crl, now_us()])
}

fn tls_config(root: &CertificateDer<'static>) -> Result<Arc<rustls::ClientConfig>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.clone())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
