//! Words that do not belong in the tree: unfinished work, and paths of one machine.

use std::path::{Path, PathBuf};

use super::Finding;

/// Marks of unfinished work, each in two halves so that this file does not find itself.
const UNFINISHED: [(&str, &str); 4] = [
    ("todo", "!("),
    ("unimplemented", "!("),
    ("FIX", "ME"),
    ("#[ign", "ore"),
];

/// Starts of absolute paths that exist on one machine only.
const PRIVATE_PATHS: [&str; 3] = ["/root/", "/home/", "/work/"];

pub(super) fn check(
    root: &Path,
    files: &[PathBuf],
    findings: &mut Vec<Finding>,
) -> anyhow::Result<()> {
    for file in files.iter().filter(|file| is_text(file)) {
        let Ok(text) = std::fs::read_to_string(root.join(file)) else {
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            if is_code(file)
                && let Some((a, b)) = UNFINISHED
                    .iter()
                    .find(|(a, b)| line.contains(&format!("{a}{b}")))
            {
                findings.push(Finding::new(
                    file,
                    index + 1,
                    format!("unfinished by its own word: {a}{b}"),
                ));
            }
            if let Some(path) = PRIVATE_PATHS.iter().find(|path| names_path(line, path)) {
                findings.push(Finding::new(
                    file,
                    index + 1,
                    format!("path of one machine: {path}…"),
                ));
            }
        }
    }
    Ok(())
}

/// Whether the line holds the path as the start of an absolute one, and not this rule itself.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + path.len()..].chars().next();
        before.is_none_or(|c| !c.is_alphanumeric() && !"_.$}/".contains(c))
            && after.is_some_and(|c| c.is_ascii_lowercase() || c == '.')
    })
}

fn is_code(file: &Path) -> bool {
    file.extension().is_some_and(|e| {
        ["rs", "sh", "ts", "js", "mjs", "sol"]
            .iter()
            .any(|x| e == *x)
    }) && !file.components().any(|part| part.as_os_str() == "vendor")
}

fn is_text(file: &Path) -> bool {
    let known = [
        "rs", "sh", "toml", "md", "js", "mjs", "html", "css", "json", "yml", "proto", "sol",
    ];
    (file.extension().is_none()
        || file
            .extension()
            .is_some_and(|e| known.iter().any(|x| e == *x)))
        && !file.starts_with("tests/vectors")
        && !file.components().any(|part| part.as_os_str() == "vendor")
}
