//! MuJoCo's global callbacks, which another part of the process may have set.

use mujoco_rs::mujoco_c as c;
use std::ptr::addr_of;

/// Name of a global callback that is set. Rollouts would call it from many threads, and a callback in Python crashes
/// there.
pub fn any() -> Option<&'static str> {
    macro_rules! set {
        // SAFETY: the static is a function pointer of MuJoCo's; reading it, by a raw pointer, forms no reference.
        ($($name:ident),*) => { [$((stringify!($name), unsafe { *addr_of!(c::$name) }.is_some())),*] };
    }
    let all =
        set!(mjcb_passive, mjcb_control, mjcb_contactfilter, mjcb_sensor, mjcb_act_dyn, mjcb_act_gain, mjcb_act_bias);
    all.into_iter().find(|(_, set)| *set).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn none_is_set_in_a_program_of_our_own() {
        assert_eq!(super::any(), None);
    }
}
