//! The files of a graphics card's driver. While it starts it reads its libraries; afterwards it
//! opens its nodes again and again, and reads a little of what the system says of itself.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

/// The newest rules of the kernel this program knows. Older kernels enforce what they have.
const NEWEST: ABI = ABI::V6;

/// Nodes every card's driver uses.
const SHARED_NODES: [&str; 5] = [
    "/dev/nvidiactl",
    "/dev/nvidia-uvm",
    "/dev/nvidia-uvm-tools",
    "/dev/nvidia-modeset",
    "/dev/nvidia-caps",
];

/// What it reads of the system: none of it is secret, and of this process only its own.
const READ: [&str; 9] = [
    "/proc/driver/nvidia",
    "/proc/devices",
    "/proc/modules",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/self",
    "/sys/devices/system",
    "/sys/bus/pci",
    "/dev/null",
];

/// Where libraries lie. `LD_LIBRARY_PATH` names more.
const LIBRARIES: [&str; 8] = [
    "/usr/lib",
    "/usr/lib64",
    "/usr/local",
    "/usr/share/nvidia",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/opt",
];

/// Highest number of a card's node looked for where its own is not known.
const MAX_NODES: u32 = 32;

/// What the driver needs to start.
pub(super) fn fence(node: Option<&Path>) -> Result<(), String> {
    let named = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let named = std::env::split_paths(&named).filter(|path| path.is_absolute());
    let libraries = LIBRARIES.iter().map(PathBuf::from).chain(named);
    let read = READ.iter().map(PathBuf::from).chain(libraries);
    restrict(node, read.collect())
}

/// What it needs afterwards: no libraries.
pub(super) fn narrow(node: Option<&Path>) -> Result<(), String> {
    restrict(node, READ.iter().map(PathBuf::from).collect())
}

fn restrict(node: Option<&Path>, read: Vec<PathBuf>) -> Result<(), String> {
    let talk = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::ReadDir | AccessFs::IoctlDev;
    let look = AccessFs::ReadFile | AccessFs::ReadDir;
    let nodes = SHARED_NODES.iter().map(PathBuf::from).chain(nodes(node));
    let rules = nodes
        .map(|path| (path, talk))
        .chain(read.into_iter().map(|path| (path, look)));
    let status = enforce(rules).map_err(|error| error.to_string())?;
    match status {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err("this kernel has no landlock".to_owned()),
    }
}

fn enforce(
    rules: impl Iterator<Item = (PathBuf, BitFlags<AccessFs>)>,
) -> Result<RulesetStatus, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    for (path, access) in rules {
        // What is not there needs no rule.
        let Ok(open) = PathFd::new(&path) else {
            continue;
        };
        // A file has no entries to list.
        let access = match path.is_dir() {
            true => access,
            false => access & !BitFlags::from(AccessFs::ReadDir),
        };
        ruleset = ruleset.add_rule(PathBeneath::new(open, access))?;
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

/// The card's own node, or every card's where it is not known.
fn nodes(node: Option<&Path>) -> Vec<PathBuf> {
    match node {
        Some(node) => vec![node.to_owned()],
        None => (0..MAX_NODES)
            .map(|number| PathBuf::from(format!("/dev/nvidia{number}")))
            .collect(),
    }
}
