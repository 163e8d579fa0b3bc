//! Files: those that came with the start are closed, and none is opened any more.

use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus,
    Scope,
};

/// The newest rules of the kernel this program knows. Older kernels enforce what they have.
const NEWEST: ABI = ABI::V6;

/// Standard input is the socket to the node; output and error belong to the node as well.
const KEPT: i32 = 2;

/// Closes what the node may have left open by mistake, before anything is opened here.
pub(super) fn close_inherited() -> io::Result<()> {
    // The listing has a descriptor of its own, closed by the time the list is gone through.
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor > KEPT)
        .collect();
    for descriptor in open {
        match nix::unistd::close(descriptor) {
            Ok(()) | Err(nix::errno::Errno::EBADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// From here on nothing with a place in a file system can be opened, made, removed or run, and no
/// port reached. Memory files and the socket to the node have no such place and stay usable.
pub(super) fn forbid() -> Result<(), String> {
    let text = |error: landlock::RulesetError| error.to_string();
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|rules| rules.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .map_err(text)?
        .restrict_self()
        .map_err(text)?;
    match status.ruleset {
        // Partly means an older kernel: files are covered since its first version.
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err("this kernel has no landlock".to_owned()),
    }
}
