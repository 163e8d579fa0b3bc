//! Discovery: what a gateway asks an orchestrator, and what it says of itself.

use streamflow_types::{Address, AddressError, CapabilitySet, PricePerPixel};

use crate::capability::{Capabilities, CapabilityError, is_legacy_only};
use crate::price::{self, PriceError};
use crate::proto::{self, OrchestratorInfo, OrchestratorRequest, OsInfo, TicketParams};
use crate::signature::{SignatureError, verify};
use crate::token::{AuthToken, TokenError};

/// Texts of refusals to GetOrchestrator, in the order they are checked.
pub mod refusal {
    /// The request's signature is not its sender's.
    pub const SIGNATURE: &str = "Invalid orchestrator request: orchestrator req sig check failed";
    /// No further session is taken.
    pub const CAPPED: &str = "Invalid orchestrator request: OrchestratorCapped";
    /// The word by which gateways know a node without room.
    pub const CAPPED_MARK: &str = "OrchestratorCapped";
    /// EndTranscodingSession with a token of somebody else.
    pub const TOKEN: &str = "Invalid auth token";
}

/// Further addresses of one operator that are read.
const MAX_NODES: usize = 32;

/// Longest service address taken from a peer.
const MAX_ADDRESS_BYTES: usize = 2048;

/// What a gateway asks.
#[derive(Clone, Debug, PartialEq)]
pub struct InfoRequest {
    /// The gateway; zero off chain.
    pub gateway: Address,
    /// Over the gateway's address text; empty off chain.
    pub signature: Vec<u8>,
    /// What the job needs; absent in background polling.
    pub capabilities: Option<Capabilities>,
    /// For another kind of job; carried, never judged here.
    pub ignore_capacity_check: bool,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InfoRequestError {
    /// The address is none.
    #[error("address: {0}")]
    Address(#[from] AddressError),
    /// The capabilities are none.
    #[error(transparent)]
    Capabilities(#[from] CapabilityError),
}

impl InfoRequest {
    /// From a message.
    pub fn from_proto(message: &OrchestratorRequest) -> Result<Self, InfoRequestError> {
        Ok(Self {
            gateway: Address::from_slice(&message.address)?,
            signature: message.sig.to_vec(),
            capabilities: message
                .capabilities
                .as_ref()
                .map(Capabilities::from_proto)
                .transpose()?,
            ignore_capacity_check: message.ignore_capacity_check,
        })
    }

    /// As a message.
    pub fn to_proto(&self) -> OrchestratorRequest {
        OrchestratorRequest {
            address: self.gateway.as_bytes().to_vec().into(),
            sig: self.signature.clone().into(),
            capabilities: self.capabilities.as_ref().map(Capabilities::to_proto),
            ignore_capacity_check: self.ignore_capacity_check,
        }
    }

    /// Checks that the gateway signed its own address text.
    pub fn verify(&self) -> Result<(), SignatureError> {
        verify(
            self.gateway,
            self.gateway.to_string().as_bytes(),
            &self.signature,
        )
    }
}

/// What an orchestrator says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// Base of `/segment`. Empty when the node does no work itself.
    pub service: String,
    /// Signs results; zero off chain.
    pub address: Address,
    /// Absent off chain.
    pub ticket_params: Option<TicketParams>,
    /// Absent off chain.
    pub price: Option<PricePerPixel>,
    /// Absent in the first versions of the network.
    pub capabilities: Option<Capabilities>,
    /// Opens the session.
    pub token: AuthToken,
    /// The node's own object store, where it has one.
    pub storage: Option<OsInfo>,
    /// Further nodes of the same operator.
    pub nodes: Vec<String>,
}

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InfoError {
    /// No token, or none that can be: nothing can be sent to this node.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// An address that is none.
    #[error("address: {0}")]
    Address(#[from] AddressError),
    /// A price that is none.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// Capabilities that are no set.
    #[error(transparent)]
    Capabilities(#[from] CapabilityError),
    /// An address or list beyond any real one.
    #[error("{0} is longer than any real one")]
    TooLong(&'static str),
}

impl Info {
    /// From a message.
    pub fn from_proto(message: &OrchestratorInfo) -> Result<Self, InfoError> {
        if message.transcoder.len() > MAX_ADDRESS_BYTES {
            return Err(InfoError::TooLong("transcoder"));
        }
        Ok(Self {
            service: message.transcoder.clone(),
            // Absent in answers of nodes that never sign.
            address: match message.address.as_ref() {
                [] => Address::ZERO,
                bytes => Address::from_slice(bytes)?,
            },
            ticket_params: message.ticket_params.clone(),
            price: message
                .price_info
                .as_ref()
                .map(price::from_proto)
                .transpose()?,
            capabilities: message
                .capabilities
                .as_ref()
                .map(Capabilities::from_proto)
                .transpose()?,
            token: AuthToken::from_proto(message.auth_token.as_ref())?,
            storage: message.storage.first().cloned(),
            nodes: message.nodes.iter().take(MAX_NODES).cloned().collect(),
        })
    }

    /// As a message.
    pub fn to_proto(&self) -> Result<OrchestratorInfo, PriceError> {
        Ok(proto::OrchestratorInfo {
            transcoder: self.service.clone(),
            ticket_params: self.ticket_params.clone(),
            price_info: self.price.map(price::to_proto).transpose()?,
            address: self.address.as_bytes().to_vec().into(),
            capabilities: self.capabilities.as_ref().map(Capabilities::to_proto),
            auth_token: Some(self.token.to_proto()),
            storage: self.storage.clone().into_iter().collect(),
            nodes: self.nodes.clone(),
            ..proto::OrchestratorInfo::default()
        })
    }

    /// Whether a job with these needs may be given to this node.
    pub fn can_do(&self, job: &Capabilities) -> bool {
        let says_nothing = || is_legacy_only(&job.set) && job.mandatories == CapabilitySet::new();
        self.capabilities
            .as_ref()
            .map_or_else(says_nothing, |node| node.satisfy(job))
    }
}
