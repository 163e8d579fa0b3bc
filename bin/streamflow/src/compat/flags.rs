//! The flags of the network's first node program: what each becomes here.

use crate::cli::Verb;

/// Why flags about money are refused.
pub(super) const PAYMENTS: &str = "payments on chain are not offered by this build yet";

/// A flag.
pub(super) struct Flag {
    pub(super) name: &'static str,
    /// On or off: takes no value of its own.
    pub(super) is_switch: bool,
    pub(super) class: Class,
}

/// What a flag becomes.
#[derive(Clone, Copy)]
pub(super) enum Class {
    /// Chooses the role.
    Role,
    /// Settings of ours.
    Honoured(fn(&str, &Verb) -> Result<Translation, String>),
    /// Nothing, for this reason; a warning says so.
    NoEffect(&'static str),
    /// The start stops: ignoring it would change who pays, who may connect, what is kept.
    Refused(&'static str),
}

/// What a flag's value becomes.
pub(super) enum Translation {
    /// Settings by path.
    Settings(Vec<(&'static str, String)>),
    /// The shared secret.
    Secret(String),
    /// Nothing for this role, for this reason.
    NoEffect(&'static str),
}

/// The flag of this name.
pub(super) fn find(name: &str) -> Option<&'static Flag> {
    let name = if name == "dataDir" { "datadir" } else { name };
    FLAGS.iter().find(|flag| flag.name == name)
}

const fn flag(name: &'static str, class: Class) -> Flag {
    Flag {
        name,
        is_switch: false,
        class,
    }
}

const fn switch(name: &'static str, class: Class) -> Flag {
    Flag {
        name,
        is_switch: true,
        class,
    }
}

use Class::{Honoured, NoEffect, Refused, Role};

const NO_CHAIN: &str = "off chain orchestrators have no stake, price or address";
const NVIDIA_ONLY: &str = "this build works on the processor and on NVIDIA cards";
const STORE: &str = "external object stores and recordings are not offered by this build yet";
const EVENTS: &str = "event queues are not offered by this build yet";

pub(super) const FLAGS: &[Flag] = &[
    // Roles.
    switch("gateway", Role),
    switch("broadcaster", Role),
    switch("orchestrator", Role),
    switch("transcoder", Honoured(transcoder)),
    flag("config", Role),
    // Honoured.
    flag("network", Honoured(network)),
    flag(
        "rtmpAddr",
        Honoured(|value, verb| gateway("gateway.rtmp_addr", address(value, 1935), verb)),
    ),
    flag("httpAddr", Honoured(http_addr)),
    flag("cliAddr", Honoured(cli_addr)),
    flag("serviceAddr", Honoured(service_addr)),
    flag("orchAddr", Honoured(orch_addr)),
    flag(
        "orchWebhookUrl",
        Honoured(|value, verb| gateway("gateway.discovery_webhook", value.into(), verb)),
    ),
    flag(
        "orchMinLivepeerVersion",
        Honoured(|value, verb| gateway("gateway.min_version", value.into(), verb)),
    ),
    flag(
        "discoveryTimeout",
        Honoured(|value, verb| gateway("gateway.discovery_timeout", value.into(), verb)),
    ),
    flag(
        "maxAttempts",
        Honoured(|value, verb| gateway("gateway.max_attempts", value.into(), verb)),
    ),
    flag("maxSessions", Honoured(max_sessions)),
    flag("orchSecret", Honoured(secret)),
    flag(
        "transcodingOptions",
        Honoured(|value, verb| gateway("gateway.ladder", ladder(value), verb)),
    ),
    switch(
        "currentManifest",
        Honoured(|value, verb| gateway("gateway.current_manifest", value.into(), verb)),
    ),
    switch(
        "httpIngest",
        Honoured(|value, verb| gateway("gateway.http_ingest", value.into(), verb)),
    ),
    flag("authWebhookUrl", Honoured(auth_webhook)),
    switch(
        "metricsPerStream",
        Honoured(|value, _| one("metrics.per_stream", value.into())),
    ),
    switch(
        "metricsClientIP",
        Honoured(|value, _| one("metrics.client_ip", value.into())),
    ),
    flag(
        "datadir",
        Honoured(|value, _| one("node.data_dir", value.into())),
    ),
    flag("v", Honoured(verbosity)),
    switch(
        "startupAvailabilityCheck",
        Honoured(|value, _| one("orchestrator.startup_check", value.into())),
    ),
    flag("nvidia", Honoured(nvidia)),
    // Without effect.
    switch(
        "monitor",
        NoEffect("metrics are always served on the control address"),
    ),
    flag("netint", NoEffect(NVIDIA_ONLY)),
    switch(
        "testTranscoder",
        NoEffect("the media workers are always tried at start"),
    ),
    switch(
        "hevcDecoding",
        NoEffect("capabilities follow from what the media library can do"),
    ),
    switch("localVerify", NoEffect("renditions are always verified")),
    flag("orchBlocklist", NoEffect(NO_CHAIN)),
    flag(
        "extraNodes",
        NoEffect("one node of each orchestrator is asked"),
    ),
    flag("nodes", NoEffect("one address is advertised")),
    flag(
        "liveAICapReportInterval",
        NoEffect("there is no background polling off chain"),
    ),
    flag("selectRandFreq", NoEffect(NO_CHAIN)),
    flag("selectStakeWeight", NoEffect(NO_CHAIN)),
    flag("selectPriceWeight", NoEffect(NO_CHAIN)),
    flag("selectPriceExpFactor", NoEffect(NO_CHAIN)),
    flag(
        "orchPerfStatsUrl",
        NoEffect("orchestrators are chosen by their own record"),
    ),
    flag(
        "region",
        NoEffect("orchestrators are chosen by their own record"),
    ),
    flag(
        "minPerfScore",
        NoEffect("orchestrators are chosen by their own record"),
    ),
    flag("FVfailGsbucket", NoEffect("failed renditions are not kept")),
    flag("FVfailGskey", NoEffect("failed renditions are not kept")),
    flag("metadataQueueUri", NoEffect(EVENTS)),
    flag("metadataAmqpExchange", NoEffect(EVENTS)),
    flag("metadataPublishTimeout", NoEffect(EVENTS)),
    flag("kafkaBootstrapServers", NoEffect(EVENTS)),
    flag("kafkaUser", NoEffect(EVENTS)),
    flag("kafkaPassword", NoEffect(EVENTS)),
    flag("kafkaGatewayTopic", NoEffect(EVENTS)),
    flag("gatewayHost", NoEffect(EVENTS)),
    // Refused.
    flag(
        "verifierUrl",
        Refused("another verifier would judge differently from this node"),
    ),
    flag(
        "verifierPath",
        Refused("another verifier would judge differently from this node"),
    ),
    flag("objectStore", Refused(STORE)),
    flag("recordStore", Refused(STORE)),
    switch("redeemer", Refused(PAYMENTS)),
    switch("remoteSigner", Refused(PAYMENTS)),
    switch("reward", Refused(PAYMENTS)),
    switch("initializeRound", Refused(PAYMENTS)),
    flag("initializeRoundMaxDelay", Refused(PAYMENTS)),
    flag("maxPricePerUnit", Refused(PAYMENTS)),
    switch("ignoreMaxPriceIfNeeded", Refused(PAYMENTS)),
    flag("pricePerUnit", Refused(PAYMENTS)),
    flag("pixelsPerUnit", Refused(PAYMENTS)),
    flag("priceFeedAddr", Refused(PAYMENTS)),
    switch("autoAdjustPrice", Refused(PAYMENTS)),
    flag("pricePerGateway", Refused(PAYMENTS)),
    flag("pricePerBroadcaster", Refused(PAYMENTS)),
    flag("ethAcctAddr", Refused(PAYMENTS)),
    flag("ethPassword", Refused(PAYMENTS)),
    flag("ethKeystorePath", Refused(PAYMENTS)),
    flag("ethUrl", Refused(PAYMENTS)),
    flag("ethController", Refused(PAYMENTS)),
    flag("ethOrchAddr", Refused(PAYMENTS)),
    flag("transactionTimeout", Refused(PAYMENTS)),
    flag("maxTransactionReplacements", Refused(PAYMENTS)),
    flag("gasLimit", Refused(PAYMENTS)),
    flag("minGasPrice", Refused(PAYMENTS)),
    flag("maxGasPrice", Refused(PAYMENTS)),
    flag("ticketEV", Refused(PAYMENTS)),
    flag("maxFaceValue", Refused(PAYMENTS)),
    flag("maxTicketEV", Refused(PAYMENTS)),
    flag("maxTotalEV", Refused(PAYMENTS)),
    flag("depositMultiplier", Refused(PAYMENTS)),
    flag("blockPollingInterval", Refused(PAYMENTS)),
    flag("redeemerAddr", Refused(PAYMENTS)),
    flag("remoteSignerUrl", Refused(PAYMENTS)),
    flag("remoteSignerHeaders", Refused(PAYMENTS)),
    flag("remoteSignerWebhookUrl", Refused(PAYMENTS)),
    flag("remoteSignerWebhookHeaders", Refused(PAYMENTS)),
    switch("remoteSignerAllowNoAuth", Refused(PAYMENTS)),
    switch("remoteDiscovery", Refused(PAYMENTS)),
];

type Outcome = Result<Translation, String>;

fn one(path: &'static str, value: String) -> Outcome {
    Ok(Translation::Settings(vec![(path, value)]))
}

fn gateway(path: &'static str, value: String, verb: &Verb) -> Outcome {
    match verb {
        Verb::Gateway => one(path, value),
        _ => Ok(Translation::NoEffect("it is a gateway's")),
    }
}

fn transcoder(value: &str, verb: &Verb) -> Outcome {
    match verb {
        Verb::Orchestrator => one("orchestrator.transcoder", value.to_owned()),
        _ => Ok(Translation::Settings(Vec::new())),
    }
}

fn network(value: &str, _: &Verb) -> Outcome {
    match value {
        "offchain" => one("node.network", value.to_owned()),
        _ => Err(format!("{value:?}: {PAYMENTS}; only offchain is")),
    }
}

/// An address to bind without its scheme, with the port where it is missing.
fn address(value: &str, port: u16) -> String {
    let place = value.split_once("://").map_or(value, |(_, place)| place);
    if place.contains(':') {
        place.to_owned()
    } else {
        format!("{place}:{port}")
    }
}

fn http_addr(value: &str, verb: &Verb) -> Outcome {
    match verb {
        Verb::Gateway => one("gateway.http_addr", address(value, 9935)),
        Verb::Orchestrator => one("orchestrator.listen", address(value, 8935)),
        _ => Ok(Translation::NoEffect(
            "a transcoder opens no port for others",
        )),
    }
}

fn cli_addr(value: &str, verb: &Verb) -> Outcome {
    match verb {
        Verb::Orchestrator => one("orchestrator.control_addr", address(value, 7935)),
        Verb::Transcoder => one("transcoder.control_addr", address(value, 6935)),
        _ => one("gateway.control_addr", address(value, 5935)),
    }
}

fn service_addr(value: &str, verb: &Verb) -> Outcome {
    match verb {
        Verb::Orchestrator => one("orchestrator.service_addr", value.to_owned()),
        _ => Ok(Translation::NoEffect("it is an orchestrator's")),
    }
}

fn orch_addr(value: &str, verb: &Verb) -> Outcome {
    let first = value.split(',').next().unwrap_or_default().trim();
    match verb {
        Verb::Gateway => one("gateway.orch", value.to_owned()),
        Verb::Transcoder => one("transcoder.orch", first.to_owned()),
        _ => Ok(Translation::NoEffect("it is a gateway's or transcoder's")),
    }
}

fn max_sessions(value: &str, verb: &Verb) -> Outcome {
    match verb {
        Verb::Orchestrator => one("orchestrator.max_sessions", value.to_owned()),
        Verb::Transcoder => one("transcoder.capacity", value.to_owned()),
        _ => one("gateway.max_sessions", value.to_owned()),
    }
}

/// Numbers of cards, or all.
fn nvidia(value: &str, verb: &Verb) -> Outcome {
    if matches!(verb, Verb::Gateway) {
        return Ok(Translation::NoEffect(
            "a gateway's own engine looks for cards itself",
        ));
    }
    let devices = match value.trim() {
        "all" => "all".to_owned(),
        numbers => format!("nvidia:{numbers}"),
    };
    match devices.parse::<streamflow_engine::Devices>() {
        Ok(_) => one("engine.device", devices),
        Err(_) => Err(format!(
            "{value:?} is neither all nor a list of numbers such as 0,1"
        )),
    }
}

/// A literal, or the path of a file whose trimmed content is the secret.
fn secret(value: &str, _: &Verb) -> Outcome {
    let path = std::path::Path::new(value);
    if !path.is_file() {
        return Ok(Translation::Secret(value.to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{value}: {error}"))?;
    Ok(Translation::Secret(text.trim().to_owned()))
}

/// Presets by name, or a file.
fn ladder(value: &str) -> String {
    let is_file = std::path::Path::new(value).is_file();
    if is_file && !value.contains('/') {
        format!("./{value}")
    } else {
        value.to_owned()
    }
}

fn auth_webhook(value: &str, verb: &Verb) -> Outcome {
    match verb {
        Verb::Gateway => one("gateway.auth_webhook", value.to_owned()),
        Verb::Orchestrator => one("orchestrator.auth_webhook", value.to_owned()),
        _ => Ok(Translation::NoEffect(
            "it is for gateways and orchestrators",
        )),
    }
}

fn verbosity(value: &str, _: &Verb) -> Outcome {
    let level = match value.parse::<u32>() {
        Ok(0 | 1) => "error",
        Ok(2) => "warn",
        Ok(3) => "info",
        Ok(4 | 5) => "debug",
        Ok(_) => "trace",
        Err(_) => return Err(format!("{value:?} is no number")),
    };
    one("log.level", level.to_owned())
}
