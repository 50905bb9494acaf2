//! The boundary: arrays, texts and handles that C gives, and errors as codes.

use imle_configs::{Error as InputError, VERSION};
use imle_envs::mujoco::callbacks;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

const OK: c_int = 0;
const FAILED: c_int = 1;
const BAD_INPUT: c_int = 2;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Refusal>;

/// A call that failed: its code and its line.
pub struct Refusal {
    code: c_int,
    line: String,
}

impl Refusal {
    /// A failure while running.
    pub fn run(line: impl ToString) -> Self {
        Self { code: FAILED, line: line.to_string() }
    }
}

impl<E: Into<imle_planner::Error>> From<E> for Refusal {
    fn from(e: E) -> Self {
        let e = e.into();
        Self { code: if e.is_input() { BAD_INPUT } else { FAILED }, line: e.to_string() }
    }
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Runs `work` and returns its code; the line of a failure is kept for this thread. No panic leaves it.
pub fn guard(work: impl FnOnce() -> Result<()>) -> c_int {
    let bug = || Err(Refusal::run("imle: expected no bug, found one; standard error says where"));
    let run = || catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| bug());
    let Err(Refusal { code, line }) = not_forked().and_then(|()| run()) else { return OK };
    let words: Vec<&str> = line.split(['\n', '\0']).map(str::trim).filter(|l| !l.is_empty()).collect();
    let line = CString::new(words.join(" ")).unwrap_or_default();
    // A thread that ends has nobody to read the line.
    let _ = LAST.try_with(|last| *last.borrow_mut() = line);
    code
}

#[unsafe(no_mangle)]
extern "C" fn imle_last_error() -> *const c_char {
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

#[unsafe(no_mangle)]
extern "C" fn imle_version() -> *const c_char {
    static TEXT: OnceLock<CString> = OnceLock::new();
    TEXT.get_or_init(|| CString::new(VERSION).unwrap_or_default()).as_ptr()
}

/// Leaves libtorch's number of threads as it was, also the default of threads to come, which the pools set to 1: the
/// caller may use libtorch too.
pub fn keeping_threads<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let threads = tch::get_num_threads();
    let done = work();
    tch::set_num_threads(threads);
    done
}

/// Refuses a fork of the process that called first: the threads of the pools were not copied, so that work would wait
/// for ever.
fn not_forked() -> Result<()> {
    static PROCESS: OnceLock<u32> = OnceLock::new();
    if *PROCESS.get_or_init(std::process::id) == std::process::id() {
        return Ok(());
    }
    Err(Refusal::run("imle: expected the process that used it first, found a fork of it; start the process anew"))
}

/// Refuses to simulate while a global callback of MuJoCo's is set: our rollouts would call it from many threads.
pub fn no_callbacks() -> Result<()> {
    let found = |name| format!("{name}: expected no callback of MuJoCo's in calls that simulate, found one");
    callbacks::any().map_or(Ok(()), |name| Err(Refusal::run(found(name))))
}

fn usable<T>(pointer: *const T, name: &str) -> Result<()> {
    let found = if pointer.is_null() { "a null pointer" } else { "a pointer that is not aligned" };
    Ok(InputError::ensure(!pointer.is_null() && pointer.is_aligned(), name, "an array", found)?)
}

/// An array that C gives.
#[repr(transparent)]
pub struct Given<T>(*const T);

impl<T: Copy> Given<T> {
    /// Whether there is none.
    pub fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// The `length` values, which must be as many as expected.
    pub fn values(&self, name: &str, length: usize, expected: usize) -> Result<&[T]> {
        InputError::ensure(length == expected, name, format!("{expected} values"), length)?;
        if expected == 0 {
            return Ok(&[]);
        }
        usable(self.0, name)?;
        // SAFETY: not null, and aligned. C, which alone makes a `Given`, promises `length` values there that nobody
        // writes during the call; we write only after the last use of them. The sizes of our models fit any memory.
        Ok(unsafe { std::slice::from_raw_parts(self.0, length) })
    }
}

