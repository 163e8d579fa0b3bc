//! What a worker process uses, read from the system and not from the worker's own words.

use std::time::Duration;

/// Processor time and memory of one process.
#[derive(Debug)]
pub(super) struct Usage {
    pid: Option<u32>,
    ticks_per_second: u64,
    page_bytes: u64,
    cpu: Duration,
    resident: u64,
    resident_at_start: u64,
}

impl Usage {
    /// Of this process; all zero when it is gone.
    pub(super) fn of(pid: Option<u32>) -> Self {
        Self {
            pid,
            ticks_per_second: rustix::param::clock_ticks_per_second().max(1),
            page_bytes: rustix::param::page_size() as u64,
            cpu: Duration::ZERO,
            resident: 0,
            resident_at_start: 0,
        }
    }

    /// Looks again. What cannot be read stays as it was.
    pub(super) fn refresh(&mut self) {
        let Some(pid) = self.pid else { return };
        // Files of the process file system are made in memory: reading them does not wait.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
            return;
        };
        if let Some((ticks, pages)) = fields(&stat) {
            let millis = ticks.saturating_mul(1000) / self.ticks_per_second;
            self.cpu = Duration::from_millis(millis);
            self.resident = pages.saturating_mul(self.page_bytes);
        }
    }

    /// Takes the present memory as the one it started with.
    pub(super) fn settle(&mut self) {
        self.refresh();
        self.resident_at_start = self.resident;
    }

    /// Processor time of all its threads, as of the last look.
    pub(super) fn cpu(&self) -> Duration {
        self.cpu
    }

    /// Resident memory beyond that of the beginning.
    pub(super) fn growth_bytes(&self) -> u64 {
        self.resident.saturating_sub(self.resident_at_start)
    }
}

/// User plus system ticks and resident pages of a `stat` line. The name in parentheses may hold
/// spaces, so fields are counted from its end.
fn fields(stat: &str) -> Option<(u64, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let user: u64 = fields.nth(11)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let pages: u64 = fields.nth(8)?.parse().ok()?;
    Some((user.saturating_add(system), pages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_past_a_name_with_spaces() {
        let stat = "12 (a ) b) S 1 12 12 0 -1 4194560 5 0 0 0 70 30 0 0 20 0 3 0 99 4096 555 1844";
        assert_eq!(fields(stat), Some((100, 555)));
        assert_eq!(fields("nonsense"), None);
    }

    #[test]
    fn this_very_process_uses_memory_and_time() {
        let mut usage = Usage::of(Some(std::process::id()));
        usage.refresh();
        assert!(usage.growth_bytes() > 1 << 20);
        usage.settle();
        assert_eq!(usage.growth_bytes(), 0);
    }
}
