//! How one stream is to be served: what its publisher, a webhook and the operator say, taken
//! together.

mod webhook;

use serde::Deserialize;
use streamflow_ingest::StreamName;
use streamflow_types::{ManifestId, Profile};
use streamflow_wire::profile::{JsonProfile, JsonProfileError};

pub(crate) use webhook::{AuthError, AuthWebhook};

use crate::config::Ladder;

/// Renditions of one stream: orchestrators take ten.
pub(crate) const MAX_PROFILES: usize = 10;

/// Largest factor of timeouts taken.
const MAX_MULTIPLIER: u32 = 10;

/// How one stream is to be served.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Its name here; a webhook may have chosen another one than the publisher.
    pub(crate) manifest: ManifestId,
    /// Its renditions.
    pub(crate) ladder: Ladder,
    /// Factor of timeouts.
    pub(crate) timeout_multiplier: u32,
    /// Restart hardware sessions with each segment.
    pub(crate) force_session_reinit: bool,
}

/// What a webhook or a header says of a stream. Unknown members are passed over.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StreamConfig {
    #[serde(rename = "manifestID")]
    manifest_id: Option<String>,
    presets: Option<Vec<String>>,
    profiles: Option<Vec<JsonProfile>>,
    #[serde(rename = "timeoutMultiplier")]
    timeout_multiplier: Option<i64>,
    #[serde(rename = "forceSessionReinit")]
    force_session_reinit: Option<bool>,
    /// Accepted; which results are compared is the gateway's own choice.
    #[serde(rename = "verificationFreq")]
    _verification_freq: Option<u64>,
    /// What was settled before, in place of presets and profiles.
    #[serde(skip)]
    settled: Option<Vec<Profile>>,
}

