//! A proxy between one pump and one address of the hub that can go wrong.
//!
//! | mood | what the pump meets |
//! |---|---|
//! | clear | nothing |
//! | cut | connections end, and new ones are refused |
//! | slow | every chunk waits |
//! | half open | the connection stands, and nothing comes through |
//! | garbage | bytes are changed |

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How the network is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// As it should be.
    #[default]
    Clear,
    /// No connection stands or comes about.
    Cut,
    /// Every chunk is this late.
    Slow(Duration),
    /// Nothing comes through and nobody is told.
    HalfOpen,
    /// One byte of every chunk is changed.
    Garbage,
}

/// Bytes that are carried at once.
const CHUNK: usize = 4 * 1024;

/// A proxy to one address.
pub struct Network {
    place: String,
    mood: watch::Sender<Mood>,
    listening: JoinHandle<()>,
}

impl Network {
    /// Begins to listen on a free local port for connections to this address.
    ///
    /// # Errors
    /// What the system said.
    pub async fn to(target: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let place = listener.local_addr()?.to_string();
        let (mood, moods) = watch::channel(Mood::Clear);
        let target = target.to_owned();
        let listening = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                // A task for each connection, as a router would carry it; it ends with the connection.
                let (target, moods) = (target.clone(), moods.clone());
                tokio::spawn(async move { carry(near, &target, moods).await });
            }
        });
        Ok(Self { place, mood, listening })
    }

    /// Host and port that the pump dials.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Changes how the network is, for connections that stand too.
    pub fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn carry(mut near: TcpStream, target: &str, mut moods: watch::Receiver<Mood>) {
    if *moods.borrow() == Mood::Cut {
        return;
    }
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    let (mut from_near, mut from_far) = ([0u8; CHUNK], [0u8; CHUNK]);
    loop {
        let mood = *moods.borrow_and_update();
        if mood == Mood::Cut {
            return;
        }
        let (to, bytes) = tokio::select! {
            changed = moods.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            got = near.read(&mut from_near), if mood != Mood::HalfOpen => match got {
                Ok(got) if got > 0 => (&mut far, &mut from_near[..got]),
                Ok(_) | Err(_) => return,
            },
            got = far.read(&mut from_far), if mood != Mood::HalfOpen => match got {
                Ok(got) if got > 0 => (&mut near, &mut from_far[..got]),
                Ok(_) | Err(_) => return,
            },
        };
        match mood {
            Mood::Slow(by) => tokio::time::sleep(by).await,
            Mood::Garbage => {
                let at = bytes.len() / 2;
                bytes[at] ^= 0x55;
            }
            Mood::Clear | Mood::Cut | Mood::HalfOpen => {}
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
