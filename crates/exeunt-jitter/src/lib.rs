//! Holds threads up at random, where they begin, wait and wake: a library that a program is started with
//! (`LD_PRELOAD`), and whose children inherit it.
//!
//! A scheduler is fair on a machine with nothing else to do, and what goes wrong only when a thread stands still in the
//! middle of something is not seen there, however often it is tried. Here every second thread begins late, and one in fifty
//! calls to the kernel that wait for another thread, or wake it, comes late or returns late. `EXEUNT_JITTER` is the longest
//! delay in microseconds; without it, that is 30 ms.
//!
//! Nothing but time is changed: what is right must be right under it. On systems other than Linux with the GNU C library
//! it is empty.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_long, c_void};
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// Of a thousand threads so many begin late.
const BEGINNINGS: u64 = 500;
/// Of a thousand waits, and as many wake-ups, so many are late, and so many return late.
const WAITS: u64 = 20;
/// Of a thousand yields so many take longer.
const YIELDS: u64 = 2;

const MOST_BY_DEFAULT: u64 = 30_000;

/// Stands still for a while, so many times in a thousand.
///
/// It takes no lock and allocates nothing, since it is called from in between.
fn maybe_stand_still(per_mille: u64) {
    if dice() % 1_000 >= per_mille {
        return;
    }
    let micros = dice() % most().max(1);
    let mut time = libc::timespec {
        tv_sec: (micros / 1_000_000) as libc::time_t,
        tv_nsec: (micros % 1_000_000 * 1_000) as c_long,
    };
    // SAFETY: the place of `errno` is this thread's own, and valid as long as it runs.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: both pointers are to `time`, which lives until the call returns; it is allowed that they are the same.
    while unsafe { libc::nanosleep(&raw const time, &raw mut time) } != 0 {}
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

fn dice() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }
    STATE.with(|state| {
        let mut word = state.get();
        if word == 0 {
            let here = ptr::from_ref(state).addr() as u64;
            word = here.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(std::process::id()) | 1;
        }
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        state.set(word);
        word >> 20
    })
}

/// The longest delay in microseconds.
fn most() -> u64 {
    static MOST: AtomicU64 = AtomicU64::new(u64::MAX);
    match MOST.load(Ordering::Relaxed) {
        u64::MAX => {
            let most = read_most().unwrap_or(MOST_BY_DEFAULT);
            MOST.store(most, Ordering::Relaxed);
            most
        }
        most => most,
    }
}

fn read_most() -> Option<u64> {
    // SAFETY: the name ends with a zero. Nobody here changes the environment, and the programs that are tried do not
    // after they have begun.
    let value = unsafe { libc::getenv(c"EXEUNT_JITTER".as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: it is not null, so it is a string that ends with a zero, and stays while nobody changes the environment.
    unsafe { CStr::from_ptr(value) }.to_str().ok()?.parse().ok()
}

/// The function of that name that would have been called without us; never null.
fn next(cache: &AtomicPtr<c_void>, name: &CStr) -> *mut c_void {
    let known = cache.load(Ordering::Relaxed);
    if !known.is_null() {
        return known;
    }
    // SAFETY: the name ends with a zero.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    assert!(!found.is_null(), "the C library has no {name:?}");
    cache.store(found, Ordering::Relaxed);
    found
}

type Routine = extern "C" fn(*mut c_void) -> *mut c_void;

/// What a thread was to run.
struct Beginning {
    routine: Routine,
    argument: *mut c_void,
}

extern "C" fn begin_late(beginning: *mut c_void) -> *mut c_void {
    // SAFETY: it was made of a box by `pthread_create` below, for this thread alone.
    let beginning = unsafe { Box::from_raw(beginning.cast::<Beginning>()) };
    let Beginning { routine, argument } = *beginning;
    maybe_stand_still(BEGINNINGS);
    routine(argument)
}

/// Makes a thread that begins late now and then.
///
/// # Safety
///
/// As that of the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    routine: Routine,
    argument: *mut c_void,
) -> c_int {
    type Create = unsafe extern "C" fn(
        *mut libc::pthread_t,
        *const libc::pthread_attr_t,
        Routine,
        *mut c_void,
    ) -> c_int;
    static NEXT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
    // SAFETY: it is the C library's function of that name, which has that type.
    let create: Create = unsafe { mem::transmute(next(&NEXT, c"pthread_create")) };
    let beginning = Box::into_raw(Box::new(Beginning { routine, argument }));
    // SAFETY: the caller's promises hold for the first two; the third takes what the fourth points to.
    let result = unsafe { create(thread, attributes, begin_late, beginning.cast()) };
    if result != 0 {
        // SAFETY: there is no thread that would have it.
        drop(unsafe { Box::from_raw(beginning) });
    }
    maybe_stand_still(BEGINNINGS / 4);
    result
}

/// Calls the kernel; where that is to wait for another thread, or to wake it, late now and then.
///
/// The one of the C library takes as many arguments as it is given. This one takes the most there can be, which is the
/// same to whoever calls it: they are integers and pointers, in registers, and what is not given is not looked at.
///
/// # Safety
///
/// As that of the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    static NEXT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
    type Syscall = unsafe extern "C" fn(c_long, ...) -> c_long;
    // SAFETY: it is the C library's function of that name, which has that type.
    let real: Syscall = unsafe { mem::transmute(next(&NEXT, c"syscall")) };
    let per_mille = if number == libc::SYS_futex { WAITS } else { 0 };
    maybe_stand_still(per_mille);
    // SAFETY: what the caller has promised.
    let result = unsafe { real(number, a, b, c, d, e, f) };
    maybe_stand_still(per_mille);
    result
}

/// Gives the place on the CPU away, for longer now and then.
#[unsafe(no_mangle)]
pub extern "C" fn sched_yield() -> c_int {
    static NEXT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
    maybe_stand_still(YIELDS);
    // SAFETY: it is the C library's function of that name, which has that type.
    let real: extern "C" fn() -> c_int = unsafe { mem::transmute(next(&NEXT, c"sched_yield")) };
    real()
}
