//! Who the node is on the network: nobody off chain, the holder of a key on it.

use streamflow_types::Address;
use streamflow_wire::info::InfoRequest;
use streamflow_wire::segment::SegmentRequest;
use streamflow_wire::signature::{SecretKey, address_of, sign_message, verify};

/// Who the node is on the network.
#[derive(Clone)]
pub enum Identity {
    /// Nobody: it signs nothing and believes everybody.
    OffChain,
    /// The holder of this key: it signs results and asks peers for signatures.
    Key(Box<SecretKey>),
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.address())
    }
}

impl Identity {
    /// The address results are signed with; zero off chain.
    pub fn address(&self) -> Address {
        match self {
            Self::OffChain => Address::ZERO,
            Self::Key(key) => address_of(key),
        }
    }

    /// Signs a 32-byte message; nothing off chain.
    pub fn sign(&self, message: &[u8; 32]) -> Vec<u8> {
        match self {
            Self::OffChain => Vec::new(),
            Self::Key(key) => sign_message(key, message).to_vec(),
        }
    }

    /// Whether the request comes from the gateway it names.
    pub fn accepts_request(&self, request: &InfoRequest) -> bool {
        matches!(self, Self::OffChain) || request.verify().is_ok()
    }

    /// Whether `sender` signed these credentials.
    pub fn accepts_segment(&self, sender: Address, request: &SegmentRequest) -> bool {
        matches!(self, Self::OffChain)
            || verify(sender, &request.flattened(), &request.signature).is_ok()
    }
}
