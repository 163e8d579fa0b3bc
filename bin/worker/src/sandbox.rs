//! The layers around FFmpeg. Each is tried by itself: one that the system refuses is reported,
//! and the node decides whether it goes on without it.
//!
//! Invariant: after [`Sandbox::seal`] no file with a place in a file system can be opened, no socket
//! made, no process started. After [`Sandbox::seal_for_card`] the same, but for the nodes of one
//! card and what its driver reads of the system.

mod driver;
mod files;
mod limits;
mod namespaces;
mod syscalls;

use std::path::Path;

use rustix::process::{DumpableBehavior, Signal};
use rustix::thread::{CapabilitySet, CapabilitySets};
use streamflow_engine::protocol::{Layer, MissingLayer};

/// Longest reason reported for a layer; all of them fit into the first frame.
const MAX_REASON: usize = 160;

/// What holds and what does not.
#[derive(Debug, Default)]
pub(crate) struct Sandbox {
    /// Layers that hold.
    pub(crate) active: Vec<Layer>,
    /// Layers the system refused.
    pub(crate) missing: Vec<MissingLayer>,
}

/// The layers that do not hinder the libraries from loading. The process has one thread yet.
pub(crate) fn enter() -> Sandbox {
    let mut sandbox = Sandbox::default();
    sandbox.note(Layer::ClosedDescriptors, files::close_inherited());
    namespaces::unshare(&mut sandbox);
    sandbox.note(Layer::NoCapabilities, drop_capabilities());
    let no_new_privileges = rustix::thread::set_no_new_privs(true);
    sandbox.note(Layer::NoNewPrivileges, no_new_privileges);
    // Both are undone by a change of credentials, so they follow the namespaces.
    sandbox.note(
        Layer::ParentDeathSignal,
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL)),
    );
    sandbox.note(
        Layer::NotDumpable,
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable),
    );
    sandbox
}

impl Sandbox {
    /// The rest, once the libraries are loaded.
    pub(crate) fn seal(&mut self, memory_bytes: u64) {
        let in_user_namespace = self.active.contains(&Layer::UserNamespace);
        self.note(
            Layer::ResourceLimits,
            limits::set(&limits::of_processor(memory_bytes, in_user_namespace)),
        );
        self.note(Layer::Landlock, files::forbid());
        let opening = match self.active.contains(&Layer::Landlock) {
            true => syscalls::Opening::MemoryFiles,
            false => syscalls::Opening::Nothing,
        };
        self.note(Layer::Seccomp, syscalls::restrict(opening));
    }

    /// The files a driver may open while it starts, for its threads too: its libraries, its nodes,
    /// what it reads of the system. A card whose own node is known has no other's.
    pub(crate) fn fence_driver(&mut self, node: Option<&Path>) {
        self.note(Layer::Landlock, driver::fence(node));
    }

    /// The rest, once the card's libraries are loaded and its driver runs.
    pub(crate) fn seal_for_card(&mut self, node: Option<&Path>) {
        let in_user_namespace = self.active.contains(&Layer::UserNamespace);
        self.note(
            Layer::ResourceLimits,
            limits::set(&limits::of_card(in_user_namespace)),
        );
        if self.active.contains(&Layer::Landlock)
            && let Err(error) = driver::narrow(node)
        {
            self.active.retain(|layer| *layer != Layer::Landlock);
            self.note(Layer::Landlock, Err(error));
        }
        self.note(
            Layer::Seccomp,
            syscalls::restrict(syscalls::Opening::Driver),
        );
    }

    /// Whether memory files can be opened by their name.
    pub(crate) fn opens_memory_files(&self) -> bool {
        let has = |layer| self.active.contains(&layer);
        has(Layer::Landlock) || !has(Layer::Seccomp)
    }

    fn note<E: std::fmt::Display>(&mut self, layer: Layer, outcome: Result<(), E>) {
        match outcome {
            Ok(()) => self.active.push(layer),
            Err(error) => self.missing.push(MissingLayer {
                layer,
                reason: error.to_string().chars().take(MAX_REASON).collect(),
            }),
        }
    }
}

/// Gives up every capability, those in a namespace of its own as well.
fn drop_capabilities() -> rustix::io::Result<()> {
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    )
}
