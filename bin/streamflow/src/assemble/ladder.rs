//! The renditions a gateway makes, from preset names or a JSON file.

use std::path::Path;

use streamflow_gateway::Ladder;
use streamflow_types::Profile;
use streamflow_wire::profile::parse_ladder;

use crate::config;
use crate::failure::Failure;

/// Largest ladder file; a larger one is the wrong file.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Reads the ladder the settings name.
pub(super) fn read(ladder: &config::Ladder) -> Result<Ladder, Failure> {
    match ladder {
        config::Ladder::Auto => Ok(Ladder::Auto),
        config::Ladder::Presets(names) => {
            let profiles = names.iter().map(|name| Profile::preset(name));
            let profiles: Result<Vec<_>, _> = profiles.collect();
            profiles.map(Ladder::Profiles).map_err(|error| {
                let known: Vec<_> = streamflow_types::presets()
                    .map(|preset| preset.name)
                    .collect();
                Failure::usage("ladder", format!("gateway.ladder: {error}"))
                    .hint(format!("presets are {}", known.join(", ")))
            })
        }
        config::Ladder::File(path) => file(path).map(Ladder::Profiles),
    }
}

fn file(path: &Path) -> Result<Vec<Profile>, Failure> {
    let fail = |problem: String| {
        Failure::usage(
            "ladder",
            format!("gateway.ladder: {}: {problem}", path.display()),
        )
    };
    let size = std::fs::metadata(path)
        .map_err(|error| fail(error.to_string()))?
        .len();
    if size > MAX_FILE_BYTES {
        return Err(fail("too large for a ladder".to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    parse_ladder(&text).map_err(|error| fail(error.to_string()))
}
