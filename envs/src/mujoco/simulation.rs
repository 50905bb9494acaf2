//! Simulation of one model, whose errors are values.

use super::history;
use super::native::{
    SLEEP, guarded, install_handlers, mj_collision, mj_comPos, mj_comVel, mj_forward, mj_geomDistance, mj_getState,
    mj_kinematics, mj_resetDataKeyframe, mj_setState, mj_step, mj_step1, mj_step2, mj_tendon, mj_transmission,
};
use mujoco_rs::mujoco_c::{mjData, mjModel};
use mujoco_rs::prelude::{MjData, MjModel};
use std::ffi::{c_int, c_uint};
use std::sync::{Arc, Mutex, PoisonError};

/// `mjSTATE_INTEGRATION`: everything that the next step depends on, warm start included.
const STATE_INTEGRATION: c_uint = mujoco_rs::mujoco_c::mjtState::mjSTATE_INTEGRATION as c_uint;
/// `mjINT_RK4`
const RK4: c_int = mujoco_rs::mujoco_c::mjtIntegrator::mjINT_RK4 as c_int;
/// Indices of `mjtWarning` that mean a diverged state: bad qpos, qvel, qacc, ctrl.
const DIVERGED: [(usize, &str); 4] = [
    (mujoco_rs::mujoco_c::mjtWarning::mjWARN_BADQPOS as usize, "positions"),
    (mujoco_rs::mujoco_c::mjtWarning::mjWARN_BADQVEL as usize, "velocities"),
    (mujoco_rs::mujoco_c::mjtWarning::mjWARN_BADQACC as usize, "accelerations"),
    (mujoco_rs::mujoco_c::mjtWarning::mjWARN_BADCTRL as usize, "controls"),
];

/// Quantities to bring up to date besides positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Velocities of bodies.
    pub velocities: bool,
    /// Contacts.
    pub contacts: bool,
    /// Forces and sensors: all that MuJoCo computes of a state, at the price of a physics step.
    pub forces: bool,
}

impl Needs {
    /// Everything.
    pub const ALL: Self = Self { velocities: true, contacts: true, forces: true };
    /// Everything but forces and sensors.
    pub const MOTION: Self = Self { velocities: true, contacts: true, forces: false };

    /// Needs of either.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            velocities: self.velocities || other.velocities,
            contacts: self.contacts || other.contacts,
            forces: self.forces || other.forces,
        }
    }
}

/// One model in motion. Errors leave it in need of [`Simulation::set_state`] or a reset, and otherwise intact.
#[derive(Debug)]
pub struct Simulation {
    data: MjData<Arc<MjModel>>,
    /// Whether the next step has begun.
    begun: bool,
    /// Rate of each control in the last control step, its unit a second; 0 after a state was set.
    rates: Vec<f64>,
    /// Where the solver's warm start is kept while forces are computed.
    warmstart: Vec<f64>,
    /// Held while MuJoCo uses free memory of the data to compute a distance.
    distance: Mutex<()>,
}

impl Simulation {
    /// A simulation of `model` in its default pose.
    ///
    /// # Errors
    /// The message of MuJoCo if the data cannot be made.
    pub fn new(model: Arc<MjModel>) -> Result<Self, String> {
        install_handlers();
        let data = MjData::try_new(model).map_err(|e| e.to_string())?;
        let (rates, warmstart) = (vec![0.0; data.ctrl().len()], vec![0.0; data.qvel().len()]);
        Ok(Self { data, begun: false, rates, warmstart, distance: Mutex::new(()) })
    }

    /// The model.
    pub fn model(&self) -> &MjModel {
        self.data.model()
    }

    /// Read access to MuJoCo's data.
    pub fn data(&self) -> &MjData<Arc<MjModel>> {
        &self.data
    }

    /// Write access to MuJoCo's data.
    pub fn data_mut(&mut self) -> &mut MjData<Arc<MjModel>> {
        &mut self.data
    }

    fn pointers(&mut self) -> (*const mjModel, *mut mjData) {
        let model: *const mjModel = self.data.model().ffi();
        // SAFETY: the pointer is only handed to MuJoCo functions that keep mjData's invariants.
        (model, unsafe { self.data.ffi_mut() })
    }

