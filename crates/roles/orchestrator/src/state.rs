//! What the handlers share.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use streamflow_runtime::{Clock, Shutdown};
use streamflow_types::{Address, SessionId};
use streamflow_wire::capability::Capabilities;
use streamflow_wire::info::Info;
use streamflow_wire::price;
use streamflow_wire::proto::OrchestratorInfo;
use streamflow_wire::token::{AuthToken, TokenSecret};
use tokio::sync::Semaphore;

use crate::config::{Config, SessionLimit};
use crate::gatekeeper::Gatekeeper;
use crate::identity::Identity;
use crate::meters::Meters;
use crate::payments::{Payer, PaymentError, Payments};
use crate::renditions::Renditions;
use crate::sessions::Sessions;
use crate::workshop::Workshop;

/// What the handlers share. Cheap to clone.
pub(crate) type State = Arc<Inner>;

/// See [`State`].
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) gatekeeper: Option<Gatekeeper>,
    pub(crate) payments: Arc<dyn Payments>,
    pub(crate) tokens: TokenSecret,
    pub(crate) sessions: Sessions,
    pub(crate) renditions: Arc<Renditions>,
    pub(crate) workshop: Arc<Workshop>,
    pub(crate) downloads: reqwest::Client,
    /// Source bytes held at once, in units of [`BYTES_PER_PERMIT`].
    pub(crate) source_budget: Arc<Semaphore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) meters: Meters,
    pub(crate) shutdown: Shutdown,
}

/// One permit of the source budget stands for this many bytes.
pub(crate) const BYTES_PER_PERMIT: usize = 1024;

impl Inner {
    /// How many sessions may run at once, by now.
    pub(crate) fn session_limit(&self) -> u32 {
        match self.config.sessions {
            SessionLimit::Fixed(sessions) => sessions,
            SessionLimit::Auto => self.workshop.capacity().unwrap_or(0),
        }
    }

    /// Whether a new session is taken: there is room, and the node is not leaving.
    pub(crate) fn has_room(&self) -> bool {
        !self.shutdown.is_draining()
            && !self.workshop.is_paused()
            && self
                .sessions
                .has_room(self.session_limit(), self.clock.now())
    }

    /// Unix time in whole seconds.
    pub(crate) fn unix_seconds(&self) -> i64 {
        i64::try_from(self.clock.unix().as_secs()).unwrap_or(i64::MAX)
    }

    /// A token for a session nobody has yet.
    pub(crate) fn new_token(&self) -> AuthToken {
        let session = SessionId::from_random(rand::rng().random());
        self.tokens.issue(session, self.unix_seconds())
    }

    /// What this node says of itself to this sender, under this token.
    pub(crate) async fn info(
        &self,
        sender: Address,
        token: AuthToken,
    ) -> Result<OrchestratorInfo, PaymentError> {
        let payer = Payer {
            sender,
            session: token.session.clone(),
        };
        let info = Info {
            service: self.service(),
            address: self.identity.address(),
            ticket_params: self.payments.ticket_params(sender).await?,
            price: self.payments.price(&payer).await?,
            capabilities: Some(self.offer()),
            token,
            storage: None,
            nodes: self.config.nodes.clone(),
        };
        info.to_proto()
            .map_err(|error: price::PriceError| PaymentError(error.to_string()))
    }

    /// What this node can do, all its hands together.
    pub(crate) fn offer(&self) -> Capabilities {
        self.workshop.offer(&self.config.version)
    }

    /// The service address without a slash at its end, as peers write it.
    pub(crate) fn service(&self) -> String {
        self.config
            .service
            .as_str()
            .trim_end_matches('/')
            .to_owned()
    }

    /// Ends a session: its files, its encoder state, its place.
    pub(crate) async fn end_session(&self, session: &SessionId) {
        self.sessions.end(session);
        self.renditions.end(session);
        self.workshop.end_session(session).await;
    }
}

/// When nobody waits for a segment any more: the network's limit on a whole exchange.
pub(crate) fn exchange_limit(duration: Duration) -> Duration {
    (duration * 4).max(Duration::from_secs(8))
}
