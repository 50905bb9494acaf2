//! The expert of `cartpole`: pump energy into the pole until it goes over the top, catch it there, balance it back to
//! the middle of the rail. There are no modes.

use super::expert::{Expert, Script, Unlabelled};
use super::motion::{Drift, happens};
use crate::mujoco::lookup::{ObjectKind, find};
use crate::world::World;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{PI, TAU};

/// Script of the expert.
pub(super) const EXPERT: Script = Script {
    modes: &[],
    start: |world, _, rng| Box::new(CartpoleExpert::start(world, rng)),
    labeller: || Box::new(Unlabelled),
};

/// Moment of inertia of the pole about its hinge, kg·m².
const INERTIA: f64 = 0.0344;
/// Weight times half the length of the pole, J.
const WEIGHT: f64 = 0.1 * 9.81 * 0.5;
/// Energy above rest on top with which the pole is sent there: some is lost on the way, J.
const SURPLUS: f64 = 0.06;
/// The linear-quadratic regulator of the upright pole, whose state is the cart's position, the pole's angle and both
/// velocities and whose input is the servo's target, held for 0.08 s: the discrete Riccati equation of the model with
/// the weights 4, 10, 1, 1 and 2.
const BALANCE: [f64; 4] = [1.223, 1.332, 0.357, 0.329];
/// The regulator sees the cart at most so far from the middle, so that its target stays within the servo's force, m.
const FARTHEST: f64 = 0.4;
/// Force of the servo a metre of error, N/m.
const STIFFNESS: f64 = 100.0;
/// Most force of the servo, N.
const FORCE: f64 = 10.0;
/// Force lost a speed of the cart, N·s/m.
const DAMPING: f64 = 10.0;

/// One episode of the expert.
pub struct CartpoleExpert {
    rng: ChaCha8Rng,
    /// Addresses of cart and pole in qpos and in qvel.
    joints: [[usize; 2]; 2],
    /// Acceleration of the cart in swinging up, m/s².
    vigour: f64,
    drift: Drift,
    /// Control steps for which the hand rests.
    pause: usize,
    last: f64,
}

impl CartpoleExpert {
    fn start(world: &World, mut rng: ChaCha8Rng) -> Self {
        let model = world.simulation().model();
        let joint = |name| find(model, ObjectKind::Joint, name).unwrap_or(0);
        let address = |j: usize| [model.jnt_qposadr()[j] as usize, model.jnt_dofadr()[j] as usize];
        let joints = [address(joint("joint_cart")), address(joint("joint_pole"))];
        let vigour = rng.random_range(6.0..8.0);
        let last = world.simulation().data().qpos()[joints[0][0]];
        Self { rng, joints, vigour, drift: Drift::new(0.002), pause: 0, last }
    }

    /// Cart's position, pole's angle from upright, their velocities.
    fn look(&self, world: &World) -> [f64; 4] {
        let (qpos, qvel) = (world.simulation().data().qpos(), world.simulation().data().qvel());
        let [cart, pole] = self.joints;
        let angle = (qpos[pole[0]] + PI).rem_euclid(TAU) - PI;
        [qpos[cart[0]], angle, qvel[cart[1]], qvel[pole[1]]]
    }

    /// Whether the pole comes to the top slowly enough to be caught.
    fn can_catch([_, angle, _, turning]: [f64; 4]) -> bool {
        // A pole that just stops on top follows angle = −turning / 3.8.
        angle.abs() < 0.6 && (angle + turning / 3.8).abs() < 0.3
    }

    fn target(&mut self, state: [f64; 4]) -> f64 {
        let [cart, angle, speed, turning] = state;
        if Self::can_catch(state) {
            let near = cart.clamp(-FARTHEST, FARTHEST);
            let law = [near, angle, speed, turning].iter().zip(BALANCE).map(|(x, k)| x * k).sum::<f64>();
            return cart - near + law;
        }
        if self.pause > 0 {
            self.pause -= 1;
            return self.last;
        }
        if happens(&mut self.rng, 0.01) {
            self.pause = 2;
        }
        let energy = 0.5 * INERTIA * turning * turning + WEIGHT * (angle.cos() - 1.0);
        let pump = ((energy - SURPLUS) / 0.15).clamp(-1.0, 1.0) * (turning * angle.cos()).clamp(-1.0, 1.0);
        let force = 1.1 * self.vigour * pump + 0.8 * DAMPING * speed - 2.0 * cart;
        cart + force.clamp(-FORCE, FORCE) / STIFFNESS
    }
}

impl Expert for CartpoleExpert {
    fn act(&mut self, world: &World, out: &mut [f32]) {
        let state = self.look(world);
        self.last = self.target(state);
        let noise = self.drift.next(&mut self.rng)[0];
        out.fill((self.last + noise).clamp(-1.8, 1.8) as f32);
    }

    /// There is no mode to be committed to.
    fn committed(&self) -> bool {
        false
    }
}
