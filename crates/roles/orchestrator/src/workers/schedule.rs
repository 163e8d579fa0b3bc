//! Which transcoder gets a session. Pure: looks at loads and capabilities, changes nothing.

use streamflow_wire::capability::Capabilities;
use streamflow_wire::result::SegmentFailure;

/// Why no transcoder gets a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// None is attached, or the one with most room has none.
    NoneFree,
    /// None that is attached can do it.
    NoneCapable,
}

impl From<Unavailable> for SegmentFailure {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::NoneFree => Self::NoTranscoders,
            Unavailable::NoneCapable => Self::NoCapableTranscoders,
        }
    }
}

/// What scheduling sees of a transcoder.
pub(crate) trait Loads {
    /// Sessions bound to it.
    fn load(&self) -> usize;
    /// Sessions it carries.
    fn capacity(&self) -> usize;
    /// What it can do.
    fn capabilities(&self) -> &Capabilities;
    /// Whether new sessions are given to it as long as another can take them.
    fn is_preferred(&self) -> bool;
}

/// The transcoder for a session: the bound one where it still is, else the least loaded of those
/// that can do the job. `candidates` are the attached ones not asked yet; ties go to the first.
pub(crate) fn choose<'a, W: Loads>(
    attached: usize,
    candidates: impl Iterator<Item = &'a W> + Clone,
    bound: Option<&'a W>,
    job: &Capabilities,
) -> Result<&'a W, Unavailable> {
    if attached == 0 {
        return Err(Unavailable::NoneFree);
    }
    let capable = candidates.filter(|worker| worker.capabilities().satisfy(job));
    if capable.clone().next().is_none() {
        return Err(Unavailable::NoneCapable);
    }
    if let Some(bound) = bound {
        return Ok(bound);
    }
    // Load over capacity, compared without dividing; those out of favour come last.
    let rank = |a: &&W, b: &&W| {
        let by_favour = b.is_preferred().cmp(&a.is_preferred());
        by_favour.then((a.load() * b.capacity()).cmp(&(b.load() * a.capacity())))
    };
    let least = capable.min_by(rank).ok_or(Unavailable::NoneCapable)?;
    if least.load() >= least.capacity() {
        Err(Unavailable::NoneFree)
    } else {
        Ok(least)
    }
}
