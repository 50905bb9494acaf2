//! A task whose cost has a term that its file cannot say: the energy of a pole.
//! Run it with `cargo run --release --example own_term`.
//!
//! `own_term.toml` names a quantity of kind `custom`; the program gives a [`CustomQuantity`] of that name. All else
//! stays the file's, and planning needs no generator here: the search starts from noise and its last plan.

use planner::envs::mujoco::MjModel;
use planner::envs::mujoco::lookup::{ObjectKind, find};
use planner::envs::mujoco::simulation::{Needs, Simulation};
use planner::envs::task::custom::{CustomQuantities, CustomQuantity, PreparedQuantity};
use planner::evaluation::{EvaluationSettings, evaluate};
use planner::optimizer::CmaEs;
use planner::workers::Workers;
use planner::{Controller, Task};
use std::sync::Arc;

/// Kinetic and potential energy of the pole about its hinge, less that of standing upright, J.
struct Energy;

impl CustomQuantity for Energy {
    fn needs(&self) -> Needs {
        Needs::default() // positions and joint velocities, which are always there
    }

    fn prepare(&self, model: &MjModel) -> planner::errors::InputResult<Box<dyn PreparedQuantity>> {
        let joint = find(model, ObjectKind::Joint, "joint_pole")?;
        let pole = find(model, ObjectKind::Body, "pole")?;
        let (mass, centre) = (model.body_mass()[pole], model.body_ipos()[pole][2]);
        Ok(Box::new(OfPole {
            angle: model.jnt_qposadr()[joint] as usize,
            speed: model.jnt_dofadr()[joint] as usize,
            weight: mass * 9.81 * centre,
            inertia: model.body_inertia()[pole][1] + mass * centre * centre,
        }))
    }
}

struct OfPole {
    angle: usize,
    speed: usize,
    weight: f64,
    inertia: f64,
}

impl PreparedQuantity for OfPole {
    fn value(&self, sim: &Simulation) -> f64 {
        let (angle, speed) = (sim.data().qpos()[self.angle], sim.data().qvel()[self.speed]);
        0.5 * self.inertia * speed * speed + self.weight * (angle.cos() - 1.0)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/own_term.toml");
    let task = Arc::new(Task::load_with(file, &CustomQuantities::default().with("energy", Energy))?);
    let builder = Controller::builder(task.clone()).optimizer(CmaEs { noise: 0.3, ..CmaEs::default() });
    let (mut decider, horizons) = builder.noise(0.3).candidates(64).decider()?;
    let settings = EvaluationSettings::held_out(5, 0, horizons);
    let workers = Workers::shared()?;
    let outcome = evaluate(&task, &mut decider, &settings, &workers, &mut ())?;
    println!("{} of {} episodes swing the pole up", outcome.solved(), outcome.episodes.len());
    Ok(())
}
