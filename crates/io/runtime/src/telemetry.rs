//! Logs: one line an event on standard error, as text or JSON, never in the way of the work.

mod writer;

use std::io::Write;
use std::str::FromStr;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people: time, level, message, `key=value`.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

impl FromStr for LogFormat {
    type Err = TelemetryError;

    fn from_str(text: &str) -> Result<Self, TelemetryError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(TelemetryError::Format(text.to_owned())),
        }
    }
}

/// Why logging could not be set up or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// Tell the person which levels there are.
    #[error(
        "log level {0:?} is none of error, warn, info, debug, trace, nor a list like info,streamflow_rpc=debug"
    )]
    Level(String),
    /// Tell the person which formats there are.
    #[error("log format {0:?} is neither text nor json")]
    Format(String),
    /// A bug: logging is set up once, in `main`.
    #[error("logging was already set up")]
    Twice,
    /// The writer thread could not be started.
    #[error("the log writer could not be started")]
    Thread(#[source] std::io::Error),
}

/// Running logs. Dropping it writes out what waits.
#[derive(Debug)]
pub struct Logs {
    filter: reload::Handle<EnvFilter, Registry>,
    writer: writer::Queue,
    _flush: writer::Flush,
}

/// Sends the logs of this process to standard error. Called once, by `main`.
pub fn init(level: &str, format: LogFormat) -> Result<Logs, TelemetryError> {
    let (subscriber, logs) = prepare(level, format, std::io::stderr())?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| TelemetryError::Twice)?;
    Ok(logs)
}

impl Logs {
    /// Changes the level of the running process.
    pub fn set_level(&self, level: &str) -> Result<(), TelemetryError> {
        let filter = parse_level(level)?;
        self.filter
            .reload(filter)
            .map_err(|_| TelemetryError::Level(level.to_owned()))
    }

    /// Lines lost because standard error did not take them in time.
    pub fn dropped(&self) -> u64 {
        self.writer.dropped()
    }
}

type Subscriber = Box<dyn tracing::Subscriber + Send + Sync>;

fn prepare(
    level: &str,
    format: LogFormat,
    out: impl Write + Send + 'static,
) -> Result<(Subscriber, Logs), TelemetryError> {
    let (filter, handle) = reload::Layer::new(parse_level(level)?);
    let (queue, flush) = writer::start(out).map_err(TelemetryError::Thread)?;
    let registry = tracing_subscriber::registry().with(filter);
    let layer = fmt::layer().with_ansi(false).with_writer(queue.clone());
    let subscriber: Subscriber = match format {
        LogFormat::Text => Box::new(registry.with(layer)),
        LogFormat::Json => Box::new(registry.with(layer.json().flatten_event(true))),
    };
    Ok((
        subscriber,
        Logs {
            filter: handle,
            writer: queue,
            _flush: flush,
        },
    ))
}

fn parse_level(level: &str) -> Result<EnvFilter, TelemetryError> {
    if level.trim().is_empty() {
        return Err(TelemetryError::Level(level.to_owned()));
    }
    EnvFilter::builder()
        .parse(level)
        .map_err(|_| TelemetryError::Level(level.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Captured {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn text_lines_carry_fields_and_the_level_can_change() {
        let out = Captured::default();
        let (subscriber, logs) = prepare("info", LogFormat::Text, out.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("hidden");
            tracing::info!(manifestID = "abc", seqNo = 4, "published");
            logs.set_level("debug").unwrap();
            tracing::debug!("shown");
        });
        drop(logs);
        let text = out.text();
        assert!(!text.contains("hidden") && text.contains("shown"), "{text}");
        assert!(
            text.contains("published manifestID=\"abc\" seqNo=4"),
            "{text}"
        );
    }

    #[test]
    fn json_lines_are_objects_with_fields_at_the_top() {
        let out = Captured::default();
        let (subscriber, logs) = prepare("info", LogFormat::Json, out.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || tracing::info!(sender = "0x0", "paid"));
        drop(logs);
        let text = out.text();
        assert!(
            text.starts_with('{') && text.trim_end().ends_with('}'),
            "{text}"
        );
        assert!(text.contains("\"sender\":\"0x0\"") && text.contains("\"message\":\"paid\""));
    }

    #[test]
    fn nonsense_levels_and_formats_are_refused() {
        assert!(matches!(
            parse_level("x=loud"),
            Err(TelemetryError::Level(_))
        ));
        assert!(matches!(parse_level(" "), Err(TelemetryError::Level(_))));
        assert!(matches!(
            "xml".parse::<LogFormat>(),
            Err(TelemetryError::Format(_))
        ));
    }
}
