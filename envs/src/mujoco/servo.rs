//! Position servos: the actuators that pull a joint or tendon to a length that their control names, and the controls
//! in which they hold a pose.
//!
//! Such an actuator's force is (g₀ + g₁ l) u + b₀ + b₁ l at rest, with l its length (gear times the joint) and u its
//! control, or the activation that a filter or an integrator makes of it. It holds where that is zero.

use super::plugins;
use super::simulation::Simulation;
use mujoco_rs::mujoco_c::{mjtBias, mjtCtrlInput, mjtDyn, mjtGain, mjtTrn};
use mujoco_rs::prelude::MjModel;

/// The plugin of MuJoCo's whose actuators are position servos.
const PID: &str = "mujoco.pid";

/// Dynamics between the control and the force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing.
    None,
    /// An activation at this address that follows the control.
    Follows(usize),
    /// An activation at this address that the control is the rate of.
    Integrates(usize),
}

/// A position servo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Servo {
    actuator: usize,
    control: usize,
    /// Address of its length and of its row of moments.
    output: usize,
    /// Gear from the joint's or tendon's position to the length; 1 for what has no such position.
    gear: f64,
    /// −b₁/g₀, b₀/g₀ and g₁/g₀: 1, 0 and 0 if the control is the length.
    ratio: f64,
    offset: f64,
    skew: f64,
    state: State,
}

impl Servo {
    /// The actuator of this index, if it is a position servo.
    pub(crate) fn of(model: &MjModel, actuator: usize) -> Option<Self> {
        let output = model.actuator_outadr()[actuator] as usize;
        use mjtTrn::{mjTRN_JOINT, mjTRN_JOINTINPARENT, mjTRN_TENDON};
        let scaled = [mjTRN_JOINT, mjTRN_JOINTINPARENT, mjTRN_TENDON].contains(&model.actuator_trntype()[actuator]);
        let gear = model.actuator_gear()[output][0];
        let servo = Self {
            actuator,
            control: model.actuator_ctrladr()[actuator] as usize,
            output,
            gear: if scaled && gear != 0.0 { gear } else { 1.0 },
            ratio: 1.0,
            offset: 0.0,
            skew: 0.0,
            state: State::None,
        };
        if let Some(plugin) = plugins::of_actuator(model, actuator) {
            return (plugin == PID).then_some(servo);
        }
        let (gain, bias) = (model.actuator_gainprm()[actuator], model.actuator_biasprm()[actuator]);
        let takes = |input: mjtCtrlInput| model.actuator_ctrlspec()[actuator] & input as i32 != 0;
        let [g0, g1] = match model.actuator_gaintype()[actuator] {
            mjtGain::mjGAIN_FIXED => [gain[0], 0.0],
            mjtGain::mjGAIN_AFFINE => [gain[0], gain[1]],
            // A controller by itself: it takes a position, and its first control is that.
            mjtGain::mjGAIN_PID if takes(mjtCtrlInput::mjINPUT_POS) => [-bias[1], 0.0],
            _ => return None,
        };
        let pulls = model.actuator_biastype()[actuator] == mjtBias::mjBIAS_AFFINE && bias[1] < 0.0 && g0 != 0.0;
        let first = model.actuator_actadr()[actuator];
        let last = usize::try_from(first + model.actuator_actnum()[actuator] - 1).unwrap_or(0);
        let state = match model.actuator_dyntype()[actuator] {
            mjtDyn::mjDYN_NONE => State::None,
            mjtDyn::mjDYN_FILTER | mjtDyn::mjDYN_FILTEREXACT => State::Follows(last),
            mjtDyn::mjDYN_INTEGRATOR => State::Integrates(last),
            // A limit of the rate comes first, the integral of the error after it.
            mjtDyn::mjDYN_PID if model.actuator_dynprm()[actuator][1] > 0.0 => {
                State::Follows(usize::try_from(first).unwrap_or(0))
            }
            mjtDyn::mjDYN_PID => State::None,
            _ => return None,
        };
        pulls.then(|| Self { ratio: -bias[1] / g0, offset: bias[0] / g0, skew: g1 / g0, state, ..servo })
    }

    /// All of a model.
    pub(crate) fn all(model: &MjModel) -> Vec<Self> {
        (0..model.actuator_trntype().len()).filter_map(|a| Self::of(model, a)).collect()
    }

    /// Whether its control names a position; else it is a rate.
    pub(crate) fn takes_position(&self) -> bool {
        !matches!(self.state, State::Integrates(_))
    }

    /// Whether it remembers: it has an activation or a delay.
    pub(crate) fn has_state(&self, model: &MjModel) -> bool {
        self.state != State::None || model.actuator_history()[self.actuator][0] > 0
    }

    /// Change of the control by a unit of the joint or tendon that it drives.
    pub(crate) fn scale(&self) -> f64 {
        (self.gear * self.ratio).abs()
    }

    fn at_length(&self, length: f64) -> f64 {
        (self.ratio * length - self.offset) / (1.0 + self.skew * length)
    }

    /// The control that names this position of its joint.
    pub(crate) fn control_at(&self, position: f64) -> f64 {
        self.at_length(self.gear * position)
    }

    /// The position of its joint that this control names.
    pub(crate) fn position_at(&self, control: f64) -> f64 {
        (control + self.offset) / (self.ratio - control * self.skew) / self.gear
    }

    /// Whether it moves degree of freedom `dof` in the present pose, in which transmissions are up to date.
    pub(crate) fn moves(&self, sim: &Simulation, dof: usize) -> bool {
        let data = sim.data();
        let first = data.moment_rowadr()[self.output] as usize;
        let row = first..first + data.moment_rownnz()[self.output] as usize;
        row.into_iter().any(|i| data.moment_colind()[i] as usize == dof && data.actuator_moment()[i] != 0.0)
    }

    /// Lets it hold the present pose, in which transmissions are up to date.
    pub(crate) fn hold(&self, sim: &mut Simulation) {
        let target = self.at_length(sim.data().actuator_length()[self.output]);
        let control = if self.takes_position() { target } else { 0.0 };
        sim.data_mut().ctrl_mut()[self.control] = control;
        if let State::Follows(at) | State::Integrates(at) = self.state {
            sim.data_mut().act_mut()[at] = target;
        }
        sim.fill_history(self.actuator, control);
    }

    /// Sets what it remembers to what its control leads to in the long run; the activation of an integrator to what
    /// holds the present pose.
    pub(crate) fn settle(&self, sim: &mut Simulation) {
        match self.state {
            State::None => {}
            State::Follows(at) => sim.data_mut().act_mut()[at] = sim.data().ctrl()[self.control],
            State::Integrates(at) => {
                let target = self.at_length(sim.data().actuator_length()[self.output]);
                sim.data_mut().act_mut()[at] = target;
            }
        }
        sim.fill_history(self.actuator, sim.data().ctrl()[self.control]);
    }
}

/// Description of an actuator that takes no position, for messages.
pub(crate) fn described(model: &MjModel, actuator: usize) -> &'static str {
    let bias = model.actuator_biasprm()[actuator];
    match model.actuator_gaintype()[actuator] {
        _ if Servo::of(model, actuator).is_some() => "an integrator, whose control is a speed",
        _ if model.actuator_plugin()[actuator] >= 0 => "an actuator of a plugin",
        mjtGain::mjGAIN_MUSCLE => "a muscle",
        mjtGain::mjGAIN_DCMOTOR => "a DC motor",
        mjtGain::mjGAIN_FIXED if bias[1] == 0.0 && bias[2] < 0.0 => "a velocity servo",
        _ => "a motor",
    }
}
