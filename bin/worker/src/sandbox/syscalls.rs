//! The system calls a codec needs: memory, threads, time, and reading and writing what is open.
//! Every other call fails with "not permitted", so a library that tries one goes on without.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

/// Why the filter is not in force.
#[derive(Debug)]
pub(super) struct FilterError(String);

impl std::fmt::Display for FilterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for FilterError {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Calls allowed whatever their arguments.
const ALLOWED: &[i64] = &[
    // Descriptors that are open already.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_fcntl,
    libc::SYS_ftruncate,
    libc::SYS_memfd_create,
    // The socket to the node.
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_ppoll,
    // Memory; mapping it is below.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads; starting one is below.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_membarrier,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // The C library asks for this first and takes another way when it is missing; see `MISSING`.
    libc::SYS_clone3,
    // Signals to itself, time, chance.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrusage,
    libc::SYS_times,
    libc::SYS_getrandom,
    libc::SYS_uname,
    libc::SYS_sysinfo,
];

/// Calls allowed on one kind of machine only.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[i64] = &[libc::SYS_poll, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[i64] = &[];

/// Calls that look as if the kernel had never heard of them: their arguments lie in memory, where
/// a filter cannot look.
const MISSING: &[i64] = &[libc::SYS_clone3];

/// Every way of leaving a namespace while starting a thread.
const NAMESPACE_FLAGS: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// What may be opened by a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// Memory files of this process by their name below `/proc/self/fd`, which is how the
    /// library's signature filter wants its output. The filter cannot look at paths, so this is
    /// right only where another layer refuses all others.
    MemoryFiles,
    /// Nothing. Signatures fail then.
    Nothing,
    /// The nodes of a graphics card, which its driver is then talked to through. Another layer
    /// says which files those are.
    Driver,
}

/// Calls a card's driver makes besides. Talking to a device is one call for everything, which a
/// filter cannot look into.
const DRIVER: &[i64] = &[
    libc::SYS_ioctl,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_mlock,
    libc::SYS_munlock,
    libc::SYS_mincore,
    libc::SYS_msync,
    libc::SYS_mbind,
    libc::SYS_get_mempolicy,
    libc::SYS_set_mempolicy,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
];

/// The same, on one kind of machine only.
#[cfg(target_arch = "x86_64")]
const DRIVER_HERE: &[i64] = &[
    libc::SYS_access,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_readlink,
    libc::SYS_epoll_wait,
];
#[cfg(not(target_arch = "x86_64"))]
const DRIVER_HERE: &[i64] = &[];

/// Puts the filter in force for all threads, those still to come as well.
pub(super) fn restrict(opening: Opening) -> Result<(), FilterError> {
    let not_known = errno(libc::ENOSYS);
    let missing = MISSING.iter().map(|call| (*call, Vec::new())).collect();
    install(missing, SeccompAction::Allow, not_known)?;
    install(allowed(opening)?, errno(libc::EPERM), SeccompAction::Allow)
}

fn allowed(opening: Opening) -> Result<BTreeMap<i64, Vec<SeccompRule>>, FilterError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED
        .iter()
        .chain(ALLOWED_HERE)
        .map(|call| (*call, Vec::new()))
        .collect();
    if opening != Opening::Nothing {
        rules.insert(libc::SYS_openat, Vec::new());
    }
    if opening == Opening::Driver {
        let calls = DRIVER.iter().chain(DRIVER_HERE);
        rules.extend(calls.map(|call| (*call, Vec::new())));
    }
    // A thread of this process, in the namespaces it is in.
    let thread = libc::CLONE_THREAD as u64;
    let mask = thread | u64::from(NAMESPACE_FLAGS.cast_unsigned());
    rules.insert(
        libc::SYS_clone,
        vec![when(0, Len::Qword, Op::MaskedEq(mask), thread)?],
    );
    // Memory that holds data, never code.
    let code = libc::PROT_EXEC as u64;
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![when(2, Len::Dword, Op::MaskedEq(code), 0)?]);
    }
    // `abort` signals its own process.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![when(0, Len::Dword, Op::Eq, own)?]);
    // Asking for a limit, not setting one.
    rules.insert(libc::SYS_prlimit64, vec![when(2, Len::Qword, Op::Eq, 0)?]);
    // Naming a thread.
    let name = libc::PR_SET_NAME as u64;
    rules.insert(libc::SYS_prctl, vec![when(0, Len::Dword, Op::Eq, name)?]);
    Ok(rules)
}

fn install(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    listed: SeccompAction,
) -> Result<(), FilterError> {
    let machine = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(rules, otherwise, listed, machine)?;
    let program = BpfProgram::try_from(filter)?;
    Ok(seccompiler::apply_filter_all_threads(&program)?)
}

fn when(argument: u8, length: Len, operator: Op, value: u64) -> Result<SeccompRule, FilterError> {
    let condition = SeccompCondition::new(argument, length, operator, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

fn errno(number: i32) -> SeccompAction {
    SeccompAction::Errno(number.unsigned_abs())
}
