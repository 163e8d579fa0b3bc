//! Where a node lets its peers send it. A peer names addresses: of its service, of its other nodes.
//! Those must be public, or whoever runs a peer could make this node knock at doors that only this
//! machine and its private networks can reach. Names that the operator gave may lead anywhere.
//!
//! A name is judged by the addresses that the connection then goes to: between the check and the
//! connection nobody asks the name service again.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns;
use tower::{BoxError, Service};
use url::{Host, Url};

/// Names remembered as the operator's: several full lists of orchestrators.
const MAX_NAMES: usize = 8_192;

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReachError {
    /// A peer named it, or it changed: if the peer is yours, name it in your configuration.
    #[error(
        "{0:?} leads into a private network, and it is a peer that named it; list it yourself if it may"
    )]
    Inside(String),
    /// The name service knows it not, or does not answer.
    #[error("{0:?} is no known name")]
    Unknown(String, #[source] std::io::Error),
}

/// The names that may lead into private networks. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// `None`: all may.
    named: Option<Arc<Mutex<HashMap<String, Leads>>>>,
}

/// Where a name led when last asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leads {
    Unasked,
    Inside,
    Outside,
}

impl Reach {
    /// Any name may lead anywhere: for nodes that only go where their operator sends them.
    pub fn anywhere() -> Self {
        Self::default()
    }

    /// Only names that were [allowed](Self::allow) may lead into private networks.
    pub fn guarded() -> Self {
        Self {
            named: Some(Arc::default()),
        }
    }

    /// Lets the host of this address lead anywhere: the operator named it.
    pub fn allow(&self, url: &Url) {
        let (Some(mut names), Some(Host::Domain(name))) = (self.names(), url.host()) else {
            return;
        };
        if !names.contains_key(name) {
            if names.len() >= MAX_NAMES {
                tracing::warn!(
                    name,
                    "too many names of orchestrators; this one must be public"
                );
                return;
            }
            names.insert(name.to_owned(), Leads::Unasked);
        }
    }

    /// Whether the address leads into this machine or a private network: by itself, or, for a name
    /// that was allowed, when it was last used.
    pub fn is_inside(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(ip)) => is_inside(ip.into()),
            Some(Host::Ipv6(ip)) => is_inside(ip.into()),
            Some(Host::Domain(name)) => {
                let led = self.names().and_then(|names| names.get(name).copied());
                is_this_machine(name) || led == Some(Leads::Inside)
            }
            None => true,
        }
    }

    async fn resolve(self, name: String) -> Result<std::vec::IntoIter<SocketAddr>, ReachError> {
        let asked = tokio::net::lookup_host((name.as_str(), 0)).await;
        let found = asked.map(Iterator::collect::<Vec<_>>);
        match found {
            Ok(found) => self.judge(name, found).map(Vec::into_iter),
            Err(error) => Err(ReachError::Unknown(name, error)),
        }
    }

    fn judge(&self, name: String, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ReachError> {
        let Some(mut names) = self.names() else {
            return Ok(found);
        };
        let leads_inside = found.iter().any(|address| is_inside(address.ip()));
        if let Some(leads) = names.get_mut(&name) {
            *leads = if leads_inside {
                Leads::Inside
            } else {
                Leads::Outside
            };
            return Ok(found);
        }
        if leads_inside {
            return Err(ReachError::Inside(name));
        }
        Ok(found)
    }

    fn names(&self) -> Option<MutexGuard<'_, HashMap<String, Leads>>> {
        // Each change is one step, so a panicking holder leaves nothing half done.
        let names = self.named.as_ref()?;
        Some(names.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_this_machine(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether an address is this machine's or belongs to no public network.
pub fn is_inside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_inside_v4(ip),
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.is_multicast()
                || embedded_v4(ip).is_some_and(is_inside_v4)
        }
    }
}

fn is_inside_v4(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    // 100.64.0.0/10 lies behind carriers' and overlay networks' address translation.
    let is_shared = first == 100 && second & 0b1100_0000 == 64;
    ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_multicast()
        || first == 0
        || is_shared
}

/// The IPv4 address that a mapped, compatible or translated (64:ff9b::/96) IPv6 address stands for.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let translated = matches!(ip.segments(), [0x64, 0xff9b, 0, 0, 0, 0, _, _]);
    let [.., a, b, c, d] = ip.octets();
    if translated {
        return Some(Ipv4Addr::new(a, b, c, d));
    }
    ip.to_ipv4()
}

impl reqwest::dns::Resolve for Reach {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let found = self.clone().resolve(name.as_str().to_owned());
        Box::pin(async move {
            let found: reqwest::dns::Addrs = Box::new(found.await?);
            Ok(found)
        })
    }
}

impl Service<dns::Name> for Reach {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: dns::Name) -> Self::Future {
        let found = self.clone().resolve(name.as_str().to_owned());
        Box::pin(async move { Ok(found.await?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        let parse = |text: &&str| SocketAddr::new(text.parse().unwrap(), 0);
        texts.iter().map(parse).collect()
    }

    #[test]
    fn addresses_of_private_networks_are_known_however_they_are_written() {
        let reach = Reach::guarded();
        for inside in [
            "https://127.0.0.1:1",
            "https://10.1.2.3:1",
            "https://169.254.169.254",
            "https://100.100.100.200",
            "https://0.0.0.0",
            "https://0.1.2.3",
            "https://[::]:1",
            "https://[::1]:1",
            "https://[::ffff:10.0.0.1]:1",
            "https://[::ffff:0.0.0.0]:1",
            "https://[64:ff9b::7f00:1]:1",
            "https://[fe80::1]:1",
            "https://[fd00::1]:1",
            "https://localhost:1",
            "https://a.localhost.:1",
            "https://2130706433:1",
            "https://0x7f.1:1",
        ] {
            assert!(reach.is_inside(&url(inside)), "{inside}");
        }
        for outside in [
            "https://8.8.8.8",
            "https://100.128.0.1",
            "https://[2606:4700::1111]",
            "https://[64:ff9b::808:808]",
            "https://o.example",
        ] {
            assert!(!reach.is_inside(&url(outside)), "{outside}");
        }
    }

    #[test]
    fn a_name_leads_inside_only_when_the_operator_gave_it() {
        let reach = Reach::guarded();
        let own = url("https://orchestrator:8935");
        reach.allow(&own);
        assert!(!reach.is_inside(&own), "nobody asked yet");
        let inside = addresses(&["172.18.0.4"]);
        let found = reach.judge("orchestrator".to_owned(), inside.clone());
        assert_eq!(found.unwrap(), inside);
        assert!(reach.is_inside(&own));

        let refused = reach.judge("evil.example".to_owned(), addresses(&["8.8.8.8", "::1"]));
        assert!(matches!(refused, Err(ReachError::Inside(name)) if name == "evil.example"));
        let public = addresses(&["8.8.8.8"]);
        let found = reach.judge("o.example".to_owned(), public.clone());
        assert_eq!(found.unwrap(), public);
        let anywhere = Reach::anywhere().judge("evil.example".to_owned(), inside.clone());
        assert_eq!(anywhere.unwrap(), inside);
    }

    #[test]
    fn the_names_are_bounded() {
        let reach = Reach::guarded();
        for number in 0..=MAX_NAMES {
            reach.allow(&url(&format!("https://o{number}.example")));
        }
        assert_eq!(reach.names().unwrap().len(), MAX_NAMES);
    }
}