    /// One physics step, or what is left of it after [`Simulation::begin_step`].
    ///
    /// # Errors
    /// MuJoCo's own error, or which part of the state diverged.
    pub fn step(&mut self) -> Result<(), String> {
        let begun = std::mem::take(&mut self.begun);
        let (m, d) = self.pointers();
        // SAFETY: m and d belong together and are exclusively borrowed.
        let done = guarded(|| unsafe { if begun { mj_step2(m, d) } else { mj_step(m, d) } });
        done.inspect_err(|_| self.data.reset())?;
        self.check()
    }

    /// Does the part of the next step that depends on no control. All positions, velocities and contacts are those of
    /// the present state then, as after [`Simulation::refresh`], whose work the step does anyway. False, and nothing is
    /// done, with an integrator whose steps have no such part (Runge–Kutta).
    ///
    /// # Errors
    /// As [`Simulation::step`].
    pub fn begin_step(&mut self) -> Result<bool, String> {
        if self.data.model().opt().integrator == RK4 {
            return Ok(false);
        }
        let (m, d) = self.pointers();
        // SAFETY: as in `step`.
        guarded(|| unsafe { mj_step1(m, d) }).inspect_err(|_| self.data.reset())?;
        self.begun = true;
        self.check().map(|()| true)
    }

    /// Fails if a warning of divergence was raised since the last state was set.
    fn check(&self) -> Result<(), String> {
        let warnings = self.data.warning();
        match DIVERGED.iter().find(|(index, _)| warnings[*index].number > 0) {
            Some((_, what)) => Err(format!("{what} diverged")),
            None => Ok(()),
        }
    }

    fn clear_warnings(&mut self) {
        for (index, _) in DIVERGED {
            self.data.warning_mut()[index].number = 0;
        }
    }

    /// Full forward dynamics at the present state: contacts, sensors, accelerations.
    ///
    /// # Errors
    /// MuJoCo's own error.
    pub fn forward(&mut self) -> Result<(), String> {
        let (m, d) = self.pointers();
        // SAFETY: as in `step`.
        guarded(|| unsafe { mj_forward(m, d) }).inspect_err(|_| self.data.reset())?;
        self.check()
    }

    /// Rate of each control in the last control step, its unit a second.
    pub fn control_rates(&self) -> &[f64] {
        &self.rates
    }

    /// Sets how fast control `index` changed in the control step that was executed.
    pub(crate) fn set_control_rate(&mut self, index: usize, rate: f64) {
        self.rates[index] = rate;
    }

    /// Least distance between two geoms, m: negative where they overlap, `most` if it is not less.
    ///
    /// # Errors
    /// MuJoCo's own error.
    pub(crate) fn distance(&self, a: usize, b: usize, most: f64) -> Result<f64, String> {
        let (m, d): (*const mjModel, *mut mjData) =
            (self.data.model().ffi(), std::ptr::from_ref(self.data.ffi()).cast_mut());
        let _alone = self.distance.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: m and d belong together, and both are geoms of the model. MuJoCo writes to the free part of the
        // data's own memory alone, which nobody reads, and the lock keeps another call from it.
        guarded(|| unsafe { mj_geomDistance(m, d, a as c_int, b as c_int, most, std::ptr::null_mut()) })
    }

    /// Brings positions of bodies and sites, and what else is needed, up to the present state (a step leaves them one
    /// behind). What the next step starts from does not change.
    ///
    /// # Errors
    /// MuJoCo's own error in finding contacts or forces.
    pub fn refresh(&mut self, needs: Needs) -> Result<(), String> {
        if needs.forces {
            // MuJoCo would take the forces found here for the next step's warm start.
            self.warmstart.copy_from_slice(self.data.qacc_warmstart());
            self.forward()?;
            self.data.qacc_warmstart_mut().copy_from_slice(&self.warmstart);
            return Ok(());
        }
        let (m, d) = self.pointers();
        // SAFETY: as in `step`; these only read qpos and qvel and write derived quantities.
        guarded(|| unsafe {
            mj_kinematics(m, d);
            if needs.velocities || needs.contacts {
                mj_comPos(m, d);
            }
            if needs.velocities {
                mj_comVel(m, d);
            }
            if needs.contacts {
                mj_collision(m, d);
            }
        })
        .inspect_err(|_| self.data.reset())
    }

