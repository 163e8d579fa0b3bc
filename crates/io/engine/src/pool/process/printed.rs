//! What a worker prints: logged line by line, and its end kept for error messages.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// Longest line kept of what a worker prints, and how many of the last bytes an error shows.
const MAX_LINE: u64 = 1024;
const TAIL: usize = 600;

/// The last of what a worker printed.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(Arc<Mutex<String>>);

impl Tail {
    pub(super) fn push(&self, line: &str) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(line);
        text.push('\n');
        if text.len() > TAIL {
            let kept: String = text.chars().rev().take(TAIL / 2).collect();
            *text = kept.chars().rev().collect();
        }
    }

    pub(super) fn text(&self) -> String {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if text.trim().is_empty() {
            "nothing".to_owned()
        } else {
            text.trim().to_owned()
        }
    }
}

/// Logs what a worker prints, line by line and each of bounded length, until it ends.
pub(super) async fn forward(output: Option<impl AsyncRead + Unpin>, tail: Tail) {
    let Some(output) = output else { return };
    let mut lines = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut lines)
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .await
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end();
                tracing::debug!(target: "streamflow_worker", "{text}");
                tail.push(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn printed_lines_are_bounded() {
        let tail = Tail::default();
        let long = vec![b'x'; 100_000];
        forward(Some(&long[..]), tail.clone()).await;
        assert!(tail.text().len() <= TAIL);
    }
}
