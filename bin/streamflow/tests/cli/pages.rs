//! The pages in the documentation that are made by the program are those it makes now.

use std::path::Path;

use crate::program::Home;

/// Compares a committed page with what the program prints.
fn assert_current(page: &str, arguments: &[&str]) {
    let place = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/reference")
        .join(page);
    let committed = std::fs::read_to_string(&place).unwrap_or_default();
    let printed = Home::new().run(arguments).out;
    let first = committed
        .lines()
        .zip(printed.lines())
        .find(|(committed, printed)| committed != printed);
    assert!(
        committed == printed,
        "docs/reference/{page} is old; write it anew with `streamflow {} > docs/reference/{page}`; \
         first difference: {first:?}",
        arguments.join(" ")
    );
}

#[test]
fn the_page_of_settings_is_current() {
    assert_current("configuration.md", &["config", "reference"]);
}

#[test]
fn the_page_of_verbs_is_current() {
    assert_current("command-line.md", &["man", "--markdown"]);
}
