//! The Orchestrator service: discovery, the end of a session, and being called by oneself.

use std::time::Duration;

use streamflow_wire::info::{InfoRequest, refusal};
use streamflow_wire::proto::orchestrator_server::Orchestrator;
use streamflow_wire::proto::{
    EndTranscodingSessionRequest, EndTranscodingSessionResponse, OrchestratorInfo,
    OrchestratorRequest, PingPong,
};
use streamflow_wire::signature::keccak;
use streamflow_wire::token::AuthToken;
use tonic::{Request, Response, Status};

use crate::state::State;

/// Longest value that is signed for a caller.
const MAX_PING_BYTES: usize = 1024;

/// Making the answer waits at most this long for its parts.
const INFO_LIMIT: Duration = Duration::from_secs(2);

/// The Orchestrator service.
#[derive(Clone)]
pub(crate) struct OrchestratorService(pub(crate) State);

#[tonic::async_trait]
impl Orchestrator for OrchestratorService {
    /// Cheap and without state: a gateway asks about once a segment.
    async fn get_orchestrator(
        &self,
        request: Request<OrchestratorRequest>,
    ) -> Result<Response<OrchestratorInfo>, Status> {
        let state = &self.0;
        let request = InfoRequest::from_proto(request.get_ref())
            .map_err(|_| Status::unknown(refusal::SIGNATURE))?;
        if !state.identity.accepts_request(&request) {
            return Err(Status::unknown(refusal::SIGNATURE));
        }
        if !state.has_room() {
            return Err(Status::unknown(refusal::CAPPED));
        }
        if let Some(gatekeeper) = &state.gatekeeper
            && let Err(error) = gatekeeper.ask(request.gateway).await
        {
            tracing::info!(gateway = %request.gateway, error = &error as &dyn std::error::Error, "no offer");
            return Err(Status::unknown(error.to_string()));
        }
        let info = state.info(request.gateway, state.new_token());
        let info = tokio::time::timeout(INFO_LIMIT, info)
            .await
            .map_err(|_| Status::unknown("the offer took too long to make"))?
            .map_err(|error| Status::unknown(error.to_string()))?;
        Ok(Response::new(info))
    }

    async fn end_transcoding_session(
        &self,
        request: Request<EndTranscodingSessionRequest>,
    ) -> Result<Response<EndTranscodingSessionResponse>, Status> {
        let state = &self.0;
        let refused = || Status::unknown(refusal::TOKEN);
        let token =
            AuthToken::from_proto(request.get_ref().auth_token.as_ref()).map_err(|_| refused())?;
        // Whatever its age: the right to end does not run out.
        state.tokens.check_origin(&token).map_err(|_| refused())?;
        state.end_session(&token.session).await;
        Ok(Response::new(EndTranscodingSessionResponse {}))
    }

    async fn ping(&self, request: Request<PingPong>) -> Result<Response<PingPong>, Status> {
        let value = &request.get_ref().value;
        if value.len() > MAX_PING_BYTES {
            return Err(Status::invalid_argument("value: at most 1024 bytes"));
        }
        let value = self.0.identity.sign(&keccak(value)).into();
        Ok(Response::new(PingPong { value }))
    }
}
