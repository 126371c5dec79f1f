//! OCSP (RFC 6960) as load: each connection stays open and asks about one certificate again and again.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use der::{Decode as _, Encode as _};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use x509_cert::Certificate;

use super::Options;
use crate::ward::passes::{self, Pass};

/// Asks with every connection, and prints how many answers there were.
pub async fn run(options: &Options, lasts: Duration) -> Result<()> {
    let passes = passes::read(&options.folder, passes::OWN, options.from, options.count)?;
    println!("ready");
    let began = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for pass in passes {
        let (place, with_nonce, body) = (options.place.clone(), options.nonce, request(&pass, None)?);
        workers.spawn(async move {
            let mut stream = BufReader::new(TcpStream::connect(&place).await?);
            let mut done = 0u64;
            while began.elapsed() < lasts {
                let asked = if with_nonce { request(&pass, Some(done))? } else { body.clone() };
                let answer = ask(&mut stream, &asked).await?;
                ensure!(answer.len() > 100, "an answer of {} bytes is no answer", answer.len());
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut done = 0;
    while let Some(worker) = workers.join_next().await {
        done += worker??;
    }
    println!("done {done}");
    Ok(())
}

/// A request about a pump's certificate, as OpenSSL makes it: SHA-1 names the issuer.
pub fn request(pass: &Pass, nonce: Option<u64>) -> Result<Vec<u8>> {
    let [own, issuer, ..] = &pass.chain[..] else { anyhow::bail!("a certificate and its issuer") };
    let (own, issuer) = (Certificate::from_der(own)?.tbs_certificate, Certificate::from_der(issuer)?.tbs_certificate);
    let hash = |bytes: &[u8]| tlv(0x04, digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
    let name = hash(&issuer.subject.to_der()?);
    let key = hash(issuer.subject_public_key_info.subject_public_key.raw_bytes());
    let sha1 = tlv(0x30, &[&tlv(0x06, &[0x2b, 0x0e, 0x03, 0x02, 0x1a])[..], &[0x05, 0x00]].concat());
    let id = tlv(0x30, &[sha1, name, key, own.serial_number.to_der()?].concat());
    let list = tlv(0x30, &tlv(0x30, &id));
    let extensions = nonce.map(|nonce| {
        let value = [&nonce.to_be_bytes()[..], &[0x5a; 24]].concat();
        let oid = tlv(0x06, &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02]);
        tlv(0xa2, &tlv(0x30, &tlv(0x30, &[oid, tlv(0x04, &tlv(0x04, &value))].concat())))
    });
    Ok(tlv(0x30, &tlv(0x30, &[list, extensions.unwrap_or_default()].concat())))
}

/// One value; everything here is shorter than 256 bytes.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
    let mut out = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    out.extend(value);
    out
}

/// One question over a connection that stays open, and its whole answer.
pub async fn ask(stream: &mut BufReader<TcpStream>, request: &[u8]) -> Result<Vec<u8>> {
    let head = format!(
        "POST /ocsp HTTP/1.1\r\nhost: hub\r\ncontent-type: application/ocsp-request\r\ncontent-length: {}\r\n\r\n",
        request.len()
    );
    stream.write_all(&[head.as_bytes(), request].concat()).await?;
    let mut length = None;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        ensure!(!line.is_empty(), "the hub ended the connection");
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = Some(value.trim().parse()?);
        }
    }
    let mut body = vec![0; length.context("the length of an answer")?];
    stream.read_exact(&mut body).await?;
    Ok(body)
}
