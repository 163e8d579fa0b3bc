//! The processor tokens of a node: as many as cores were allotted, shared by all its streams.
//!
//! A job starts with one token and may use as many threads as it holds. Who waits is served by
//! stream, the one that holds least first, and among equals by the oldest deadline. While nobody
//! waits, tokens left over go to running jobs; they are taken back when somebody does. It neither
//! waits nor runs anything: the pool asks it what to do.
//!
//! Invariant: tokens held plus tokens free are the total, and every running job holds at least one.

use std::collections::BTreeMap;

use streamflow_types::SessionId;
use tokio::time::Instant;

/// A place in the queue, later a running job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// How many jobs may wait.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// In all.
    pub total: usize,
    /// Of one session.
    pub per_session: usize,
}

/// The queue is full: the answer is Busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{waiting} jobs wait already")]
pub struct QueueFull {
    /// Jobs in the queue that is full.
    pub waiting: usize,
}

/// A job that may run now, with one token.
#[derive(Debug, PartialEq, Eq)]
pub struct Start<J> {
    /// Its name from now on.
    pub ticket: Ticket,
    /// What was offered.
    pub job: J,
}

/// The tokens, who holds them and who waits.
#[derive(Debug)]
pub struct Tokens<J> {
    total: u32,
    free: u32,
    limits: QueueLimits,
    waiting: Vec<Waiting<J>>,
    running: BTreeMap<Ticket, Running>,
    next: u64,
}

#[derive(Debug)]
struct Waiting<J> {
    ticket: Ticket,
    session: SessionId,
    deadline: Instant,
    useful: u32,
    job: J,
}

#[derive(Debug)]
struct Running {
    session: SessionId,
    held: u32,
    useful: u32,
}

impl<J> Tokens<J> {
    /// This many tokens, all free; a node has at least one.
    pub fn new(total: u32, limits: QueueLimits) -> Self {
        let total = total.max(1);
        Self {
            total,
            free: total,
            limits,
            waiting: Vec::new(),
            running: BTreeMap::new(),
            next: 0,
        }
    }

    /// Puts a job in the queue. It can make use of `useful` tokens at most.
    pub fn offer(
        &mut self,
        session: &SessionId,
        deadline: Instant,
        useful: u32,
        job: J,
    ) -> Result<Ticket, QueueFull> {
        let same = self
            .waiting
            .iter()
            .filter(|w| &w.session == session)
            .count();
        if same >= self.limits.per_session {
            return Err(QueueFull { waiting: same });
        }
        if self.waiting.len() >= self.limits.total {
            return Err(QueueFull {
                waiting: self.waiting.len(),
            });
        }
        let ticket = Ticket(self.next);
        self.next = self.next.wrapping_add(1);
        self.waiting.push(Waiting {
            ticket,
            session: session.clone(),
            deadline,
            useful: useful.max(1),
            job,
        });
        Ok(ticket)
    }

    /// The job that is next when there is a token for it.
    pub fn next_to_start(&self) -> Option<&J> {
        Some(&self.waiting.get(self.next_in_line()?)?.job)
    }

    fn next_in_line(&self) -> Option<usize> {
        let waiting = self.waiting.iter().enumerate();
        let next = waiting.min_by_key(|(_, w)| (self.held_by(&w.session), w.deadline, w.ticket));
        next.map(|(index, _)| index)
    }

    /// The next job, if one waits and a token is free or can be taken back.
    pub fn start(&mut self) -> Option<Start<J>> {
        // Taking a token back changes who holds least, so who is next is settled before.
        let index = self.next_in_line()?;
        if self.free == 0 && !self.take_back() {
            return None;
        }
        let chosen = self.waiting.remove(index);
        self.free = self.free.saturating_sub(1);
        self.running.insert(
            chosen.ticket,
            Running {
                session: chosen.session,
                held: 1,
                useful: chosen.useful,
            },
        );
        Some(Start {
            ticket: chosen.ticket,
            job: chosen.job,
        })
    }

    /// Gives tokens nobody waits for to running jobs, those with the fewest first.
    pub fn spread(&mut self) {
        if !self.waiting.is_empty() {
            return;
        }
        while self.free > 0 {
            let poorest = self
                .running
                .values_mut()
                .filter(|job| job.held < job.useful)
                .min_by_key(|job| job.held);
            let Some(job) = poorest else { return };
            job.held = job.held.saturating_add(1);
            self.free = self.free.saturating_sub(1);
        }
    }

    /// Takes a job out of the queue. Nothing happens when it runs or is unknown.
    pub fn withdraw(&mut self, ticket: Ticket) {
        self.waiting.retain(|waiting| waiting.ticket != ticket);
    }

    /// Takes all jobs of a session out of the queue.
    pub fn withdraw_session(&mut self, session: &SessionId) -> Vec<J> {
        self.waiting
            .extract_if(.., |waiting| &waiting.session == session)
            .map(|waiting| waiting.job)
            .collect()
    }

    /// Takes the tokens of a running job back. Nothing happens when it waits or is unknown.
    pub fn end(&mut self, ticket: Ticket) {
        if let Some(job) = self.running.remove(&ticket) {
            self.free = self.free.saturating_add(job.held).min(self.total);
        }
    }

    /// What a running job holds.
    pub fn held(&self, ticket: Ticket) -> Option<u32> {
        self.running.get(&ticket).map(|job| job.held)
    }

    /// Whether it waits, and does not run.
    pub fn is_waiting(&self, ticket: Ticket) -> bool {
        self.waiting.iter().any(|waiting| waiting.ticket == ticket)
    }

