//! What a command prints: data on standard output, everything else on standard error. With
//! `--json` standard output carries one envelope and nothing else, on failure too.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Table, presets};
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;

/// How a command speaks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Output {
    /// The JSON envelope instead of text.
    pub(crate) json: bool,
    /// No remarks on standard error.
    pub(crate) quiet: bool,
}

impl Output {
    /// The result: JSON of `data`, or `text` for people.
    pub(crate) fn data(self, data: &impl Serialize, text: impl FnOnce() -> String) {
        self.data_with(data, &[], text);
    }

    /// The result with warnings, which `text` has to say itself.
    pub(crate) fn data_with(
        self,
        data: &impl Serialize,
        warnings: &[String],
        text: impl FnOnce() -> String,
    ) {
        if self.json {
            // What we serialise has text keys and finite numbers, so this cannot fail.
            let data = serde_json::to_value(data).unwrap_or(Value::Null);
            print(&json!({"ok": true, "data": data, "warnings": warnings}).to_string());
        } else {
            print(&text());
        }
    }

    /// A remark for people.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet && !self.json {
            eprintln!("{text}");
        }
    }

    /// The end of a command that failed.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            let error = json!({
                "code": failure.code, "message": failure.message, "hint": failure.hint,
                "retryable": failure.retryable, "tx": failure.tx,
            });
            let mut envelope = json!({"ok": false, "error": error});
            if let Some(data) = &failure.data {
                envelope["data"] = data.clone();
            }
            print(&envelope.to_string());
        } else {
            eprintln!("error: {}", failure.message);
            if !failure.hint.is_empty() {
                eprintln!("  hint: {}", failure.hint);
            }
        }
    }

    /// Whether a person looks at standard output.
    pub(crate) fn is_terminal(self) -> bool {
        !self.json && io::stdout().is_terminal()
    }
}

/// Columns without lines between them.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    let lines: Vec<_> = table
        .lines()
        .map(|line| {
            line.strip_prefix(' ')
                .unwrap_or(&line)
                .trim_end()
                .to_owned()
        })
        .collect();
    lines.join("\n")
}

fn print(text: &str) {
    // A reader that left, as `head` does, is no failure of ours.
    let _ = writeln!(io::stdout(), "{}", text.trim_end_matches('\n'));
}
