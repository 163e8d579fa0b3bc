//! `streamflow up`: the roles of one machine in one process, for people. Ports move when taken and
//! the addresses are printed. The gateway comes with an engine of its own or, where an orchestrator
//! is asked for too, with that orchestrator.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

use super::{Start, gateway, orchestrator};
use crate::cli::{Up, UpRole};
use crate::config::{Fallback, OrchestratorUrl, Origin, Switch};
use crate::failure::Failure;
use crate::ports::{WhenTaken, listen};

/// Port of the orchestrator when nothing names another.
const ORCHESTRATOR_PORT: u16 = 8935;

/// Runs the roles until all have drained or one has failed.
pub(super) async fn run(start: Start, options: &Up) -> anyhow::Result<()> {
    let has = |role| options.roles.contains(&role);
    let works = has(UpRole::Transcoder);
    if options.no_dashboard {
        let remark = "this build serves no dashboard; --no-dashboard changes nothing";
        start.output.note(remark);
    }
    match (has(UpRole::Gateway), has(UpRole::Orchestrator)) {
        (true, false) => {
            let start = gateway_start(start, options, None);
            gateway::serve(start, WhenTaken::Move, Some(options)).await
        }
        (true, true) => {
            let (sells, listener) = orchestrator_start(&start, options.public, works).await?;
            let service = sells.config.orchestrator.service_addr.clone();
            let buys = gateway_start(start, options, service);
            let sells = orchestrator::serve(sells, Some(listener), WhenTaken::Move);
            let buys = gateway::serve(buys, WhenTaken::Move, Some(options));
            tokio::try_join!(sells, buys).map(|_| ())
        }
        (false, true) => {
            let (sells, listener) = orchestrator_start(&start, options.public, works).await?;
            let service = sells.config.orchestrator.service_addr.as_ref();
            let service = service.map(|url| url.0.to_string()).unwrap_or_default();
            start
                .output
                .data(&serde_json::json!({"service": service}), || {
                    format!("orchestrator at   {service}\nstop              Ctrl-C")
                });
            orchestrator::serve(sells, Some(listener), WhenTaken::Move).await
        }
        (false, false) => Err(Failure::usage(
            "roles",
            "a transcoder alone needs an orchestrator's address and secret",
        )
        .hint("run streamflow transcoder --orch HOST:PORT --secret-file FILE")
        .into()),
    }
}

/// The gateway's settings: open to others where asked, and without places that cannot work.
fn gateway_start(mut start: Start, options: &Up, service: Option<OrchestratorUrl>) -> Start {
    let chosen = start.layers.origin("gateway", "fallback") != Origin::Default;
    let table = &mut start.config.gateway;
    if options.public {
        everywhere(&mut table.rtmp_addr);
        everywhere(&mut table.http_addr);
    }
    let works = options.roles.contains(&UpRole::Transcoder) && service.is_none();
    table.orch.extend(service);
    let nobody = table.orch.is_empty() && table.discovery_webhook.is_none();
    if nobody {
        table.fallback.retain(|place| *place != Fallback::Network);
    }
    // One engine on a machine is enough, unless the person wants two.
    if !works && !chosen {
        table.fallback.retain(|place| *place != Fallback::Local);
    }
    start
}

/// The orchestrator's settings, and its port.
async fn orchestrator_start(
    start: &Start,
    public: bool,
    works: bool,
) -> Result<(Start, TcpListener), Failure> {
    let mut start = start.clone();
    let table = &mut start.config.orchestrator;
    if !works && table.secret_file.is_none() {
        let message = "an orchestrator without transcoder needs the secret of remote ones";
        return Err(Failure::usage("roles", message)
            .hint("add transcoder to --role, or set secret_file in [orchestrator] of the file"));
    }
    table.transcoder = Switch(table.transcoder.0 || works);
    let port = |url: &OrchestratorUrl| url.0.port_or_known_default();
    let port = table.service_addr.as_ref().and_then(port);
    let mut address = table.listen.unwrap_or_else(|| {
        let port = port.unwrap_or(ORCHESTRATOR_PORT);
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
    });
    if public {
        everywhere(&mut address);
    }
    // An address that was told to others cannot move.
    let fixed = table.service_addr.is_some() || table.listen.is_some();
    let when_taken = if fixed {
        WhenTaken::Fail
    } else {
        WhenTaken::Move
    };
    let origin = start.layers.origin("orchestrator", "listen");
    let name = "the orchestrator";
    let listener = listen(name, address, &origin, when_taken, start.output).await?;
    if table.service_addr.is_none() {
        let local = listener.local_addr().map_or(address, |bound| bound);
        let text = format!("https://127.0.0.1:{}", local.port());
        let url = text.parse().expect("an address and a port make a URL");
        table.service_addr = Some(OrchestratorUrl(url));
    }
    Ok((start, listener))
}

fn everywhere(address: &mut SocketAddr) {
    if address.ip().is_loopback() {
        address.set_ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }
}
