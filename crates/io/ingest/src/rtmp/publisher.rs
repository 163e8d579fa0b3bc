//! One connection of a publisher: drives the RTMP machine and asks the gate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use streamflow_rtmp::{Action, Connection, Input, PublishIntent, RefusalCode, Timeouts};
use streamflow_runtime::{Clock, Shutdown};
use streamflow_types::ManifestId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::session::{Session, SessionError};
use super::{Limits, PublishGate, PublishRequest, Refusal};
use crate::StreamName;

/// What one read takes in. With the bounds of `streamflow_rtmp::chunk` and one segment it is all
/// that a connection holds.
const READ_BYTES: usize = 32 * 1024;

/// How long a peer may take to accept our few bytes, and how long we wait for it to read a
/// refusal before the connection is closed.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
const LINGER: Duration = Duration::from_secs(1);

/// Bytes thrown away while waiting for a refused peer to leave.
const LINGER_READS: usize = 64;

/// What all publishers share.
pub(super) struct Door {
    pub(super) gate: Arc<dyn PublishGate>,
    pub(super) limits: Limits,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) shutdown: Shutdown,
}

/// One connection.
struct Publisher<'a> {
    door: &'a Door,
    stream: TcpStream,
    client: SocketAddr,
    connection: Connection,
    session: Option<Session>,
}

/// Why the loop of a connection goes on or ends.
enum Wake {
    Read(usize),
    Gone,
    Tick,
    Draining,
    Unwanted,
}

impl Door {
    /// Serves one connection to its end.
    pub(super) async fn attend(&self, stream: TcpStream, client: SocketAddr) {
        // Answers are small and waited for.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, clientIP = %client.ip(), "cannot set TCP_NODELAY");
        }
        let timeouts = Timeouts {
            publish_within: self.limits.publish_within,
            idle: self.limits.idle,
        };
        let connection = Connection::new(self.clock.now(), timeouts);
        Publisher {
            door: self,
            stream,
            client,
            connection,
            session: None,
        }
        .run()
        .await;
    }
}

impl Publisher<'_> {
    async fn run(mut self) {
        let mut buffer = vec![0; READ_BYTES];
        while self.act().await {
            let wake = self.wait(&mut buffer).await;
            let now = self.door.clock.now();
            match wake {
                Wake::Read(count) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    self.connection.handle(now, Input::Received(bytes));
                }
                Wake::Gone => break,
                Wake::Tick => match self.session.as_ref().and_then(|session| session.late(now)) {
                    Some(error) => self.fail(&error).await,
                    None => self.connection.handle(now, Input::Tick),
                },
                Wake::Draining => self.refuse(&Refusal::Draining).await,
                Wake::Unwanted => self.fail(&SessionError::Unwanted).await,
            }
        }
        self.end_session().await;
    }

    async fn wait(&mut self, buffer: &mut [u8]) -> Wake {
        let session_deadline = self.session.as_ref().map(Session::deadline);
        let deadline = self
            .connection
            .deadline()
            .into_iter()
            .chain(session_deadline)
            .min();
        let unwanted = async {
            match &self.session {
                Some(session) => session.unwanted().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.door.shutdown.draining() => Wake::Draining,
            () = unwanted => Wake::Unwanted,
            read = self.stream.read(buffer) => match read {
                Ok(0) | Err(_) => Wake::Gone,
                Ok(count) => Wake::Read(count),
            },
            () = self.door.clock.sleep_until_any(deadline) => Wake::Tick,
        }
    }

    /// Does all that the machine wants. False when the connection is over.
    async fn act(&mut self) -> bool {
        while let Some(action) = self.connection.poll() {
            match action {
                Action::Send(bytes) => {
                    let sending = self.stream.write_all(&bytes);
                    let sent = tokio::select! {
                        sent = sending => sent.is_ok(),
                        () = self.door.clock.sleep(WRITE_LIMIT) => false,
                    };
                    if !sent {
                        return false;
                    }
                }
                Action::Publish(intent) => self.open(intent).await,
                Action::Media(media) => {
                    let Some(session) = &mut self.session else {
                        continue;
                    };
                    if let Err(error) = session.take(media).await {
                        self.fail(&error).await;
                    }
                }
                Action::Unpublished => self.end_session().await,
                Action::Close(reason) => {
                    tracing::info!(clientIP = %self.client.ip(), %reason, "publisher sent away");
                    self.end_session().await;
                    self.linger().await;
                    return false;
                }
            }
        }
        true
    }

    async fn open(&mut self, intent: PublishIntent) {
        let opened = match request(&intent, self.client) {
            Ok(request) => self.ask(request).await,
            Err(refusal) => Err(refusal),
        };
        match opened {
            Ok(session) => {
                tracing::info!(
                    manifestID = %session.manifest(),
                    clientIP = %self.client.ip(),
                    encoder = intent.encoder,
                    "publisher accepted"
                );
                self.session = Some(session);
                self.connection
                    .handle(self.door.clock.now(), Input::Accepted);
            }
            Err(refusal) => self.refuse(&refusal).await,
        }
    }

    async fn ask(&self, request: PublishRequest) -> Result<Session, Refusal> {
        if self.door.shutdown.is_draining() {
            return Err(Refusal::Draining);
        }
        let handle = tokio::select! {
            decided = self.door.gate.open(request) => decided?,
            () = self.door.clock.sleep(self.door.limits.decision) => {
                return Err(Refusal::Unavailable("no decision in time".to_owned()));
            }
        };
        Ok(Session::new(
            handle,
            &self.door.limits,
            self.door.clock.clone(),
        ))
    }

    /// Ends the stream with a reason, its last segment handed over.
    async fn fail(&mut self, error: &SessionError) {
        let manifest = self
            .session
            .as_ref()
            .map(|session| session.manifest().to_string());
        tracing::warn!(
            manifestID = manifest,
            clientIP = %self.client.ip(),
            %error,
            "stream ended"
        );
        self.end_session().await;
        let text = error.to_string();
        self.connection.handle(
            self.door.clock.now(),
            Input::Refused(RefusalCode::Failed, &text),
        );
    }

    async fn refuse(&mut self, refusal: &Refusal) {
        tracing::info!(clientIP = %self.client.ip(), %refusal, "publisher refused");
        self.end_session().await;
        let code = match refusal {
            Refusal::InUse => RefusalCode::BadName,
            Refusal::Denied(_) => RefusalCode::Denied,
            _ => RefusalCode::Failed,
        };
        let text = refusal.to_string();
        self.connection
            .handle(self.door.clock.now(), Input::Refused(code, &text));
    }

    async fn end_session(&mut self) {
        if let Some(session) = self.session.take() {
            session.end().await;
        }
    }

    /// Lets the peer read what it was told: closing with unread bytes would discard it.
    async fn linger(&mut self) {
        let leaving = async {
            if self.stream.shutdown().await.is_err() {
                return;
            }
            let mut discarded = vec![0; READ_BYTES];
            for _ in 0..LINGER_READS {
                if !matches!(self.stream.read(&mut discarded).await, Ok(1..)) {
                    return;
                }
            }
        };
        tokio::select! {
            () = leaving => {}
            () = self.door.clock.sleep(LINGER) => {}
        }
    }
}