/// Why a stream cannot be served as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SetupError {
    /// A header of the wrong shape.
    #[error("{0}")]
    Shape(String),
    /// A webhook's answer without a name.
    #[error("empty manifest id not allowed")]
    NoManifest,
    /// A name that cannot be one.
    #[error("manifest id: {0}")]
    Manifest(#[from] streamflow_types::IdError),
    /// A bad profile refuses the stream.
    #[error(transparent)]
    Profile(#[from] JsonProfileError),
    /// Renditions nobody can tell apart, or more than anybody makes.
    #[error("{0}")]
    Ladder(String),
    /// Header and webhook ask for different renditions.
    #[error("the configuration header and the webhook ask for different profiles")]
    Conflict,
}

impl StreamConfig {
    /// From a configuration header.
    pub(crate) fn from_header(value: &serde_json::Value) -> Result<Self, SetupError> {
        serde_json::from_value(value.clone()).map_err(|error| SetupError::Shape(error.to_string()))
    }

    /// A stream with these renditions and defaults for the rest.
    pub(crate) fn of_profiles(profiles: Vec<Profile>) -> Self {
        Self {
            settled: Some(profiles),
            ..Self::default()
        }
    }

    /// From the members of a request to make a stream.
    pub(crate) fn of_parts(
        presets: Option<Vec<String>>,
        profiles: Option<Vec<JsonProfile>>,
    ) -> Self {
        Self {
            presets,
            profiles,
            ..Self::default()
        }
    }

    /// The profiles asked for: presets, then custom ones. `None` where nothing is asked for.
    pub(crate) fn profiles(&self) -> Result<Option<Vec<Profile>>, SetupError> {
        if let Some(settled) = &self.settled {
            return Ok(Some(settled.clone()));
        }
        if self.presets.is_none() && self.profiles.is_none() {
            return Ok(None);
        }
        // Nobody can tell which unknown presets others know.
        let presets = self
            .presets
            .iter()
            .flatten()
            .filter_map(|name| Profile::preset(name).ok());
        let mut profiles: Vec<Profile> = presets.collect();
        for custom in self.profiles.iter().flatten() {
            profiles.push(custom.to_profile()?);
        }
        check_ladder(&profiles)?;
        Ok(Some(profiles))
    }
}

/// Whether these can be the renditions of one stream.
pub(crate) fn check_ladder(profiles: &[Profile]) -> Result<(), SetupError> {
    if profiles.len() > MAX_PROFILES {
        let text = format!(
            "{} profiles; a stream has at most {MAX_PROFILES}",
            profiles.len()
        );
        return Err(SetupError::Ladder(text));
    }
    for (index, profile) in profiles.iter().enumerate() {
        let twice = profiles
            .iter()
            .take(index)
            .any(|other| other.name == profile.name);
        if twice || profile.name.is_empty() || profile.name == "source" {
            let text = format!(
                "profile {:?}: names are unique, not empty, not source",
                profile.name
            );
            return Err(SetupError::Ladder(text));
        }
    }
    Ok(())
}

/// The setup of a stream its publisher calls `external`. The header wins over the webhook, both
/// over the operator's ladder.
pub(crate) fn combine(
    external: &ManifestId,
    header: Option<&StreamConfig>,
    webhook: Option<&StreamConfig>,
    ladder: &Ladder,
) -> Result<Setup, SetupError> {
    let from_header = header.map(StreamConfig::profiles).transpose()?.flatten();
    let from_webhook = webhook.map(StreamConfig::profiles).transpose()?.flatten();
    if let (Some(ours), Some(theirs)) = (&from_header, &from_webhook)
        && ours != theirs
    {
        return Err(SetupError::Conflict);
    }
    let named = |config: Option<&StreamConfig>| {
        let name = config?
            .manifest_id
            .as_deref()
            .filter(|name| !name.is_empty())?;
        Some(StreamName::of_path(name).manifest)
    };
    let manifest = match named(header).or_else(|| named(webhook)) {
        Some(name) => ManifestId::new(&name)?,
        None if webhook.is_some() => return Err(SetupError::NoManifest),
        None => external.clone(),
    };
    let first = |pick: fn(&StreamConfig) -> Option<i64>| {
        header.and_then(pick).or_else(|| webhook.and_then(pick))
    };
    let multiplier = first(|config| config.timeout_multiplier).unwrap_or(1);
    let reinit = first(|config| config.force_session_reinit.map(i64::from));
    Ok(Setup {
        manifest,
        ladder: from_header
            .or(from_webhook)
            .map_or_else(|| ladder.clone(), Ladder::Profiles),
        timeout_multiplier: u32::try_from(multiplier)
            .unwrap_or(1)
            .clamp(1, MAX_MULTIPLIER),
        force_session_reinit: reinit == Some(1),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(value: serde_json::Value) -> StreamConfig {
        StreamConfig::from_header(&value).unwrap()
    }

    fn combined(
        header: Option<serde_json::Value>,
        webhook: Option<serde_json::Value>,
    ) -> Result<Setup, SetupError> {
        let external = ManifestId::new("ext").unwrap();
        let (header, webhook) = (header.map(config), webhook.map(config));
        combine(
            &external,
            header.as_ref(),
            webhook.as_ref(),
            &Ladder::default(),
        )
    }

    fn names(setup: &Setup) -> Vec<String> {
        match &setup.ladder {
            Ladder::Auto => vec!["auto".to_owned()],
            Ladder::Profiles(profiles) => profiles.iter().map(|p| p.name.clone()).collect(),
        }
    }

    #[test]
    fn presets_come_before_profiles_and_unknown_ones_are_dropped() {
        let setup = combined(
            Some(json!({
                "presets": ["P144p30fps16x9", "Pnone"],
                "profiles": [{"width": 320, "height": 180, "bitrate": 9000, "other": 1}],
                "unknown": {},
            })),
            None,
        )
        .unwrap();
        assert_eq!(names(&setup), ["P144p30fps16x9", "custom_320x180_9000"]);
        assert_eq!(setup.manifest.as_str(), "ext");
    }

    #[test]
    fn nothing_asked_means_the_operators_ladder_and_an_empty_list_none() {
        for none in [json!({}), json!({"profiles": null})] {
            let setup = combined(Some(none), None).unwrap();
            assert_eq!(names(&setup), ["P240p30fps16x9", "P360p30fps16x9"]);
        }
        assert!(names(&combined(Some(json!({"profiles": []})), None).unwrap()).is_empty());
    }

    #[test]
    fn a_webhook_names_the_stream_and_must_not_contradict_the_header() {
        let setup = combined(None, Some(json!({"manifestID": "live/inner/key"}))).unwrap();
        assert_eq!(setup.manifest.as_str(), "inner");
        let error = combined(None, Some(json!({"streamID": "x"}))).unwrap_err();
        assert_eq!(error, SetupError::NoManifest);
        let p240 = json!({"manifestID": "a", "presets": ["P240p30fps16x9"]});
        let p144 = json!({"presets": ["P144p30fps16x9"]});
        assert_eq!(
            combined(Some(p144), Some(p240.clone())).unwrap_err(),
            SetupError::Conflict
        );
        assert!(combined(Some(json!({"presets": ["P240p30fps16x9"]})), Some(p240)).is_ok());
    }

    #[test]
    fn timeouts_grow_within_reason_and_the_header_wins() {
        for (value, factor) in [(-3, 1), (0, 1), (1, 1), (4, 4), (99, MAX_MULTIPLIER)] {
            let setup = combined(Some(json!({"timeoutMultiplier": value})), None).unwrap();
            assert_eq!(setup.timeout_multiplier, factor, "{value}");
        }
        let webhook =
            json!({"manifestID": "a", "timeoutMultiplier": 5, "forceSessionReinit": true});
        let setup = combined(Some(json!({"timeoutMultiplier": 2})), Some(webhook)).unwrap();
        assert_eq!(
            (setup.timeout_multiplier, setup.force_session_reinit),
            (2, true)
        );
    }

    #[test]
    fn bad_profiles_refuse_the_stream() {
        let twice = json!({"profiles": [
            {"name": "a", "width": 320, "height": 180, "bitrate": 9000},
            {"name": "a", "width": 640, "height": 360, "bitrate": 9000},
        ]});
        assert!(matches!(
            combined(Some(twice), None),
            Err(SetupError::Ladder(_))
        ));
        let negative = json!({"profiles": [{"width": -1, "height": 180, "bitrate": 9000}]});
        assert!(matches!(
            combined(Some(negative), None),
            Err(SetupError::Profile(_))
        ));
        assert!(StreamConfig::from_header(&json!({"profiles": 7})).is_err());
    }
}
