//! Namespaces of its own: a user without rights outside, no network, no shared memory by name.

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare as leave};
use streamflow_engine::protocol::Layer;

use super::Sandbox;

/// Leaves the node's namespaces as far as the system allows. With a user namespace the others
/// need no rights; without one they need the node to be privileged.
pub(super) fn unshare(sandbox: &mut Sandbox) {
    let others = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC;
    let user = leave(CloneFlags::CLONE_NEWUSER);
    let together = user.and_then(|()| leave(others));
    sandbox.note(Layer::UserNamespace, user.map_err(explain));
    let network = together.or_else(|_| leave(CloneFlags::CLONE_NEWNET));
    sandbox.note(Layer::NetworkNamespace, network.map_err(explain));
    let ipc = together.or_else(|_| leave(CloneFlags::CLONE_NEWIPC));
    sandbox.note(Layer::IpcNamespace, ipc.map_err(explain));
}

fn explain(error: Errno) -> String {
    match error {
        Errno::EPERM | Errno::EACCES => {
            "the system or its container forbids new namespaces".to_owned()
        }
        Errno::ENOSPC | Errno::EUSERS => {
            "no namespaces left, see /proc/sys/user/max_user_namespaces".to_owned()
        }
        Errno::EINVAL => "this kernel has no such namespaces".to_owned(),
        other => other.to_string(),
    }
}