impl Given<f64> {
    /// As [`values`](Self::values), all of them finite.
    pub fn finite(&self, name: &str, length: usize, expected: usize) -> Result<&[f64]> {
        let values = self.values(name, length, expected)?;
        InputError::finite(name, values)?;
        Ok(values)
    }
}

/// A text that C gives.
#[repr(transparent)]
pub struct Text(*const c_char);

impl Text {
    /// The text; `default` for none, if there is a default.
    pub fn get(&self, name: &str, default: Option<&'static str>) -> Result<&str> {
        if let (true, Some(default)) = (self.0.is_null(), default) {
            return Ok(default);
        }
        InputError::ensure(!self.0.is_null(), name, "a text", "a null pointer")?;
        // SAFETY: not null. C promises that the text ends with 0 and that nobody writes it during the call.
        let text = unsafe { CStr::from_ptr(self.0) };
        Ok(text.to_str().map_err(|_| InputError::unexpected(name, "UTF-8", text.to_string_lossy()))?)
    }
}

/// An array of C's that is written, and may be one that is read in the same call.
#[repr(transparent)]
pub struct Out<T>(*mut T);

/// Room for `length` values.
pub struct Destination<T> {
    start: *mut T,
    length: usize,
}

impl<T: Copy> Out<T> {
    /// Checks that `needed` values fit into the `length` that are there, before any work is done for them.
    pub fn room(&self, name: &str, length: usize, needed: usize) -> Result<Destination<T>> {
        InputError::ensure(length >= needed, name, format!("room for {needed} values"), length)?;
        usable(self.0, name)?;
        Ok(Destination { start: self.0, length: needed })
    }

    /// Writes one value.
    pub fn put(&self, name: &str, value: T) -> Result<()> {
        self.room(name, 1, 1)?.fill(&[value]);
        Ok(())
    }
}

impl<T: Copy> Destination<T> {
    /// Writes `values`, as many as there is room for.
    pub fn fill(&self, values: &[T]) {
        // SAFETY: `room` found a pointer that is aligned, not null, and has as many values behind it as C promises.
        // `values` are ours.
        unsafe { std::ptr::copy(values.as_ptr(), self.start, values.len().min(self.length)) }
    }
}

/// A value of ours that C holds. Any number of threads may use it.
#[repr(transparent)]
pub struct Handle<T: Send + Sync>(*const T);

impl<T: Send + Sync> Handle<T> {
    /// The value, if there is one.
    pub fn optional(&self) -> Option<&T> {
        // SAFETY: null, or made by `Slot::fill`; C promises that it is not freed yet, nor during the call.
        unsafe { self.0.as_ref() }
    }

    /// The value.
    pub fn get(&self, name: &str) -> Result<&T> {
        Ok(self.optional().ok_or_else(|| InputError::unexpected(name, "one that was made", "a null pointer"))?)
    }
}

/// A place of C's for a handle.
#[repr(transparent)]
pub struct Slot<T: Send + Sync>(*mut *mut T);

impl<T: Send + Sync> Slot<T> {
    /// Makes a value and puts it there; null if that fails.
    pub fn fill(&self, make: impl FnOnce() -> Result<T>) -> Result<()> {
        usable(self.0, "out")?;
        let put = |handle| {
            // SAFETY: not null, and aligned. C promises that a pointer may be written there.
            unsafe { self.0.write(handle) }
        };
        put(std::ptr::null_mut());
        put(Box::into_raw(Box::new(make()?)));
        Ok(())
    }
}

/// A value of ours that C gives back.
#[repr(transparent)]
pub struct Returned<T: Send + Sync>(*mut T);

impl<T: Send + Sync> Returned<T> {
    /// Frees the value, if there is one.
    pub fn free(self) {
        if !self.0.is_null() {
            guard(|| {
                // SAFETY: made by `Slot::fill`; C promises that it gives a handle back once and uses it no more.
                drop(unsafe { Box::from_raw(self.0) });
                Ok(())
            });
        }
    }
}
