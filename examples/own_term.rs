//! A task whose cost has a term that its file cannot say: the energy of a pole.
//! Run it with `cargo run --release --example own_term`.
//!
//! `own_term.toml` names a quantity of kind `custom`; the program gives a [`Term`] of that name. All else stays the file's, and
//! planning needs no generator here: the search starts from noise and its last plan.

use imle_configs::spec::Horizons;
use imle_envs::mujoco::simulation::{Needs, Simulation};
use imle_envs::task::custom::{CustomQuantities, CustomQuantity, PreparedQuantity};
use imle_envs::{rollout::RolloutEngine, task::Task};
use imle_planner::evaluate::{Settings, evaluate};
use imle_planner::proposal::{Noise, Warm};
use imle_planner::space::{Range, by_name};
use imle_planner::{optimizer, planner::Planner, threads};
use mujoco_rs::prelude::MjModel;
use std::sync::Arc;

/// Kinetic and potential energy of the pole about its hinge, less that of standing upright, J.
struct Energy;

impl CustomQuantity for Energy {
    fn needs(&self) -> Needs {
        Needs::default() // positions and joint velocities, which are always there
    }

    fn prepare(&self, model: &MjModel) -> imle_configs::Result<Box<dyn PreparedQuantity>> {
        use imle_envs::mujoco::lookup::{ObjectKind, find};
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
    let horizons = task.horizons(Horizons::default());
    let (pool, engine) = (threads::pool(2)?, RolloutEngine::new(task.clone(), 2)?);
    let (low, high) = task.action_bounds().range();
    let noise = Noise { seed: 0, scale: 0.3, knots: 4, low: low.to_vec(), high: high.to_vec() };
    let sources = vec![Box::new(noise) as _, Box::new(Warm) as _];
    let optimizer = optimizer::by_name("cma-es", optimizer::Settings { noise: 0.3, ..optimizer::Settings::default() })?;
    let space = by_name("linear", Range::new(low, high), horizons.prediction, 4)?;
    let mut planner = Planner::new(Box::new(&engine), sources, optimizer, horizons, 64)?.searching(space, 0);
    let outcome = evaluate(&task, &mut planner, &Settings::held_out(5, 0, horizons), &pool, &mut ())?;
    println!("{} of {} episodes swing the pole up", outcome.solved(), outcome.episodes.len());
    Ok(())
}
