//! Whether a program that said hello may be used as a worker.

use std::io;

use crate::pool::config::PoolConfig;
use crate::protocol::{Hello, Layer, PROTOCOL_VERSION};

/// Why a worker did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The program could not be run: install it beside the node.
    #[error("worker program {program}: {source}")]
    Program {
        /// Where it was looked for.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused something the pool needs.
    #[error("worker pool: {0}")]
    System(#[from] io::Error),
    /// It started and said nothing sensible.
    #[error("the worker did not come up: {reason}; it printed: {printed}")]
    Silent {
        /// What went wrong.
        reason: String,
        /// The last of its output.
        printed: String,
    },
    /// It is of another build than the node.
    #[error(
        "the worker speaks protocol {theirs}, this node {PROTOCOL_VERSION}; install both from one build"
    )]
    Protocol {
        /// Its number.
        theirs: u32,
    },
    /// Layers of its sandbox are missing.
    #[error(
        "the worker's sandbox lacks {layers}; allow this with --allow-missing-sandbox, or change the system"
    )]
    MissingLayers {
        /// Which, and why.
        layers: String,
    },
    /// Its FFmpeg is too old to be trusted with foreign video.
    #[error(
        "FFmpeg {found} is older than {oldest}; upgrade it, or allow this with --allow-missing-sandbox ffmpeg-version"
    )]
    OldFfmpeg {
        /// What it has.
        found: String,
        /// What is needed.
        oldest: String,
    },
}

/// Whether a worker of this kind may be used.
pub(super) fn judge(hello: &Hello, config: &PoolConfig) -> Result<(), LaunchError> {
    if hello.protocol != PROTOCOL_VERSION {
        return Err(LaunchError::Protocol {
            theirs: hello.protocol,
        });
    }
    // What it does not name at all is missing too.
    let missing: Vec<String> = Layer::ALL
        .into_iter()
        .filter(|layer| *layer != Layer::FfmpegVersion && !hello.active.contains(layer))
        .filter(|layer| !config.allow_missing_layers.contains(layer))
        .map(|layer| {
            let known = hello.missing.iter().find(|missing| missing.layer == layer);
            let reason = known.map_or("not reported", |missing| missing.reason.as_str());
            format!("{layer} ({reason})")
        })
        .collect();
    if !missing.is_empty() {
        return Err(LaunchError::MissingLayers {
            layers: missing.join(", "),
        });
    }
    let old = version(&hello.ffmpeg).is_none_or(|found| found < config.oldest_ffmpeg);
    if old && !config.allow_missing_layers.contains(&Layer::FfmpegVersion) {
        let (major, minor) = config.oldest_ffmpeg;
        return Err(LaunchError::OldFfmpeg {
            found: hello.ffmpeg.clone(),
            oldest: format!("{major}.{minor}"),
        });
    }
    Ok(())
}

/// Major and minor of texts such as `5.1.9-0+deb12u1`, `n7.0` or `6.1`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text
        .trim_start_matches(|c: char| !c.is_ascii_digit())
        .split(|c: char| !c.is_ascii_digit());
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use streamflow_runtime::Metrics;

    use super::*;
    use crate::protocol::MissingLayer;

    #[test]
    fn versions_are_read_from_the_forms_distributions_use() {
        assert_eq!(version("5.1.9-0+deb12u1"), Some((5, 1)));
        assert_eq!(version("n7.0"), Some((7, 0)));
        assert_eq!(version("6"), Some((6, 0)));
        assert_eq!(version("git"), None);
    }

    #[test]
    fn a_missing_layer_or_an_old_library_needs_the_operators_word() {
        let mut config = PoolConfig::new("worker".into(), Metrics::new());
        let mut hello = Hello {
            protocol: PROTOCOL_VERSION,
            version: "0".to_owned(),
            ffmpeg: "5.1".to_owned(),
            active: Layer::ALL.to_vec(),
            missing: Vec::new(),
            capabilities: Vec::new(),
            device: None,
        };
        assert!(judge(&hello, &config).is_ok());
        hello.active.retain(|layer| *layer != Layer::UserNamespace);
        hello.missing = vec![MissingLayer {
            layer: Layer::UserNamespace,
            reason: "Operation not permitted".to_owned(),
        }];
        let error = judge(&hello, &config).unwrap_err().to_string();
        assert!(
            error.contains("user-namespace (Operation not permitted)"),
            "{error}"
        );
        config.allow_missing_layers.insert(Layer::UserNamespace);
        assert!(judge(&hello, &config).is_ok());
        hello.ffmpeg = "4.4.2".to_owned();
        assert!(matches!(
            judge(&hello, &config),
            Err(LaunchError::OldFfmpeg { .. })
        ));
        let theirs = PROTOCOL_VERSION + 1;
        hello.protocol = theirs;
        assert!(matches!(
            judge(&hello, &config),
            Err(LaunchError::Protocol { theirs: said }) if said == theirs
        ));
    }
}
