//! What is known of a setting besides its value.

/// Who needs to know of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// In `--help`.
    Common,
    /// In `--help-all`.
    More,
    /// For the devnet and for tests; nowhere but in the source.
    Hidden,
}

/// A setting: `name` in the table `table` of the file, `--name` on the command line,
/// `STREAMFLOW_TABLE_NAME` in the environment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) table: &'static str,
    pub(crate) name: &'static str,
    pub(crate) level: Level,
    /// What values look like.
    pub(crate) kind: &'static str,
    /// Whether it takes several values.
    pub(crate) is_list: bool,
    /// Whether it is on or off.
    pub(crate) is_switch: bool,
    /// The default as it would stand in the file; `None` when unset.
    pub(crate) default: Option<&'static str>,
    /// What it does.
    pub(crate) help: &'static str,
}

impl Key {
    /// Its flag, without the dashes.
    pub(crate) fn flag(&self) -> String {
        let name = self.name.replace('_', "-");
        match self.table {
            // `--level` and `--per-stream` alone would not say of what.
            "log" | "metrics" => format!("{}-{name}", self.table),
            _ => name,
        }
    }

    /// Its name in the environment.
    pub(crate) fn variable(&self) -> String {
        format!("STREAMFLOW_{}_{}", self.table, self.name).to_ascii_uppercase()
    }

    /// Its name in messages.
    pub(crate) fn path(&self) -> String {
        format!("{}.{}", self.table, self.name)
    }
}
