//! The client of a running node's control API, and how the node is found.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use streamflow_admin::ErrorBody;
use url::Url;

use crate::config::{Config, Secret};
use crate::failure::{Exit, Failure};
use crate::node::control_file;

/// A whole question and answer. A probe of an orchestrator takes the node up to 8 s.
const CALL_LIMIT: Duration = Duration::from_secs(15);

/// Finding out that nobody listens.
const DIAL_LIMIT: Duration = Duration::from_secs(2);

/// Which node to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Gateway,
    Orchestrator,
    Transcoder,
    /// The first that answers.
    Any,
}

impl Target {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Orchestrator => "orchestrator",
            Self::Transcoder => "transcoder",
            Self::Any => "node",
        }
    }
}

/// The way to the nodes of this machine, or to the one that was named.
#[derive(Debug)]
pub(crate) struct Control {
    client: reqwest::Client,
    named: Option<Url>,
    data_dir: PathBuf,
    usual: [(Target, Url); 3],
    token: Option<Secret>,
}

impl Control {
    pub(crate) fn new(config: &Config, named: Option<String>) -> Result<Self, Failure> {
        let read = |text: String| {
            let full = if text.contains("://") {
                text.clone()
            } else {
                format!("http://{text}")
            };
            full.parse::<Url>()
                .ok()
                .filter(|url| url.scheme() == "http" && url.has_host())
                .ok_or_else(|| {
                    Failure::usage("node", format!("--node {text:?} is no control address"))
                        .hint("write for example --node http://127.0.0.1:5935")
                })
        };
        let token = config
            .node
            .control_token_file
            .as_deref()
            .map(Secret::read)
            .transpose();
        let client = reqwest::Client::builder()
            .connect_timeout(DIAL_LIMIT)
            .timeout(CALL_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build();
        let url = |address: std::net::SocketAddr| {
            format!("http://{address}")
                .parse()
                .expect("a socket address makes a URL")
        };
        Ok(Self {
            client: client.map_err(|error| Failure::new(Exit::Unexpected, "client", error))?,
            named: named.map(read).transpose()?,
            data_dir: config.node.folder(),
            usual: [
                (Target::Gateway, url(config.gateway.control_addr)),
                (Target::Orchestrator, url(config.orchestrator.control_addr)),
                (Target::Transcoder, url(config.transcoder.control_addr)),
            ],
            token: token.map_err(|error| Failure::usage("secret-file", error))?,
        })
    }

    /// Where nodes may be, the named one alone when there is one.
    pub(crate) fn candidates(&self, target: Target) -> Vec<(Target, Url)> {
        if let Some(named) = &self.named {
            return vec![(Target::Any, named.clone())];
        }
        let wanted = |(role, _): &&(Target, Url)| target == Target::Any || *role == target;
        let place = |(role, usual): &(Target, Url)| {
            // A running node leaves a note of where it is, which may not be the usual place.
            let noted = std::fs::read_to_string(control_file(&self.data_dir, role.name()));
            let noted = noted.ok().and_then(|text| text.trim().parse().ok());
            (*role, noted.unwrap_or_else(|| usual.clone()))
        };
        self.usual.iter().filter(wanted).map(place).collect()
    }

    /// Asks for `path`.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        target: Target,
        path: &str,
    ) -> Result<T, Failure> {
        let text = self.raw(target, reqwest::Method::GET, path, None).await?;
        understand(&text)
    }

    /// Asks one node for `path`.
    pub(crate) async fn ask_at<T: DeserializeOwned>(
        &self,
        node: &Url,
        path: &str,
    ) -> Result<T, Failure> {
        understand(&self.send(node, reqwest::Method::GET, path, None).await?)
    }

    /// Posts to `path`.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        target: Target,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let body = body.map(serde_json::to_string).transpose();
        let body = body.map_err(|error| Failure::new(Exit::Unexpected, "json", error))?;
        understand(&self.raw(target, reqwest::Method::POST, path, body).await?)
    }

    /// The answer's body as text, from the first node that can be reached.
    pub(crate) async fn raw(
        &self,
        target: Target,
        method: reqwest::Method,
        path: &str,
        body: Option<String>,
    ) -> Result<String, Failure> {
        let candidates = self.candidates(target);
        let mut tried = Vec::new();
        for (_, node) in &candidates {
            match self.send(node, method.clone(), path, body.clone()).await {
                Err(failure) if failure.exit == Exit::Unreachable && failure.code == "no-node" => {
                    tried.push(node.as_str().trim_end_matches('/').to_owned());
                }
                outcome => return outcome,
            }
        }
        let message = format!("no {} answers at {}", target.name(), tried.join(", "));
        Err(Failure::new(Exit::Unreachable, "no-node", message)
            .hint("start one, or name another with --node URL"))
    }

    async fn send(
        &self,
        node: &Url,
        method: reqwest::Method,
        path: &str,
        body: Option<String>,
    ) -> Result<String, Failure> {
        let refuse = |error| Failure::usage("path", format!("{path:?}: {error}"));
        let url = node.join(path).map_err(refuse)?;
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        let lost = |error: reqwest::Error| {
            let code = if error.is_connect() {
                "no-node"
            } else {
                "node-silent"
            };
            Failure::new(
                Exit::Unreachable,
                code,
                format!("{node} does not answer ({error})"),
            )
        };
        let answer = request.send().await.map_err(lost)?;
        let status = answer.status();
        let text = answer.text().await.map_err(lost)?;
        if status.is_success() {
            Ok(text)
        } else {
            Err(refusal(status, &text))
        }
    }
}

fn understand<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let message = format!("the node's answer is not understood: {error}");
        Failure::new(Exit::Unreachable, "odd-answer", message)
            .hint("is it a streamflow node of this version?")
    })
}

fn refusal(status: reqwest::StatusCode, text: &str) -> Failure {
    let Ok(ErrorBody { error }) = serde_json::from_str(text) else {
        let message = format!("the node answered {status}: {}", text.trim());
        return Failure::new(Exit::Unreachable, "odd-answer", message);
    };
    let exit = match error.code.as_str() {
        "invalid" => Exit::Usage,
        "not-offered" | "not-found" => Exit::Precondition,
        "unreachable" => Exit::Unreachable,
        "refused" | "token-missing" | "host-refused" | "origin-refused" => Exit::Refused,
        _ => Exit::Unexpected,
    };
    let mut failure = Failure::new(exit, &error.code, error.message).hint(error.hint);
    failure.retryable = error.retryable;
    failure
}
