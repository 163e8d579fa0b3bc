//! The attached transcoders and the sessions bound to them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use streamflow_types::{Pixels, SessionId};
use streamflow_wire::capability::Capabilities;
use streamflow_wire::proto::NotifySegment;
use tokio::sync::mpsc;

use super::schedule::{Loads, Unavailable, choose};

/// One attachment; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WorkerId(u64);

/// An attached transcoder.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    /// For the operator: unique while attached.
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) capacity: u32,
    pub(crate) capabilities: Capabilities,
    /// Unix time of its attachment.
    pub(crate) attached_at: Duration,
    /// Sessions bound to it.
    pub(crate) load: usize,
    /// Gets no new sessions by the operator's word.
    pub(crate) drained: bool,
    /// Was silent too long; until it speaks it comes last.
    pub(crate) suspect: bool,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) pixels: u64,
    /// Where it is told of jobs.
    pub(crate) line: mpsc::Sender<NotifySegment>,
}

impl Worker {
    /// Whether new sessions are given to it.
    pub(crate) fn takes_sessions(&self) -> bool {
        !self.drained
    }
}

impl Loads for Worker {
    fn load(&self) -> usize {
        self.load
    }

    fn capacity(&self) -> usize {
        self.capacity as usize
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn is_preferred(&self) -> bool {
        !self.suspect
    }
}

/// Transcoders in the order they attached, and which session is whose.
#[derive(Debug, Default)]
pub(crate) struct Table {
    workers: Vec<Worker>,
    bindings: HashMap<SessionId, WorkerId>,
    next: u64,
}

impl Table {
    /// Takes a transcoder in and tells its id.
    pub(crate) fn attach(&mut self, make: impl FnOnce(WorkerId, String) -> Worker) -> WorkerId {
        let id = WorkerId(self.next);
        self.next += 1;
        self.workers.push(make(id, format!("t{}", id.0 + 1)));
        id
    }

    /// Lets a transcoder go; its name, where it was still there.
    pub(crate) fn detach(&mut self, id: WorkerId) -> Option<String> {
        self.bindings.retain(|_, bound| *bound != id);
        let at = self.workers.iter().position(|worker| worker.id == id)?;
        Some(self.workers.remove(at).name)
    }

    pub(crate) fn workers(&self) -> impl Iterator<Item = &Worker> {
        self.workers.iter()
    }

    pub(crate) fn worker(&self, id: WorkerId) -> Option<&Worker> {
        self.workers.iter().find(|worker| worker.id == id)
    }

    pub(crate) fn name_of(&self, id: WorkerId) -> &str {
        self.worker(id).map_or("gone", |worker| &worker.name)
    }

    /// Changes the transcoder of this name; `false` where there is none.
    pub(crate) fn with_name(&mut self, name: &str, change: impl FnOnce(&mut Worker)) -> bool {
        let found = self.workers.iter_mut().find(|worker| worker.name == name);
        found.map(change).is_some()
    }

    /// The transcoder for a job of this session, which is bound to it from now on.
    pub(crate) fn pick(
        &mut self,
        session: &SessionId,
        job: &Capabilities,
        asked: &[WorkerId],
    ) -> Result<WorkerId, Unavailable> {
        let bound = self
            .bindings
            .get(session)
            .copied()
            .filter(|id| !asked.contains(id));
        let bound = bound.and_then(|id| self.worker(id));
        let free = self
            .workers
            .iter()
            .filter(|w| !asked.contains(&w.id) && w.takes_sessions());
        // A bound session stays with a drained transcoder, so the bound one counts as capable.
        let candidates = free.chain(bound.filter(|worker| !worker.takes_sessions()));
        let id = choose(self.workers.len(), candidates, bound, job)?.id;
        if self.bindings.get(session) != Some(&id) {
            self.unbind(session);
            self.bindings.insert(session.clone(), id);
            if let Some(worker) = self.workers.iter_mut().find(|worker| worker.id == id) {
                worker.load += 1;
            }
        }
        Ok(id)
    }

    /// Frees the place of a session; the line of the transcoder it was bound to.
    pub(crate) fn unbind(&mut self, session: &SessionId) -> Option<mpsc::Sender<NotifySegment>> {
        let id = self.bindings.remove(session)?;
        let worker = self.workers.iter_mut().find(|worker| worker.id == id)?;
        worker.load = worker.load.saturating_sub(1);
        Some(worker.line.clone())
    }

    /// A transcoder did a segment: the session stays, or comes to it.
    pub(crate) fn done(&mut self, id: WorkerId, session: &SessionId, pixels: Pixels) {
        if self.bindings.get(session) != Some(&id) && self.worker(id).is_some() {
            self.unbind(session);
            self.bindings.insert(session.clone(), id);
            self.change(id, |worker| worker.load += 1);
        }
        self.change(id, |worker| {
            worker.succeeded += 1;
            worker.pixels = worker.pixels.saturating_add(pixels.0);
            worker.suspect = false;
        });
    }

    /// A transcoder failed a segment: its session goes elsewhere.
    pub(crate) fn failed(&mut self, id: WorkerId, session: &SessionId) {
        self.change(id, |worker| worker.failed += 1);
        if self.bindings.get(session) == Some(&id) {
            self.unbind(session);
        }
    }

    /// These were silent too long. Their sessions go elsewhere until they speak.
    pub(crate) fn suspect(&mut self, silent: &[WorkerId]) {
        for id in silent {
            self.change(*id, |worker| worker.suspect = true);
        }
        let freed: Vec<_> = self
            .bindings
            .iter()
            .filter(|(_, bound)| silent.contains(bound))
            .map(|(session, _)| session.clone())
            .collect();
        for session in freed {
            self.unbind(&session);
        }
    }

