//! The compiled contracts, as the Solidity build leaves them in `contracts/artifacts`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use alloy_json_abi::JsonAbi;
use alloy_primitives::{Address, Bytes, hex};

/// A compiled contract.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Its functions, events and errors.
    pub abi: JsonAbi,
    /// Creation code as hex, with places left for the addresses of libraries.
    code: String,
    /// Bytes at which the address of a library goes, by library.
    links: BTreeMap<String, Vec<usize>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    abi: JsonAbi,
    bytecode: String,
    #[serde(default)]
    link_references: BTreeMap<String, BTreeMap<String, Vec<Place>>>,
}

#[derive(serde::Deserialize)]
struct Place {
    start: usize,
}

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../contracts/artifacts/", $name, ".json")))),*]
    };
}

/// Everything that can be deployed, by name.
const EMBEDDED: &[(&str, &str)] = embedded![
    "AllOrNothingTicketBroker",
    "BondingManager",
    "BondingVotes",
    "Controller",
    "DummyL2LPTDataCache",
    "Governor",
    "LivepeerGovernor",
    "LivepeerToken",
    "LivepeerTokenFaucet",
    "ManagerProxy",
    "MerkleSnapshot",
    "Minter",
    "PollCreator",
    "RoundsManager",
    "ServiceRegistry",
    "SortedDoublyLL",
    "TicketBroker",
    "Treasury",
];

static ARTIFACTS: LazyLock<BTreeMap<&'static str, Artifact>> = LazyLock::new(|| {
    let read = |(name, text): &(&'static str, &str)| (*name, read(name, text));
    EMBEDDED.iter().map(read).collect()
});

/// All compiled contracts, by name.
pub fn artifacts() -> impl Iterator<Item = (&'static str, &'static Artifact)> {
    ARTIFACTS.iter().map(|(name, artifact)| (*name, artifact))
}

/// A compiled contract.
///
/// # Panics
/// Where there is none of this name: names are written in code, never given by people.
pub fn artifact(name: &str) -> &'static Artifact {
    let artifact = ARTIFACTS.get(name);
    artifact.unwrap_or_else(|| panic!("no contract {name} is part of the program"))
}

impl Artifact {
    /// Creation code, with the addresses of its libraries put in and its arguments behind it.
    /// `None` where the library it needs is not given, or one is given that it does not need.
    pub fn creation(&self, libraries: &[(&str, Address)], arguments: &[u8]) -> Option<Bytes> {
        if libraries.len() != self.links.len() {
            return None;
        }
        let mut code = self.code.clone().into_bytes();
        for (library, places) in &self.links {
            let (_, address) = libraries.iter().find(|(name, _)| name == library)?;
            let address = hex::encode(address);
            for place in places {
                let place = place.checked_mul(2)?;
                let hole = code.get_mut(place..place.checked_add(address.len())?)?;
                hole.copy_from_slice(address.as_bytes());
            }
        }
        let mut code = hex::decode(code).ok()?;
        code.extend_from_slice(arguments);
        Some(code.into())
    }
}

fn read(name: &str, text: &str) -> Artifact {
    let file: File = serde_json::from_str(text)
        .unwrap_or_else(|error| panic!("contracts/artifacts/{name}.json: {error}"));
    let mut links = BTreeMap::new();
    for (library, places) in file.link_references.into_values().flatten() {
        let places = places.into_iter().map(|place| place.start).collect();
        links.insert(library, places);
    }
    let code = file.bytecode.trim_start_matches("0x").to_owned();
    Artifact {
        abi: file.abi,
        code,
        links,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contract_links_exactly_the_libraries_it_needs() {
        for (name, artifact) in artifacts() {
            let library = [("SortedDoublyLL", Address::repeat_byte(7))];
            let needs = name == "BondingManager";
            assert_eq!(artifact.creation(&library, &[]).is_some(), needs, "{name}");
            assert_eq!(artifact.creation(&[], &[]).is_some(), !needs, "{name}");
        }
    }
}