    /// Brings the lengths and moments of actuators up to the present positions.
    ///
    /// # Errors
    /// MuJoCo's own error.
    pub(crate) fn refresh_transmission(&mut self) -> Result<(), String> {
        let (m, d) = self.pointers();
        // SAFETY: as in `step`; these only read qpos and write derived quantities.
        guarded(|| unsafe {
            mj_kinematics(m, d);
            mj_comPos(m, d);
            mj_tendon(m, d);
            mj_transmission(m, d);
        })
        .inspect_err(|_| self.data.reset())
    }

    /// Lets an actuator with a delay have had this control all along. Others, and those of several controls, stay.
    pub(super) fn fill_history(&mut self, actuator: usize, control: f64) {
        let samples = usize::try_from(self.model().actuator_history()[actuator][0]).unwrap_or(0);
        let _ = self.data.init_ctrl_history(actuator, None, &vec![control; samples]);
    }

    /// Length of the full integration state.
    pub fn state_size(&self) -> usize {
        self.data.model().state_size(STATE_INTEGRATION)
    }

    /// Copies the full integration state (`mjSTATE_INTEGRATION`) into `out`.
    ///
    /// # Errors
    /// The sizes, if `out` has not [`Simulation::state_size`] values.
    pub fn get_state(&self, out: &mut [f64]) -> Result<(), String> {
        self.check_size(out.len())?;
        // SAFETY: `out` has exactly the size that MuJoCo writes.
        unsafe { mj_getState(self.data.model().ffi(), self.data.ffi(), out.as_mut_ptr(), STATE_INTEGRATION) };
        Ok(())
    }

    /// Restores a full integration state and clears the warnings. All bodies are awake then: which of them sleep is in
    /// no state of MuJoCo's.
    ///
    /// # Errors
    /// The sizes, if `state` has not [`Simulation::state_size`] values; the place of a cursor outside its history.
    pub fn set_state(&mut self, state: &[f64]) -> Result<(), String> {
        self.check_size(state.len())?;
        history::check(self.data.model(), state)?;
        self.begun = false;
        if self.data.model().opt().enableflags & SLEEP != 0 {
            self.data.reset();
        }
        let (m, d) = self.pointers();
        // SAFETY: `state` has exactly the size that MuJoCo reads.
        unsafe { mj_setState(m, d, state.as_ptr(), STATE_INTEGRATION) };
        self.rates.fill(0.0);
        self.clear_warnings();
        Ok(())
    }

    fn check_size(&self, got: usize) -> Result<(), String> {
        let want = self.state_size();
        if got == want { Ok(()) } else { Err(format!("expected a state of {want} values, found {got}")) }
    }

    /// Resets to a keyframe, or to the default pose without one.
    pub fn reset(&mut self, keyframe: Option<usize>) {
        self.begun = false;
        self.rates.fill(0.0);
        match keyframe {
            None => self.data.reset(),
            Some(key) => {
                let (m, d) = self.pointers();
                // SAFETY: as in `step`; MuJoCo checks the index.
                unsafe { mj_resetDataKeyframe(m, d, key as c_int) };
            }
        }
        self.clear_warnings();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pendulum() -> Simulation {
        let xml = r#"<mujoco><worldbody><body><joint name="j" type="hinge" axis="0 1 0"/>
            <geom type="capsule" fromto="0 0 0 0 0 -1" size="0.05"/></body></worldbody></mujoco>"#;
        Simulation::new(Arc::new(MjModel::from_xml_string(xml).unwrap())).unwrap()
    }

    #[test]
    fn a_diverged_state_fails_and_can_be_restored() {
        let mut sim = pendulum();
        let mut state = vec![0.0; sim.state_size()];
        sim.get_state(&mut state).unwrap();
        sim.data_mut().qvel_mut()[0] = f64::NAN;
        assert!(sim.step().unwrap_err().contains("diverged"));
        sim.set_state(&state).unwrap();
        sim.step().unwrap();
    }

    #[test]
    fn a_restored_state_continues_bit_for_bit() {
        let mut sim = pendulum();
        sim.data_mut().qpos_mut()[0] = 1.0;
        for _ in 0..10 {
            sim.step().unwrap();
        }
        let mut state = vec![0.0; sim.state_size()];
        sim.get_state(&mut state).unwrap();
        let run = |sim: &mut Simulation| {
            sim.set_state(&state).unwrap();
            (0..50).for_each(|_| sim.step().unwrap());
            sim.data().qpos()[0].to_bits()
        };
        let first = run(&mut sim);
        assert_eq!(first, run(&mut pendulum()));
        assert_eq!(first, run(&mut sim));
    }
}
