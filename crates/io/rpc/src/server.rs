//! One port for everything a node offers: gRPC, HTTP/2 and HTTP/1.1, with TLS or without.
//!
//! It owns connections and their limits; what is answered is the router's. Draining closes the
//! door, tells clients to go elsewhere and finishes what is in flight.

mod connection;
mod grpc_answer;
mod guard;
mod limits;
mod one_port;
mod stream;

pub use limits::ServerLimits;
pub use one_port::one_port;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use streamflow_runtime::Shutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::Identity;
use connection::Connection;
use limits::{Door, Ticket};

/// Pause after a failed accept: the machine is out of descriptors, and asking at once again would
/// only burn time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until `shutdown` drains and the last request is answered, or
/// until it stops. With an identity the port speaks TLS only, without one plaintext only.
///
/// The address of the client is there as `ConnectInfo<SocketAddr>`.
pub async fn serve(
    listener: TcpListener,
    tls: Option<&Identity>,
    router: Router,
    limits: ServerLimits,
    shutdown: Shutdown,
) {
    let tls = tls.map(|identity| TlsAcceptor::from(identity.server_config()));
    let door = Arc::new(Door::new(&limits));
    let mut connections = JoinSet::new();
    while let Some((stream, peer, ticket)) = admit(&listener, &door, &shutdown).await {
        let connection = Connection {
            peer,
            tls: tls.clone(),
            router: router.clone(),
            limits,
            ticket,
        };
        connections.spawn(connection.run(stream, shutdown.clone()));
        while let Some(ended) = connections.try_join_next() {
            report(ended);
        }
    }
    drop(listener);
    let finish = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    // Dropping the set, as on a stop, aborts what is left of it.
    let _ = shutdown.unless_stopped(finish).await;
}

/// The next connection that has a place, `None` when draining.
async fn admit(
    listener: &TcpListener,
    door: &Arc<Door>,
    shutdown: &Shutdown,
) -> Option<(TcpStream, SocketAddr, Ticket)> {
    loop {
        let place = shutdown.unless_draining(door.place()).await?;
        match shutdown.unless_draining(listener.accept()).await? {
            Ok((stream, peer)) => match door.admit(place, peer.ip()) {
                Some(ticket) => return Some((stream, peer, ticket)),
                None => tracing::debug!(clientIP = %peer.ip(), "too many connections from here"),
            },
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection task panicked");
    }
}
