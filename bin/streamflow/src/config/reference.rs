//! The reference page of all settings, made from their declarations.

use std::fmt::Write;

use super::key::Level;
use super::tables::keys;

/// Every setting as a Markdown page.
pub(crate) fn reference() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         One TOML file. A flag beats the environment, the environment beats the file, the file \
         beats the default.\nUnknown keys are errors. Times and sizes have units (`\"2s\"`, \
         `\"64 MiB\"`). Secrets are files of mode 0600.\n",
    );
    let mut table = "";
    for key in keys().filter(|key| key.level != Level::Hidden) {
        // Writing to a string cannot fail.
        if key.table != table {
            table = key.table;
            let _ = write!(
                page,
                "\n## [{table}]\n\n| key | flag | environment | value | default | meaning |\n\
                 |---|---|---|---|---|---|\n"
            );
        }
        let kind = key.kind.replace('|', "\\|");
        let kind = if key.is_list {
            format!("list of {kind}")
        } else {
            kind
        };
        let default = key
            .default
            .map_or_else(String::new, |text| format!("`{text}`"));
        let _ = writeln!(
            page,
            "| `{}` | `--{}` | `{}` | {kind} | {default} | {} |",
            key.name,
            key.flag(),
            key.variable(),
            key.help.trim().replace('|', "\\|")
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_setting_but_hidden_ones() {
        let page = reference();
        for key in keys() {
            let there = page.contains(&format!(
                "| `{}` | `--{}` | `{}`",
                key.name,
                key.flag(),
                key.variable()
            ));
            assert_eq!(there, key.level != Level::Hidden, "{}", key.path());
        }
    }
}
