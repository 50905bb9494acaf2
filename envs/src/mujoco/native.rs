//! Boundary to MuJoCo's C functions: their errors are values.
//!
//! By default `mju_error` ends the process. Here a handler unwinds instead, through functions declared
//! `C-unwind`, and the caller gets the message; MuJoCo's warnings that mean a diverged state (NaN or huge
//! positions, velocities, accelerations) count as failures too, because MuJoCo resets such a state silently.

use mujoco_rs::mujoco_c::{mjData, mjModel, mjpPlugin};
use mujoco_rs::prelude::{MjData, MjModel};
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_uint};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Once, OnceLock};

/// `mjENBL_SLEEP`
pub(super) const SLEEP: c_int = mujoco_rs::mujoco_c::mjtEnableBit::mjENBL_SLEEP as c_int;

// The functions that a rollout calls, declared so that an unwinding error handler may pass through them.
unsafe extern "C-unwind" {
    pub(super) fn mj_step(m: *const mjModel, d: *mut mjData);
    pub(super) fn mj_step1(m: *const mjModel, d: *mut mjData);
    pub(super) fn mj_step2(m: *const mjModel, d: *mut mjData);
    pub(super) fn mj_forward(m: *const mjModel, d: *mut mjData);
    pub(super) fn mj_kinematics(m: *const mjModel, d: *mut mjData);
    pub(super) fn mj_loadPluginLibrary(path: *const c_char);
    pub(super) fn mjp_getPluginAtSlot(slot: c_int) -> *const mjpPlugin;
    pub(super) fn mj_tendon(m: *const mjModel, d: *mut mjData);
    pub(super) fn mj_transmission(m: *const mjModel, d: *mut mjData);
    pub(super) fn mj_comPos(m: *const mjModel, d: *mut mjData);
    pub(super) fn mj_comVel(m: *const mjModel, d: *mut mjData);
    pub(super) fn mj_collision(m: *const mjModel, d: *mut mjData);
    pub(super) fn mj_setConst(m: *mut mjModel, d: *mut mjData);
    pub(super) fn mj_getState(m: *const mjModel, d: *const mjData, state: *mut f64, signature: c_uint);
    pub(super) fn mj_setState(m: *const mjModel, d: *mut mjData, state: *const f64, signature: c_uint);
    pub(super) fn mj_makeData(m: *const mjModel) -> *mut mjData;
    pub(super) fn mj_deleteData(d: *mut mjData);
    pub(super) fn mj_geomDistance(
        m: *const mjModel,
        d: *mut mjData,
        geom1: c_int,
        geom2: c_int,
        most: f64,
        fromto: *mut [f64; 6],
    ) -> f64;
    pub(super) fn mj_resetDataKeyframe(m: *const mjModel, d: *mut mjData, key: c_int);
    static mut mju_user_error: Option<extern "C-unwind" fn(*const c_char)>;
    static mut mju_user_warning: Option<extern "C-unwind" fn(*const c_char)>;
}

/// Payload of an unwinding MuJoCo error.
struct MujocoError(String);

type Handler = Option<extern "C-unwind" fn(*const c_char)>;

/// The handlers that were there before, of another part of the process: Python's.
static BEFORE: OnceLock<(Handler, Handler)> = OnceLock::new();

thread_local! {
    /// Calls of [`guarded`] that this thread is in.
    static GUARDED: Cell<usize> = const { Cell::new(0) };
}

/// Whether a message comes from a call of somebody else's, and `before` has taken it.
fn passed_on(message: *const c_char, before: Handler) -> bool {
    match before {
        Some(handler) if GUARDED.get() == 0 => {
            handler(message);
            true
        }
        _ => false,
    }
}

extern "C-unwind" fn raise(message: *const c_char) {
    if passed_on(message, BEFORE.get().and_then(|before| before.0)) {
        return;
    }
    // SAFETY: MuJoCo passes a NUL-terminated string that lives for the call.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
    resume_unwind(Box::new(MujocoError(text)));
}

/// Our own warnings are read from the counters in `mjData`; nothing is printed or written to MUJOCO_LOG.TXT.
extern "C-unwind" fn ignore(message: *const c_char) {
    passed_on(message, BEFORE.get().and_then(|before| before.1));
}

/// Installs the handlers, once a process.
pub(crate) fn install_handlers() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the statics are MuJoCo's documented hooks; `call_once` orders the write before every use here.
        unsafe {
            let _ = BEFORE.set((mju_user_error, mju_user_warning));
            mju_user_error = Some(raise);
            mju_user_warning = Some(ignore);
        }
    });
}

/// Runs `f`, turning a MuJoCo error inside it into its message. Other panics pass on.
pub(crate) fn guarded<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    GUARDED.set(GUARDED.get() + 1);
    let done = catch_unwind(AssertUnwindSafe(f));
    GUARDED.set(GUARDED.get() - 1);
    done.map_err(|payload| match payload.downcast::<MujocoError>() {
        Ok(error) => error.0,
        Err(other) => resume_unwind(other),
    })
}

/// Lets bodies at rest sleep, or never (MuJoCo's `sleep` flag).
pub(crate) fn set_sleep(model: &mut MjModel, sleep: bool) {
    let flags = &mut model.opt_mut().enableflags;
    *flags = if sleep { *flags | SLEEP } else { *flags & !SLEEP };
}

/// Recomputes the constants that the compiler derived from masses and sizes.
///
/// # Errors
/// MuJoCo's message.
pub(crate) fn recompute_constants(model: &mut MjModel) -> Result<(), String> {
    install_handlers();
    let mut scratch = MjData::try_new(Box::new(model.clone())).map_err(|e| e.to_string())?;
    // SAFETY: both pointers are only handed to `mj_setConst`, which keeps the invariants of model and data; the data
    // was made for a copy of this model, so all sizes agree.
    let (m, d): (*mut mjModel, *mut mjData) = unsafe { (model.ffi_mut(), scratch.ffi_mut()) };
    // SAFETY: model and data are exclusively borrowed by this function.
    guarded(|| unsafe { mj_setConst(m, d) })
}

/// Checks that MuJoCo can make data for `model` and compute its default pose.
///
/// # Errors
/// MuJoCo's message.
pub(crate) fn probe(model: &MjModel) -> Result<(), String> {
    install_handlers();
    let m: *const mjModel = model.ffi();
    // SAFETY: the model is valid; the data is used here alone and deleted. After an error in `mj_makeData` there is
    // none; an error in `mj_forward` leaves it whole.
    guarded(|| unsafe {
        let d = mj_makeData(m);
        if d.is_null() {
            return Err("MuJoCo could not make its data".to_string());
        }
        let done = guarded(|| mj_forward(m, d));
        mj_deleteData(d);
        done
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mujoco_error_becomes_a_value() {
        install_handlers();
        let message = c"told";
        assert_eq!(guarded(|| raise(message.as_ptr())), Err("told".to_string()));
    }

    #[test]
    fn messages_of_other_callers_go_to_the_handler_before() {
        static HEARD: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        extern "C-unwind" fn hear(_: *const c_char) {
            HEARD.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        let message = c"theirs".as_ptr();
        assert!(passed_on(message, Some(hear)));
        assert!(!passed_on(message, None));
        assert_eq!(guarded(|| passed_on(message, Some(hear))), Ok(false));
        assert_eq!(HEARD.load(std::sync::atomic::Ordering::SeqCst), 1);
    }
}
