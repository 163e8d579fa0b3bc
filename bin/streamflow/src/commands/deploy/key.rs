//! Who deploys: a key from a file that only its owner may read, or an address alone to plan with.

use std::path::Path;

use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;

use crate::config::Secret;
use crate::failure::Failure;

/// The account of a deployment.
pub(super) enum Key {
    /// It can sign.
    Held(PrivateKeySigner),
    /// Its key is elsewhere.
    Elsewhere(Address),
}

impl Key {
    /// Reads the key, or takes the address where there is none.
    pub(super) fn read(
        key_file: Option<&Path>,
        password_file: Option<&Path>,
        from: Option<Address>,
    ) -> Result<Self, Failure> {
        let Some(key_file) = key_file else {
            return match from {
                Some(address) => Ok(Self::Elsewhere(address)),
                None => Err(Failure::usage("key-file", "nobody is named who deploys")
                    .hint("give --key-file FILE, or --from ADDRESS to plan without a key")),
            };
        };
        let signer = signer(key_file, password_file)?;
        if let Some(from) = from.filter(|from| *from != signer.address()) {
            let message = format!(
                "--from is {from}, and the key in {} is of {}",
                key_file.display(),
                signer.address()
            );
            return Err(Failure::usage("from", message).hint("leave --from out, or take its key"));
        }
        Ok(Self::Held(signer))
    }

    pub(super) const fn signer(&self) -> Option<&PrivateKeySigner> {
        match self {
            Self::Held(signer) => Some(signer),
            Self::Elsewhere(_) => None,
        }
    }

    pub(super) fn address(&self) -> Address {
        match self {
            Self::Held(signer) => signer.address(),
            Self::Elsewhere(address) => *address,
        }
    }
}

fn signer(file: &Path, password_file: Option<&Path>) -> Result<PrivateKeySigner, Failure> {
    let refuse = |message: String| Failure::usage("key-file", format!("--key-file: {message}"));
    let secret = Secret::read(file).map_err(|error| refuse(error.to_string()))?;
    if secret.expose().starts_with('{') {
        let Some(password_file) = password_file else {
            let message = format!("{} is a keystore and needs its password", file.display());
            return Err(refuse(message).hint("give --password-file FILE"));
        };
        let password = Secret::read(password_file).map_err(|error| {
            Failure::usage("password-file", format!("--password-file: {error}"))
        })?;
        return PrivateKeySigner::decrypt_keystore(file, password.expose())
            .map_err(|error| refuse(format!("{}: {error}", file.display())));
    }
    let parsed: Result<PrivateKeySigner, _> = secret.expose().parse();
    // What does not parse may be half of a key: it is not shown.
    parsed.map_err(|_| {
        refuse(format!("{} holds no key", file.display()))
            .hint("it holds 64 hex digits, or is a keystore file of version 3")
    })
}

/// Reads an address; where capitals are mixed they must be right.
pub(super) fn address(text: &str) -> Result<Address, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let lower = digits.chars().all(|c| !c.is_ascii_uppercase());
    let parsed = if lower {
        text.parse().map_err(|_| ())
    } else {
        Address::parse_checksummed(text, None).map_err(|_| ())
    };
    parsed
        .map_err(|()| "an address is 0x and 40 hex digits, with its capitals or without".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_wrong_capitals_are_refused() {
        let good = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        assert!(address(good).is_ok());
        assert!(address(&good.to_lowercase()).is_ok());
        assert!(address(&good.replace("aad", "Aad")).is_err());
        assert!(address("0xf39F").is_err());
    }
}
