//! Sizes and names of Rust sources.

use std::path::{Path, PathBuf};

use anyhow::Context;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::Finding;

/// Lines a file may have before its tests.
const MAX_FILE_LINES: usize = 600;

/// Lines a function may have.
const MAX_FUNCTION_LINES: usize = 70;

/// Names that say nothing about what a module holds.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "common", "core", "helpers", "misc", "mod"];

pub(super) fn check(
    root: &Path,
    files: &[PathBuf],
    findings: &mut Vec<Finding>,
) -> anyhow::Result<()> {
    for file in files
        .iter()
        .filter(|file| file.extension().is_some_and(|e| e == "rs"))
    {
        let stem = file
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        if EMPTY_NAMES.contains(&stem) {
            findings.push(Finding::new(
                file,
                1,
                format!("a module called {stem} says nothing"),
            ));
        }
        let text = std::fs::read_to_string(root.join(file))?;
        let before_tests = text
            .lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"))
            .count();
        if before_tests > MAX_FILE_LINES && !in_test_folder(file) {
            let problem = format!("{before_tests} lines before tests, at most {MAX_FILE_LINES}");
            findings.push(Finding::new(file, 1, problem));
        }
        let parsed =
            syn::parse_file(&text).with_context(|| format!("{} does not parse", file.display()))?;
        Functions { file, findings }.visit_file(&parsed);
    }
    Ok(())
}

fn in_test_folder(file: &Path) -> bool {
    file.components().any(|part| part.as_os_str() == "tests")
}

struct Functions<'a> {
    file: &'a Path,
    findings: &'a mut Vec<Finding>,
}

impl Functions<'_> {
    fn measure(&mut self, name: &syn::Ident, span: proc_macro2::Span) {
        let (first, last) = (span.start().line, span.end().line);
        let lines = last - first + 1;
        if lines > MAX_FUNCTION_LINES {
            let problem = format!("fn {name} has {lines} lines, at most {MAX_FUNCTION_LINES}");
            self.findings.push(Finding::new(self.file, first, problem));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let is_test = module.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Ident>()
                    .is_ok_and(|i| i == "test")
        });
        if !is_test {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if !in_test_folder(self.file) {
            self.measure(&function.sig.ident, function.block.span());
        }
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !in_test_folder(self.file) {
            self.measure(&function.sig.ident, function.block.span());
        }
        visit::visit_impl_item_fn(self, function);
    }
}
