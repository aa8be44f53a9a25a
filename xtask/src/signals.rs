//! Ctrl-C and SIGTERM, without a dependency: the handler sets a flag, everything that waits looks at it.
//!
//! The standard library can neither catch a signal nor send one other than SIGKILL, so the two C functions are
//! declared here. This is the only unsafe code of the program.

use std::sync::atomic::{AtomicI32, Ordering};

pub(crate) const SIGINT: i32 = 2;
pub(crate) const SIGTERM: i32 = 15;
const SIGHUP: i32 = 1;

static RECEIVED: AtomicI32 = AtomicI32::new(0);

#[expect(unsafe_code, reason = "declares the C library's signal functions; std has no safe form of them")]
mod c {
    unsafe extern "C" {
        pub(super) fn signal(signum: i32, handler: extern "C" fn(i32)) -> usize;
        pub(super) fn kill(pid: i32, signum: i32) -> i32;
    }
}

extern "C" fn remember(signum: i32) {
    RECEIVED.store(signum, Ordering::SeqCst);
}

/// Catches SIGINT, SIGTERM and SIGHUP from now on.
pub(crate) fn install() {
    for signum in [SIGINT, SIGTERM, SIGHUP] {
        #[expect(unsafe_code, reason = "the handler only stores into an atomic, which is async-signal-safe")]
        unsafe {
            c::signal(signum, remember);
        }
    }
}

/// Tells whether someone asked this program to stop.
pub(crate) fn interrupted() -> bool {
    received().is_some()
}

/// The last signal that asked this program to stop, if any.
pub(crate) fn received() -> Option<i32> {
    match RECEIVED.load(Ordering::SeqCst) {
        0 => None,
        signum => Some(signum),
    }
}

/// Sends a signal to a process that this program started and has not waited for yet.
pub(crate) fn send(pid: u32, signum: i32) {
    let Ok(pid) = i32::try_from(pid) else { return };
    #[expect(unsafe_code, reason = "a plain system call on a child whose id is still ours")]
    unsafe {
        c::kill(pid, signum);
    }
}
