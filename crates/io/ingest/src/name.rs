//! How the path of a publish or push request names a stream.

/// What a path names, reduced to two parts. Either may be empty; the door fills in random ones.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct StreamName {
    /// The stream.
    pub manifest: String,
    /// What follows the first slash: the stream key of a publisher, the file of a push.
    pub rest: String,
}

impl StreamName {
    /// Reduces a path: the extension of its last element goes, leading spaces and slashes go, and
    /// so do a leading `stream/` and a leading `live/`; the remainder is split at its first slash.
    pub fn of_path(path: &str) -> Self {
        let mut path = without_extension(path).trim_start_matches([' ', '/']);
        for prefix in ["stream/", "live/"] {
            path = path.strip_prefix(prefix).unwrap_or(path);
        }
        match path.split_once('/') {
            Some((manifest, rest)) => Self {
                manifest: manifest.to_owned(),
                rest: rest.to_owned(),
            },
            None => Self {
                manifest: path.to_owned(),
                rest: String::new(),
            },
        }
    }
}

/// The extension of the last element with its dot; empty when it has none.
pub fn extension(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or_default();
    file.rfind('.')
        .and_then(|dot| file.get(dot..))
        .unwrap_or_default()
}

fn without_extension(path: &str) -> &str {
    path.strip_suffix(extension(path)).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_reduced_to_manifest_and_rest() {
        for (path, manifest, rest) in [
            ("/live/mani/17.ts", "mani", "17"),
            ("/live/0.ts", "0", ""),
            ("live/mani", "mani", ""),
            ("stream/mani/key", "mani", "key"),
            ("/stream/live/mani/key", "mani", "key"),
            ("  //mani/P240p30fps16x9/3.mp4", "mani", "P240p30fps16x9/3"),
            ("mani.m3u8", "mani", ""),
            ("/live/.ts", "", ""),
            ("/live/", "", ""),
            ("", "", ""),
            ("/live/a.b/3.ts", "a.b", "3"),
        ] {
            let name = StreamName::of_path(path);
            assert_eq!(
                (name.manifest.as_str(), name.rest.as_str()),
                (manifest, rest),
                "{path:?}"
            );
        }
    }

    #[test]
    fn a_manifest_that_ends_in_live_keeps_its_name() {
        assert_eq!(StreamName::of_path("/live/olive/0.ts").manifest, "olive");
        assert_eq!(StreamName::of_path("/live/live/0.ts").manifest, "live");
    }

    #[test]
    fn the_extension_is_that_of_the_last_element() {
        assert_eq!(extension("/live/a/0.m4v"), ".m4v");
        assert_eq!(extension("/live/a.b/0"), "");
        assert_eq!(extension("/live/é.ts"), ".ts");
    }
}