    /// The running jobs and what each holds.
    pub fn leases(&self) -> impl Iterator<Item = (Ticket, u32)> + '_ {
        self.running.iter().map(|(ticket, job)| (*ticket, job.held))
    }

    /// Jobs that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Jobs that run.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    fn held_by(&self, session: &SessionId) -> u32 {
        self.running
            .values()
            .filter(|job| &job.session == session)
            .map(|job| job.held)
            .sum()
    }

    /// One token from the job with the most, if any has more than one.
    fn take_back(&mut self) -> bool {
        let richest = self
            .running
            .values_mut()
            .filter(|job| job.held > 1)
            .max_by_key(|job| job.held);
        let Some(job) = richest else { return false };
        job.held = job.held.saturating_sub(1);
        self.free = self.free.saturating_add(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: QueueLimits = QueueLimits {
        total: 8,
        per_session: 4,
    };

    fn session(name: &str) -> SessionId {
        SessionId::new(name).unwrap()
    }

    fn after(now: Instant, seconds: u64) -> Instant {
        now + Duration::from_secs(seconds)
    }

    #[test]
    fn a_stream_with_many_jobs_does_not_starve_another() {
        let now = Instant::now();
        let mut tokens = Tokens::new(1, LIMITS);
        for number in 0..4 {
            tokens
                .offer(&session("greedy"), after(now, 1 + number), 1, "greedy")
                .unwrap();
        }
        tokens
            .offer(&session("modest"), after(now, 60), 1, "modest")
            .unwrap();
        let first = tokens.start().unwrap();
        assert_eq!(first.job, "greedy");
        assert!(tokens.start().is_none());
        // Two tokens: the second goes to the stream that holds none, late deadline or not.
        let mut tokens_two = Tokens::new(2, LIMITS);
        for number in 0..3 {
            tokens_two
                .offer(&session("greedy"), after(now, 1 + number), 1, "greedy")
                .unwrap();
        }
        tokens_two
            .offer(&session("modest"), after(now, 60), 1, "modest")
            .unwrap();
        assert_eq!(tokens_two.start().unwrap().job, "greedy");
        assert_eq!(tokens_two.start().unwrap().job, "modest");
    }

    #[test]
    fn among_equals_the_oldest_deadline_goes_first() {
        let now = Instant::now();
        let mut tokens = Tokens::new(3, LIMITS);
        for (name, seconds) in [("a", 9), ("b", 3), ("c", 6)] {
            tokens
                .offer(&session(name), after(now, seconds), 1, name)
                .unwrap();
        }
        let order: Vec<_> = std::iter::from_fn(|| tokens.start())
            .map(|s| s.job)
            .collect();
        assert_eq!(order, ["b", "c", "a"]);
    }

    #[test]
    fn spare_tokens_go_to_running_jobs_and_come_back_for_a_waiting_one() {
        let now = Instant::now();
        let mut tokens = Tokens::new(4, LIMITS);
        let a = tokens.offer(&session("a"), now, 3, ()).unwrap();
        tokens.start().unwrap();
        tokens.spread();
        assert_eq!(tokens.held(a), Some(3), "no more than it can use");
        let b = tokens.offer(&session("b"), now, 9, ()).unwrap();
        let c = tokens.offer(&session("c"), now, 1, ()).unwrap();
        tokens.start().unwrap();
        tokens.start().unwrap();
        assert_eq!(
            (tokens.held(a), tokens.held(b), tokens.held(c)),
            (Some(2), Some(1), Some(1))
        );
        tokens.end(a);
        tokens.spread();
        assert_eq!((tokens.held(b), tokens.held(c)), (Some(3), Some(1)));
    }

    #[test]
    fn the_queue_is_bounded_in_all_and_for_each_session() {
        let now = Instant::now();
        let mut tokens = Tokens::new(1, LIMITS);
        for _ in 0..4 {
            tokens.offer(&session("a"), now, 1, ()).unwrap();
        }
        assert_eq!(
            tokens.offer(&session("a"), now, 1, ()),
            Err(QueueFull { waiting: 4 })
        );
        for name in ["b", "c", "d", "e"] {
            tokens.offer(&session(name), now, 1, ()).unwrap();
        }
        assert_eq!(
            tokens.offer(&session("f"), now, 1, ()),
            Err(QueueFull { waiting: 8 })
        );
        tokens.start().unwrap();
        assert!(tokens.offer(&session("f"), now, 1, ()).is_ok());
    }

    #[test]
    fn no_order_of_events_loses_or_invents_a_token() {
        let now = Instant::now();
        let mut tokens = Tokens::new(3, LIMITS);
        let mut tickets = Vec::new();
        let mut state = 7u64;
        for step in 0..5_000u64 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            match (state >> 33) % 4 {
                0 => tickets.extend(tokens.offer(
                    &session(&format!("s{}", state % 5)),
                    after(now, step),
                    1 + (state % 6) as u32,
                    (),
                )),
                1 => drop(tokens.start()),
                2 if !tickets.is_empty() => {
                    let index = (state >> 40) as usize % tickets.len();
                    let ticket = tickets.swap_remove(index);
                    tokens.withdraw(ticket);
                    tokens.end(ticket);
                }
                _ => tokens.spread(),
            }
            let held: u32 = tokens.running.values().map(|job| job.held).sum();
            assert_eq!(held + tokens.free, 3);
            assert!(tokens.running.values().all(|job| job.held >= 1));
            assert!(tokens.waiting() <= LIMITS.total);
        }
    }
}
