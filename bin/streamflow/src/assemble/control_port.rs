//! The control port of a role: health, metrics and control API on loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use streamflow_admin::{ControlApi, Node, check_bind, router};
use streamflow_rpc::{ServerLimits, serve};
use streamflow_runtime::Shutdown;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::ground::Ground;
use crate::config::Layers;
use crate::failure::Failure;
use crate::output::Output;
use crate::ports::{WhenTaken, listen};

/// Listens for operators.
pub(super) async fn open(
    ground: &Ground,
    address: SocketAddr,
    layers: &Layers,
    table: &str,
    when_taken: WhenTaken,
    output: Output,
) -> Result<TcpListener, Failure> {
    check_bind(address, false, &ground.access)
        .map_err(|error| Failure::usage("control-exposed", error))?;
    let origin = layers.origin(table, "control_addr");
    let listener = listen("the control API", address, &origin, when_taken, output).await?;
    if let Ok(address) = listener.local_addr() {
        ground.place.note_control(address);
    }
    Ok(listener)
}

/// A served control port. It answers until the role has ended, so that a drain can be watched.
pub(super) struct ControlPort {
    shutdown: Shutdown,
    server: AbortOnDropHandle<()>,
}

/// Serves the role's control API on the listener.
pub(super) fn start(
    ground: &Ground,
    listener: TcpListener,
    control: Arc<dyn ControlApi>,
) -> ControlPort {
    let node = Node {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        network: ground.network.clone(),
        clock: ground.clock.clone(),
        metrics: ground.metrics.clone(),
        readiness: ground.readiness.clone(),
        control,
    };
    let routes = router(node, ground.access.clone());
    let shutdown = ground.shutdown.stage();
    let stopper = shutdown.clone();
    let server = async move {
        serve(
            listener,
            None,
            routes,
            ServerLimits::of_this_machine(),
            stopper,
        )
        .await;
    };
    ControlPort {
        shutdown,
        server: AbortOnDropHandle::new(tokio::spawn(server)),
    }
}

impl ControlPort {
    /// Answers what is being asked and closes.
    pub(super) async fn close(self) {
        self.shutdown.drain();
        // A panic in there was reported by the server itself.
        let _ = self.server.await;
    }
}
