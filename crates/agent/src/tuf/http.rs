//! One HTTPS connection to the hub's release listener, used for all files of one fetch.

use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, RANGE};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::FetchError;
use super::keep::Part;
use crate::link::CONNECT_WITHIN;

/// How long the hub may be silent in the middle of an answer. 30 s: a busy hub in a reconnect storm needs a few.
const SILENT: Duration = Duration::from_secs(30);

/// Why the hub did not give a file.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection, or it broke.
    #[error("{place}: {why}")]
    Broken {
        /// Host and port.
        place: String,
        /// What happened.
        why: String,
    },
    /// The hub answered otherwise than with the file.
    #[error("{place} answered {status} for {path}")]
    Status {
        /// Host and port.
        place: String,
        /// The status.
        status: StatusCode,
        /// What was asked for.
        path: String,
    },
    /// More bytes than allowed.
    #[error("{path} is longer than {limit} bytes")]
    TooLong {
        /// What was asked for.
        path: String,
        /// The limit.
        limit: u64,
    },
}

pub(super) struct Http {
    place: String,
    name: String,
    tls: Arc<ClientConfig>,
    open: Option<SendRequest<Empty<Bytes>>>,
}

impl Http {
    pub(super) fn new(place: &str, name: &str, tls: Arc<ClientConfig>) -> Self {
        Self { place: place.to_owned(), name: name.to_owned(), tls, open: None }
    }

    fn broken(&self, why: impl ToString) -> HttpError {
        HttpError::Broken { place: self.place.clone(), why: why.to_string() }
    }

    async fn connect(&self) -> Result<SendRequest<Empty<Bytes>>, HttpError> {
        let server = ServerName::try_from(self.name.clone()).map_err(|error| self.broken(error))?;
        let stream = TcpStream::connect(&self.place).await.map_err(|error| self.broken(error))?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(server, stream).await.map_err(|error| self.broken(error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.broken(error))?;
        // hyper's half of the connection: it ends with the sender, which this fetch owns.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }

    async fn ask(&mut self, path: &str, from: u64) -> Result<Response<Incoming>, HttpError> {
        let mut sender = match self.open.take().filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => tokio::time::timeout(CONNECT_WITHIN, self.connect())
                .await
                .map_err(|_| self.broken("the connection took too long"))??,
        };
        let mut request = Request::get(path).header(HOST, &self.name);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let request = request.body(Empty::new()).map_err(|error| self.broken(error))?;
        let answered = async {
            sender.ready().await?;
            sender.send_request(request).await
        };
        let answer = tokio::time::timeout(SILENT, answered).await;
        let answer = answer.map_err(|_| self.broken("no answer"))?.map_err(|error| self.broken(error))?;
        self.open = Some(sender);
        Ok(answer)
    }

    /// The next piece of an answer; `None` at its end.
    async fn piece(&mut self, answer: &mut Response<Incoming>) -> Result<Option<Bytes>, HttpError> {
        loop {
            let frame = tokio::time::timeout(SILENT, answer.frame()).await;
            match frame.map_err(|_| self.broken("silent in the middle of an answer"))? {
                None => return Ok(None),
                Some(Err(error)) => return Err(self.broken(error)),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// A whole small file; `None` when there is none.
    pub(super) async fn get(&mut self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, HttpError> {
        let mut answer = self.ask(path, 0).await?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece(&mut answer).await? {
            if bytes.len() as u64 + piece.len() as u64 > limit {
                self.open = None;
                return Err(HttpError::TooLong { path: path.to_owned(), limit });
            }
            bytes.extend_from_slice(&piece);
        }
        match status {
            StatusCode::OK => Ok(Some(bytes)),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(HttpError::Status { place: self.place.clone(), status, path: path.to_owned() }),
        }
    }

    /// The rest of an artifact of `length` bytes, appended to what there is.
    pub(super) async fn get_from(&mut self, path: &str, part: &mut Part, length: u64) -> Result<(), FetchError> {
        if part.have() == length && length > 0 {
            return Ok(());
        }
        let mut answer = self.ask(path, part.have()).await?;
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => {}
            StatusCode::OK => part.restart()?,
            status => {
                self.open = None;
                return Err(HttpError::Status { place: self.place.clone(), status, path: path.to_owned() }.into());
            }
        }
        while let Some(piece) = self.piece(&mut answer).await? {
            if part.have() + piece.len() as u64 > length {
                self.open = None;
                part.restart()?;
                return Err(HttpError::TooLong { path: path.to_owned(), limit: length }.into());
            }
            part.append(&piece)?;
        }
        Ok(())
    }
}
