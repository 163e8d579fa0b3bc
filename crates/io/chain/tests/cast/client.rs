//! The program.

use std::process::Command;

pub(crate) struct Client(pub(crate) String);

impl Client {
    /// What it prints; it must succeed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        self.try_run(arguments)
            .unwrap_or_else(|error| panic!("cast {}: {error}", arguments.join(" ")))
    }

    /// What it prints, or what it says where it fails.
    pub(crate) fn try_run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(&self.0)
            .args(arguments)
            .output()
            .expect("CAST names a program");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(output.stdout))
        } else {
            Err(text(output.stderr))
        }
    }
}

/// A value as cast prints it, without the short form that it adds to long numbers.
pub(crate) fn plain(line: &str) -> String {
    let (number, short) = line.split_once(" [").unwrap_or((line, ""));
    if short.ends_with(']') && number.chars().all(|c| c.is_ascii_digit()) {
        number.to_owned()
    } else {
        line.to_owned()
    }
}
