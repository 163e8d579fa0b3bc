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
    /// The least price of gas to take for true, in wei.
    pub minimum_gas_price: u64,
    /// Gas that a redemption is reckoned with.
    pub redeem_gas: u64,
}

const NETWORKS: &[Network] = &[
    Network {
        name: "arbitrum-one-mainnet",
        chain_id: 42_161,
        controller: address!("D8E8328501E9645d16Cf49539efC04f734606ee4"),
        poll_creator: Some(address!("8bb50806D60c492c0004DAD5D9627DAA2d9732E6")),
        minimum_gas_price: 0,
        redeem_gas: 1_200_000,
    },
    Network {
        name: "arbitrum-one-rinkeby",
        chain_id: 421_611,
        controller: address!("9ceC649179e2C7Ab91688271bcD09fb707b3E574"),
        poll_creator: None,
        minimum_gas_price: 0,
        redeem_gas: 1_200_000,
    },
    Network {
        name: "mainnet",
        chain_id: 1,
        controller: address!("f96d54e490317c557a967abfa5d6e33006be69b3"),
        poll_creator: None,
        minimum_gas_price: 1_000_000_000,
        redeem_gas: 350_000,
    },
    Network {
        name: "rinkeby",
        chain_id: 4,
        controller: address!("9a9827455911a858E55f07911904fACC0D66027E"),
        poll_creator: None,
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