/// What the gate is asked: names reduced, missing ones drawn.
fn request(intent: &PublishIntent, client: SocketAddr) -> Result<PublishRequest, Refusal> {
    let path = format!(
        "{}/{}",
        without_query(&intent.app),
        without_query(&intent.name)
    );
    let name = StreamName::of_path(&path);
    let manifest = match name.manifest {
        empty if empty.is_empty() => hex::encode(rand::random::<[u8; 4]>()),
        manifest => manifest,
    };
    let key = match name.rest {
        empty if empty.is_empty() => hex::encode(rand::random::<[u8; 6]>()),
        key => key,
    };
    let manifest =
        ManifestId::new(&manifest).map_err(|error| Refusal::Denied(error.to_string()))?;
    Ok(PublishRequest {
        url: full_url(intent),
        manifest,
        key,
        client,
    })
}

/// The application's address with the stream name, the query of either at the end.
fn full_url(intent: &PublishIntent) -> String {
    let (base, base_query) = split_query(&intent.tc_url);
    let (name, name_query) = split_query(&intent.name);
    let base = match base.trim_end_matches('/') {
        "" => format!("rtmp:///{}", without_query(&intent.app)),
        base => base.to_owned(),
    };
    let mut url = base;
    if !name.is_empty() {
        url.push('/');
        url.push_str(name.trim_start_matches('/'));
    }
    let queries = [base_query, name_query].into_iter().flatten();
    for (separator, query) in std::iter::once('?')
        .chain(std::iter::repeat('&'))
        .zip(queries)
    {
        url.push(separator);
        url.push_str(query);
    }
    url
}

fn split_query(text: &str) -> (&str, Option<&str>) {
    match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    }
}

fn without_query(text: &str) -> &str {
    split_query(text).0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(tc_url: &str, app: &str, name: &str) -> PublishRequest {
        let intent = PublishIntent {
            app: app.to_owned(),
            name: name.to_owned(),
            tc_url: tc_url.to_owned(),
            encoder: String::new(),
        };
        request(&intent, ([127, 0, 0, 1], 5).into()).unwrap()
    }

    #[test]
    fn the_url_is_put_together_as_the_publisher_wrote_it() {
        for (tc_url, app, name, url, manifest, key) in [
            (
                "rtmp://h/live",
                "live",
                "mani",
                "rtmp://h/live/mani",
                "mani",
                None,
            ),
            (
                "rtmp://h/live",
                "live",
                "mani/k",
                "rtmp://h/live/mani/k",
                "mani",
                Some("k"),
            ),
            (
                "rtmp://h/mani",
                "mani",
                "k?a=1",
                "rtmp://h/mani/k?a=1",
                "mani",
                Some("k"),
            ),
            (
                "rtmp://h/live?t=2",
                "live?t=2",
                "m?a=1",
                "rtmp://h/live/m?t=2&a=1",
                "m",
                None,
            ),
            ("rtmp://h/mani", "mani", "", "rtmp://h/mani", "mani", None),
            ("", "stream", "mani", "rtmp:///stream/mani", "mani", None),
            (
                "rtmp://h:1/",
                "",
                "olive/k",
                "rtmp://h:1/olive/k",
                "olive",
                Some("k"),
            ),
        ] {
            let request = asked(tc_url, app, name);
            assert_eq!(
                (request.url.as_str(), request.manifest.as_str()),
                (url, manifest)
            );
            match key {
                Some(key) => assert_eq!(request.key, key),
                None => assert_eq!(request.key.len(), 12),
            }
        }
    }

    #[test]
    fn a_stream_without_name_gets_a_random_one() {
        let (one, other) = (asked("", "live", ""), asked("", "live", ""));
        assert_eq!(one.manifest.as_str().len(), 8);
        assert_ne!(one.manifest, other.manifest);
    }
}
