//! The relation of a stream to one orchestrator, and how it is opened, renewed and ended.

use std::time::Duration;

use streamflow_rpc::client::with_causes;
use streamflow_rpc::{Clients, Reach};
use streamflow_sessions::Peer;
use streamflow_wire::capability::Capabilities;
use streamflow_wire::info::{Info, InfoError, InfoRequest, refusal};
use streamflow_wire::proto::orchestrator_client::OrchestratorClient;
use streamflow_wire::proto::{EndTranscodingSessionRequest, OrchestratorInfo};
use tokio::time::timeout;
use url::Url;

use crate::pay::Payer;

/// Asking an orchestrator within a round of discovery, dialling included.
pub(crate) const QUERY_LIMIT: Duration = Duration::from_secs(6);

/// Renewing a session before a segment.
pub(crate) const RENEW_LIMIT: Duration = Duration::from_millis(2_500);

/// Telling an orchestrator that a stream is over; it finds out by itself later.
const END_LIMIT: Duration = Duration::from_secs(3);

/// Largest answer taken: capabilities and prices of many models fit.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// What an orchestrator offered to one stream.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Who, as the pool knows it: the service address it first named.
    pub(crate) peer: Peer,
    /// Where it was asked.
    pub(crate) asked_at: Url,
    /// Where segments go.
    pub(crate) service: Url,
    /// Everything it said.
    pub(crate) info: Info,
}

/// Why an orchestrator offered nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum OfferError {
    /// Not an address one can dial: correct it.
    #[error("{0}")]
    Address(String),
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Silent(Duration),
    /// It has no room.
    #[error("OrchestratorCapped")]
    Capped,
    /// It refused, or could not be reached.
    #[error("{0}")]
    Refused(String),
    /// Its answer cannot be used.
    #[error(transparent)]
    Info(#[from] InfoError),
    /// It does no work itself.
    #[error("names no address to send segments to")]
    NoService,
    /// It sends us to an address we would not go to by ourselves.
    #[error("sends segments to {0}, which is inside a private network and it is not")]
    Inside(String),
    /// It cannot do this job.
    #[error("incompatible capabilities")]
    Incapable,
}

/// Asks orchestrators in the name of this gateway.
#[derive(Clone)]
pub(crate) struct Asker {
    clients: Clients,
    /// The gateway's part of every request; its signature never changes.
    request: InfoRequest,
}

impl Asker {
    pub(crate) fn new(clients: Clients, payer: &dyn Payer) -> Self {
        let gateway = payer.address();
        let request = InfoRequest {
            gateway,
            signature: payer.sign(gateway.to_string().as_bytes()),
            capabilities: None,
            ignore_capacity_check: false,
        };
        Self { clients, request }
    }

    /// What the orchestrator at this address offers for such a job; without a job, in general.
    pub(crate) async fn ask(
        &self,
        url: &Url,
        job: Option<&Capabilities>,
        limit: Duration,
    ) -> Result<Session, OfferError> {
        let message = timeout(limit, self.call(url, job))
            .await
            .map_err(|_| OfferError::Silent(limit))??;
        let session = of_message(url, &message, self.clients.reach())?;
        match job {
            Some(job) if !session.info.can_do(job) => Err(OfferError::Incapable),
            _ => Ok(session),
        }
    }

    async fn call(
        &self,
        url: &Url,
        job: Option<&Capabilities>,
    ) -> Result<OrchestratorInfo, OfferError> {
        let channel = self
            .clients
            .grpc(url)
            .map_err(|error| OfferError::Address(error.to_string()))?;
        let request = InfoRequest {
            capabilities: job.cloned(),
            ..self.request.clone()
        };
        let mut client =
            OrchestratorClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES);
        match client.get_orchestrator(request.to_proto()).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) if status.message().contains(refusal::CAPPED_MARK) => {
                Err(OfferError::Capped)
            }
            Err(status) => Err(OfferError::Refused(reason(&status))),
        }
    }

    /// Tells the orchestrator that the stream is over.
    pub(crate) async fn end(&self, session: &Session) {
        let Ok(channel) = self.clients.grpc(&session.service) else {
            return;
        };
        let request = EndTranscodingSessionRequest {
            auth_token: Some(session.info.token.to_proto()),
        };
        let mut client = OrchestratorClient::new(channel);
        let ended = timeout(END_LIMIT, client.end_transcoding_session(request)).await;
        if !matches!(ended, Ok(Ok(_))) {
            tracing::debug!(orchestrator = %session.peer, "session not ended by word of ours");
        }
    }
}

/// The session an answer offers. Whoever is inside a private network may send us to others there.
pub(crate) fn of_message(
    asked_at: &Url,
    message: &OrchestratorInfo,
    reach: &Reach,
) -> Result<Session, OfferError> {
    let info = Info::from_proto(message)?;
    if info.service.is_empty() {
        return Err(OfferError::NoService);
    }
    let service = Url::parse(&info.service)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or(OfferError::NoService)?;
    if reach.is_inside(asked_at) {
        reach.allow(&service);
    } else if reach.is_inside(&service) {
        return Err(OfferError::Inside(service.to_string()));
    }
    let peer = Peer::new(service.as_str().trim_end_matches('/'));
    Ok(Session {
        peer,
        asked_at: asked_at.clone(),
        service,
        info,
    })
}

/// Why an orchestrator could not be asked, or what it said, short enough for a log line.
fn reason(status: &tonic::Status) -> String {
    if let Some(cause) = std::error::Error::source(status) {
        return with_causes(cause);
    }
    let text = status.message();
    if text.is_empty() {
        return format!("{:?}", status.code());
    }
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(service: &str) -> OrchestratorInfo {
        OrchestratorInfo {
            transcoder: service.to_owned(),
            auth_token: Some(streamflow_wire::proto::AuthToken {
                token: vec![1; 32].into(),
                session_id: "0a0b0c0d".to_owned(),
                expiration: 5,
            }),
            ..OrchestratorInfo::default()
        }
    }

    #[test]
    fn an_offer_names_where_segments_go() {
        let asked = Url::parse("https://o.example:8935").unwrap();
        let session = of_message(
            &asked,
            &message("https://t.example:8935/"),
            &Reach::guarded(),
        )
        .unwrap();
        assert_eq!(session.peer.as_str(), "https://t.example:8935");
        assert_eq!(
            of_message(&asked, &message(""), &Reach::guarded()).unwrap_err(),
            OfferError::NoService
        );
        assert_eq!(
            of_message(&asked, &message("ftp://x"), &Reach::guarded()).unwrap_err(),
            OfferError::NoService
        );
        let without_token = OrchestratorInfo {
            auth_token: None,
            ..message("https://t.example")
        };
        assert!(matches!(
            of_message(&asked, &without_token, &Reach::guarded()),
            Err(OfferError::Info(_))
        ));
    }

    #[test]
    fn nobody_outside_sends_us_inside() {
        let reach = Reach::guarded();
        let outside = Url::parse("https://o.example:8935").unwrap();
        let here = Url::parse("https://127.0.0.1:8935").unwrap();
        for inside in [
            "https://10.1.2.3:1",
            "https://[::1]:1",
            "https://localhost:1",
        ] {
            let refused = of_message(&outside, &message(inside), &reach);
            assert!(matches!(refused, Err(OfferError::Inside(_))), "{inside}");
            assert!(of_message(&here, &message(inside), &reach).is_ok());
        }
    }
}
