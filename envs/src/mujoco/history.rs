//! History buffers of delayed actuators and sensors in a state: MuJoCo takes the cursor in them for an index unchecked.
//!
//! A buffer of n samples is (a value of the sensor's clock, cursor, n times, n samples).

use mujoco_rs::mujoco_c::mjtState;
use mujoco_rs::prelude::MjModel;
use std::ffi::c_uint;

/// Parts of a full integration state that lie before the buffers.
const BEFORE: c_uint = mjtState::mjSTATE_TIME as c_uint
    | mjtState::mjSTATE_QPOS as c_uint
    | mjtState::mjSTATE_QVEL as c_uint
    | mjtState::mjSTATE_ACT as c_uint;

/// Checks that the cursors of `state` (state size) lie in their buffers.
///
/// # Errors
/// The place of one that does not, what was expected, and what was found.
pub(super) fn check(model: &MjModel, state: &[f64]) -> Result<(), String> {
    if model.ffi().nhistory == 0 {
        return Ok(());
    }
    let begin = model.state_size(BEFORE);
    let actuators = model.actuator_history().iter().zip(model.actuator_historyadr());
    let buffers = actuators.chain(model.sensor_history().iter().zip(model.sensor_historyadr()));
    for ([samples, _], address) in buffers.filter(|(_, address)| **address >= 0) {
        let at = begin + *address as usize + 1;
        let cursor = state[at];
        if cursor.fract() != 0.0 || !(0.0..f64::from(*samples)).contains(&cursor) {
            let last = samples - 1;
            return Err(format!("state[{at}]: expected a cursor of 0 to {last} in a history, found {cursor}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::mujoco::simulation::Simulation;
    use mujoco_rs::prelude::MjModel;
    use std::sync::Arc;

    #[test]
    fn cursors_outside_their_buffers_are_refused() {
        let xml = r#"<mujoco><worldbody><body name="b"><joint name="j" type="hinge"/><geom size="0.1"/></body></worldbody>
            <actuator><position joint="j" kp="3" delay="0.01" nsample="6"/></actuator>
            <sensor><framepos objtype="body" objname="b" delay="0.004" nsample="3"/></sensor></mujoco>"#;
        let mut sim = Simulation::new(Arc::new(MjModel::from_xml_string(xml).unwrap())).unwrap();
        let mut state = vec![0.0; sim.state_size()];
        sim.get_state(&mut state).unwrap();
        // Behind the time, a position and a velocity; the actuator's buffer has 2 + 6 + 6 values.
        for (at, last) in [(4, 5.0), (18, 2.0)] {
            assert_eq!(state[at], last);
            for bad in [-1.0, last + 1.0, 0.5, 1e9, f64::NAN] {
                let mut state = state.clone();
                state[at] = bad;
                let told = sim.set_state(&state).unwrap_err();
                assert!(told.starts_with(&format!("state[{at}]: expected a cursor of 0 to {last}")), "{told}");
            }
        }
        sim.set_state(&state).unwrap();
        (0..5).for_each(|_| sim.step().unwrap());
    }
}