    /// It spoke.
    pub(crate) fn spoke(&mut self, id: WorkerId) {
        self.change(id, |worker| worker.suspect = false);
    }

    fn change(&mut self, id: WorkerId, change: impl FnOnce(&mut Worker)) {
        self.workers
            .iter_mut()
            .filter(|worker| worker.id == id)
            .for_each(change_once(change));
    }
}

/// Ids are unique, so the change happens at most once.
fn change_once(change: impl FnOnce(&mut Worker)) -> impl FnMut(&mut Worker) {
    let mut change = Some(change);
    move |worker| {
        if let Some(change) = change.take() {
            change(worker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(text: &str) -> SessionId {
        SessionId::new(text).unwrap()
    }

    fn attach(table: &mut Table, capacity: u32, bits: &[u32]) -> WorkerId {
        table.attach(|id, name| Worker {
            id,
            name,
            address: ([127, 0, 0, 1], 1).into(),
            capacity,
            capabilities: job(bits),
            attached_at: Duration::ZERO,
            load: 0,
            drained: false,
            suspect: false,
            succeeded: 0,
            failed: 0,
            pixels: 0,
            line: mpsc::channel(1).0,
        })
    }

    fn job(bits: &[u32]) -> Capabilities {
        Capabilities::of_job(bits.iter().copied().collect())
    }

    /// The network's own run of sixteen steps. After B disconnects it is gone at once here, so its
    /// load is not compared any more.
    #[test]
    fn sessions_are_scheduled_as_the_network_schedules_them() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/vectors/");
        let text = std::fs::read_to_string(format!("{folder}transcoder.json")).unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut table = Table::default();
        let a = attach(&mut table, 4, &[0, 1, 12]);
        let b = attach(&mut table, 2, &[0, 1, 12, 15]);
        let mut names = vec![(a, "A"), (b, "B")];
        let steps = file["scheduling"]["steps"].as_array().unwrap();
        assert_eq!(steps.len(), 16);
        for step in steps {
            let what = step["step"].as_str().unwrap();
            if step["note"]
                .as_str()
                .is_some_and(|note| note.starts_with("C attached"))
            {
                names.push((attach(&mut table, 1, &[0, 1, 12, 15]), "C"));
            }
            if let Some(name) = what.strip_prefix("segment of session ") {
                let bits = step["job_capabilities"].as_array().unwrap().iter();
                let bits: Vec<u32> = bits.map(|b| b.as_str().unwrap().parse().unwrap()).collect();
                match table.pick(&session(name), &job(&bits), &[]) {
                    Ok(id) => {
                        let (_, name) = names.iter().find(|(known, _)| *known == id).unwrap();
                        assert_eq!(*name, step["transcoder"], "{step}");
                    }
                    Err(error) => {
                        let text = SegmentFailure::from(error).to_string();
                        assert_eq!(text, step["error"], "{step}");
                    }
                }
            } else if what == "session s1 ends" {
                table.unbind(&session("s1"));
            } else {
                assert_eq!(what, "B disconnects");
                table.detach(b);
            }
            for load in step["load_after"].as_str().unwrap().split(", ") {
                let (name, load) = load.split_once(' ').unwrap();
                let (id, _) = names.iter().find(|(_, known)| *known == name).unwrap();
                if let Some(worker) = table.worker(*id) {
                    assert_eq!(
                        format!("{}/{}", worker.load, worker.capacity),
                        load,
                        "{step}"
                    );
                }
            }
        }
    }

    use streamflow_wire::result::SegmentFailure;

    #[test]
    fn a_silent_transcoder_comes_last_until_it_speaks() {
        let mut table = Table::default();
        let a = attach(&mut table, 4, &[0]);
        let b = attach(&mut table, 4, &[0]);
        assert_eq!(table.pick(&session("s"), &job(&[0]), &[]), Ok(a));
        table.suspect(&[a]);
        assert_eq!(table.pick(&session("s"), &job(&[0]), &[]), Ok(b));
        assert_eq!(table.pick(&session("t"), &job(&[0]), &[]), Ok(b));
        table.spoke(a);
        assert_eq!(table.pick(&session("u"), &job(&[0]), &[]), Ok(a));
    }

    #[test]
    fn a_drained_transcoder_keeps_its_sessions_and_gets_no_new_ones() {
        let mut table = Table::default();
        let a = attach(&mut table, 4, &[0]);
        let b = attach(&mut table, 4, &[0]);
        assert_eq!(table.pick(&session("s"), &job(&[0]), &[]), Ok(a));
        assert!(table.with_name("t1", |worker| worker.drained = true));
        assert_eq!(table.pick(&session("s"), &job(&[0]), &[]), Ok(a));
        assert_eq!(table.pick(&session("t"), &job(&[0]), &[]), Ok(b));
        assert!(!table.with_name("t9", |worker| worker.drained = true));
    }

    #[test]
    fn another_one_is_asked_beside_the_first() {
        let mut table = Table::default();
        let a = attach(&mut table, 1, &[0]);
        let b = attach(&mut table, 1, &[0]);
        assert_eq!(table.pick(&session("s"), &job(&[0]), &[]), Ok(a));
        assert_eq!(table.pick(&session("s"), &job(&[0]), &[a]), Ok(b));
        let none = table.pick(&session("s"), &job(&[0]), &[a, b]);
        assert_eq!(none, Err(Unavailable::NoneCapable));
    }
}
