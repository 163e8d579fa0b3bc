//! Networks whose contracts are known by heart.

use alloy_primitives::{Address, address};

/// A network with its Controller, from which all other addresses follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its number.
    pub chain_id: u64,
    /// The registry of the protocol.
    pub controller: Address,
    /// The maker of polls, which is not in the registry.
    pub poll_creator: Option<Address>,
    /// The other contracts by name, as far as they are known by heart: where the chain can be
    /// asked, the registry has the last word. Proxies, not what stands behind them.
    pub contracts: &'static [(&'static str, Address)],
    /// The block in which the first contract was made; 0 where that is not known.
    pub from_block: u64,
    /// The least price of gas to take for true, in wei.
    pub minimum_gas_price: u64,
    /// Gas that a redemption is reckoned with.
    pub redeem_gas: u64,
}

/// The network in use.
const ARBITRUM: &[(&str, Address)] = &[
    (
        "AIServiceRegistry",
        address!("04C0b249740175999E5BF5c9ac1dA92431EF34C5"),
    ),
    (
        "BondingManager",
        address!("35Bcf3c30594191d53231E4FF333E8A770453e40"),
    ),
    (
        "BondingVotes",
        address!("0B9C254837E72Ebe9Fe04960C43B69782E68169A"),
    ),
    (
        "Governor",
        address!("D9dEd6f9959176F0A04dcf88a0d2306178A736a6"),
    ),
    (
        "L2LPTDataCache",
        address!("d78b6bD09cd28A83cFb21aFa0DA95c685A6bb0B1"),
    ),
    (
        "L2Migrator",
        address!("148D5b6B4df9530c7C76A810bd1Cdf69EC4c2085"),
    ),
    (
        "LivepeerGovernor",
        address!("cFE4E2879B786C3aa075813F0E364bb5acCb6aa0"),
    ),
    (
        "LivepeerToken",
        address!("289ba1701C2F088cf0faf8B3705246331cB8A839"),
    ),
    (
        "MerkleSnapshot",
        address!("10736ffaCe687658F88a46D042631d182C7757f7"),
    ),
    (
        "Minter",
        address!("c20DE37170B45774e6CD3d2304017fc962f27252"),
    ),
    (
        "RoundsManager",
        address!("dd6f56DcC28D3F5f27084381fE8Df634985cc39f"),
    ),
    (
        "ServiceRegistry",
        address!("C92d3A360b8f9e083bA64DE15d95Cf8180897431"),
    ),
    (
        "TicketBroker",
        address!("a8bB618B1520E284046F3dFc448851A1Ff26e41B"),
    ),
    (
        "Treasury",
        address!("f82C1FF415F1fCf582554fDba790E27019c8E8C4"),
    ),
];

const NETWORKS: &[Network] = &[
    Network {
        name: "arbitrum-one-mainnet",
        chain_id: 42_161,
        controller: address!("D8E8328501E9645d16Cf49539efC04f734606ee4"),
        poll_creator: Some(address!("8bb50806D60c492c0004DAD5D9627DAA2d9732E6")),
        contracts: ARBITRUM,
        from_block: 5_856_334,
        minimum_gas_price: 0,
        redeem_gas: 1_200_000,
    },
    Network {
        name: "arbitrum-one-rinkeby",
        chain_id: 421_611,
        controller: address!("9ceC649179e2C7Ab91688271bcD09fb707b3E574"),
        poll_creator: None,
        contracts: &[],
        from_block: 0,
        minimum_gas_price: 0,
        redeem_gas: 1_200_000,
    },
    Network {
        name: "mainnet",
        chain_id: 1,
        controller: address!("f96d54e490317c557a967abfa5d6e33006be69b3"),
        poll_creator: None,
        contracts: &[],
        from_block: 0,
        minimum_gas_price: 1_000_000_000,
        redeem_gas: 350_000,
    },
    Network {
        name: "rinkeby",
        chain_id: 4,
        controller: address!("9a9827455911a858E55f07911904fACC0D66027E"),
        poll_creator: None,
        contracts: &[],
        from_block: 0,
        minimum_gas_price: 0,
        redeem_gas: 350_000,
    },
];

/// A network by its name.
pub fn known(name: &str) -> Option<&'static Network> {
    NETWORKS.iter().find(|network| network.name == name)
}

/// A network by the number of its chain.
pub fn known_chain(chain_id: u64) -> Option<&'static Network> {
    NETWORKS.iter().find(|network| network.chain_id == chain_id)
}

impl Network {
    /// A contract that is known by heart.
    pub fn contract(&self, name: &str) -> Option<Address> {
        match name {
            "Controller" => Some(self.controller),
            "PollCreator" => self.poll_creator,
            name => {
                let known = self.contracts.iter().find(|(known, _)| *known == name);
                known.map(|(_, address)| *address)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_in_use_is_known_by_name_number_and_contract() {
        let network = known("arbitrum-one-mainnet").expect("it is known");
        assert_eq!(known_chain(42_161), Some(network));
        // Text with its capitals, so that a slip of the pen in one of the two shows.
        for (name, address) in [
            ("Controller", "0xD8E8328501E9645d16Cf49539efC04f734606ee4"),
            ("PollCreator", "0x8bb50806D60c492c0004DAD5D9627DAA2d9732E6"),
            ("TicketBroker", "0xa8bB618B1520E284046F3dFc448851A1Ff26e41B"),
            (
                "BondingManager",
                "0x35Bcf3c30594191d53231E4FF333E8A770453e40",
            ),
            (
                "RoundsManager",
                "0xdd6f56DcC28D3F5f27084381fE8Df634985cc39f",
            ),
            (
                "LivepeerToken",
                "0x289ba1701C2F088cf0faf8B3705246331cB8A839",
            ),
        ] {
            let address =
                Address::parse_checksummed(address, None).expect("its capitals are right");
            assert_eq!(network.contract(name), Some(address), "{name}");
        }
        assert_eq!(network.contract("Verifier"), None, "nobody is slashed");
    }
}
