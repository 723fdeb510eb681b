//! Follows the controller's stream of events over cuts, and says when nothing that is shown is live.

use std::{collections::VecDeque, time::Duration};

use coxswain_controller::{
    http::v1::Document,
    status::{Event, Gap},
};
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};

use crate::{
    client::{Client, Refusal},
    exit::{Exit, Failure},
    output::Terminal,
};

/// A stream that says nothing for so long is dead: three of the controller's heartbeats.
const SILENT_FOR: Duration = Duration::from_secs(45);

/// The first wait before another try; each further one is twice as long, ...
const RETRY_FIRST: Duration = Duration::from_millis(250);
/// ... up to this.
const RETRY_LAST: Duration = Duration::from_secs(15);

/// The longest frame that is read. Units: bytes.
const FRAME_AT_MOST: usize = 1 << 20;

/// What the stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// Something happened.
    Event(Event),
    /// Events were lost.
    Gap(Gap),
    /// Some status may have changed.
    Changed,
    /// The stream is there again after a cut.
    Again,
}

/// A follower of the stream.
///
/// # Guarantees
/// After a cut it goes on after the last event it gave: none is lost without a [`News::Gap`], none comes
/// twice.
#[derive(Debug)]
pub(crate) struct Stream {
    client: Client,
    path: String,
    body: Option<Incoming>,
    frames: Frames,
    began_after: Option<u64>,
    last: Option<u64>,
    ready: VecDeque<News>,
}

impl Stream {
    /// Begins to follow, and knows from then on where it stands.
    ///
    /// # Errors
    /// Where the controller does not answer the first time, or answers something else.
    pub(crate) async fn open(client: &Client, path: &str) -> Result<Self, Failure> {
        let body = client.open(path, None).await?;
        let mut stream = Self {
            client: client.clone(),
            path: path.to_owned(),
            body: Some(body),
            frames: Frames::default(),
            began_after: None,
            last: None,
            ready: VecDeque::new(),
        };
        while stream.began_after.is_none() {
            stream.read().await.map_err(Failure::unreachable)?;
        }
        Ok(stream)
    }

    /// The id of the last event before all that it tells.
    pub(crate) fn began_after(&self) -> Option<u64> {
        self.began_after
    }

    /// What comes next, over as many cuts as there are; each is told on stderr.
    ///
    /// # Errors
    /// Where the controller answers again and refuses.
    pub(crate) async fn next(&mut self, terminal: &mut Terminal) -> Result<News, Failure> {
        loop {
            if let Some(news) = self.ready.pop_front() {
                return Ok(news);
            }
            if let Err(why) = self.read().await {
                self.body = None;
                terminal.say(&format!("the stream broke: {why}; what is shown is not live; trying again"));
                self.reopen().await?;
                terminal.say("the stream is there again");
                return Ok(News::Again);
            }
        }
    }

    async fn reopen(&mut self) -> Result<(), Failure> {
        let mut delay = RETRY_FIRST;
        loop {
            sleep(delay).await;
            match self.client.open(&self.path, self.last).await {
                Ok(body) => {
                    self.body = Some(body);
                    self.frames = Frames::default();
                    return Ok(());
                }
                Err(Refusal::Other(failure)) if failure.exit == Exit::Unreachable => {
                    delay = (delay * 2).min(RETRY_LAST);
                }
                Err(refusal) => return Err(refusal.into()),
            }
        }
    }

    /// Takes what the connection has next; or why it has nothing more.
    async fn read(&mut self) -> Result<(), String> {
        let body = self.body.as_mut().ok_or("it is closed")?;
        let frame = timeout(SILENT_FOR, body.frame())
            .await
            .map_err(|_| format!("nothing was heard for {} s", SILENT_FOR.as_secs()))?
            .ok_or("the controller ended it")?
            .map_err(|error| error.to_string())?;
        let Ok(bytes) = frame.into_data() else { return Ok(()) };
        for frame in self.frames.push(&bytes)? {
            let news = frame.news()?;
            self.last = frame.id.or(self.last);
            self.began_after = self.began_after.or(frame.id);
            self.ready.extend(news);
        }
        Ok(())
    }
}

/// One frame of server-sent events.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Frame {
    id: Option<u64>,
    event: String,
    data: String,
}

impl Frame {
    fn of(text: &str) -> Self {
        let mut frame = Self::default();
        for line in text.lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "id" => frame.id = value.parse().ok(),
                "event" => value.clone_into(&mut frame.event),
                "data" => {
                    if !frame.data.is_empty() {
                        frame.data.push('\n');
                    }
                    frame.data.push_str(value);
                }
                // A comment, or a field of a later version.
                _ => {}
            }
        }
        frame
    }

    /// What it says; nothing where it is of a kind that a later version may send.
    fn news(&self) -> Result<Option<News>, String> {
        Ok(match self.event.as_str() {
            "event" => Some(News::Event(self.document()?)),
            "gap" => Some(News::Gap(self.document()?)),
            "changed" => Some(News::Changed),
            _ => None,
        })
    }

    fn document<T: DeserializeOwned>(&self) -> Result<T, String> {
        let document = serde_json::from_str::<Document<T>>(&self.data);
        document
            .map(|document| document.body)
            .map_err(|error| format!("it sent what cannot be read: {error}"))
    }
}

/// Bytes as they arrive, cut into frames.
#[derive(Debug, Default)]
struct Frames {
    rest: Vec<u8>,
}

impl Frames {
    /// The frames that are whole with these bytes.
    fn push(&mut self, bytes: &Bytes) -> Result<Vec<Frame>, String> {
        self.rest.extend_from_slice(bytes);
        let mut frames = Vec::new();
        while let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
            let frame: Vec<u8> = self.rest.drain(..end + 2).collect();
            frames.push(Frame::of(&String::from_utf8_lossy(&frame)));
        }
        if self.rest.len() > FRAME_AT_MOST {
            return Err("it sent a frame without an end".to_owned());
        }
        Ok(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = ": following\nid: 6\n\nid: 7\nevent: gap\ndata: {\"apiVersion\":\"coxswain.dev/v1\",\
                        \"kind\":\"Gap\",\"after\":3,\"before\":8}\n\nevent: changed\ndata: {}\n\nevent: later\n\n";

    #[test]
    fn frames_are_the_same_however_the_bytes_are_cut() {
        let whole = Frames::default().push(&Bytes::from_static(TEXT.as_bytes())).unwrap();
        assert_eq!(whole.len(), 4);
        for size in 1..TEXT.len() {
            let mut frames = Frames::default();
            let parts = TEXT.as_bytes().chunks(size);
            let found: Vec<Frame> =
                parts.flat_map(|part| frames.push(&Bytes::copy_from_slice(part)).unwrap()).collect();
            assert_eq!(found, whole, "in parts of {size}");
        }
        let said: Vec<_> = whole.iter().map(|frame| frame.news().unwrap()).collect();
        let gap = News::Gap(Gap { after: 3, before: 8 });
        assert_eq!(said, [None, Some(gap), Some(News::Changed), None]);
        assert_eq!((whole[0].id, whole[1].id), (Some(6), Some(7)));
    }

    #[test]
    fn a_frame_that_never_ends_or_cannot_be_read_is_an_error() {
        let mut frames = Frames::default();
        assert!(frames.push(&Bytes::from(vec![b'x'; FRAME_AT_MOST + 1])).is_err());
        assert!(Frame::of("event: event\ndata: {}\n").news().is_err());
    }
}
