//! A camera that frames the work: all that moves, and the places that the task speaks of.

use crate::kinematics::point::Point;
use crate::mujoco::simulation::Simulation;
use crate::task::Task;
use mujoco_rs::prelude::{MjModel, MjvCamera};
use nalgebra::Vector3;

/// Share of the picture that stays free at each edge.
const MARGIN: f64 = 0.04;
/// Greatest group of geoms that MuJoCo shows unless it is asked for more.
const SHOWN_GROUP: i32 = 2;

/// The nearest camera that sees all points included so far, in the direction of the model's free camera
/// (`<visual><global azimuth elevation fovy>`).
///
/// A point (x, y, z) to the right, upward and forward lies within the right edge of a camera at c if
/// x − cx ≤ t (z − cz), with t the slope of the edge; likewise within the others. So of all points the greatest of
/// x − t z counts, one number an edge, and the two edges across from each other meet at the nearest camera.
#[derive(Clone, Debug)]
pub struct Framing {
    azimuth: f64,
    elevation: f64,
    /// Unit vectors to the right, upward and forward.
    axes: [Vector3<f64>; 3],
    /// Slopes of the right, left, top and bottom edges.
    slopes: [f64; 4],
    /// Greatest of ±x − t z and ±y − t z of all points, m.
    most: [f64; 4],
    /// Nearest and furthest point, m along the view.
    depths: [f64; 2],
    /// Geoms whose bounding boxes are framed, and points without a size.
    geoms: Vec<usize>,
    points: Vec<Point>,
}

impl Framing {
    /// A framing for pictures of `size` (width, height), of whose height the share `covered` at the bottom is covered.
    pub fn new(task: &Task, size: (usize, usize), covered: f64) -> Self {
        let model = task.compiled_model();
        let view = &model.vis().global;
        let (azimuth, elevation) = (f64::from(view.azimuth), f64::from(view.elevation));
        let ((sa, ca), (se, ce)) = (azimuth.to_radians().sin_cos(), elevation.to_radians().sin_cos());
        let half = (0.5 * f64::from(view.fovy).to_radians()).tan();
        let wide = half * size.0 as f64 / size.1.max(1) as f64 * (1.0 - 2.0 * MARGIN);
        let (top, bottom) = (half * (1.0 - 2.0 * MARGIN), half * (1.0 - 2.0 * (MARGIN + covered)));
        let (geoms, points) = framed(task, model);
        Self {
            azimuth,
            elevation,
            axes: [
                Vector3::new(sa, -ca, 0.0),
                Vector3::new(-se * ca, -se * sa, ce),
                Vector3::new(ce * ca, ce * sa, se),
            ],
            slopes: [wide, wide, top, bottom],
            most: [f64::NEG_INFINITY; 4],
            depths: [f64::INFINITY, f64::NEG_INFINITY],
            geoms,
            points,
        }
    }

    /// Includes what is framed in the present state of `sim`.
    pub fn include(&mut self, sim: &Simulation) {
        for point in self.corners(sim) {
            self.include_point(point);
        }
    }

    /// Corners of the bounding boxes, and points, of what is framed in the present state of `sim`, world frame, m.
    pub fn corners(&self, sim: &Simulation) -> Vec<[f64; 3]> {
        let (data, boxes) = (sim.data(), sim.model().geom_aabb());
        let corner = |geom: usize, i: usize| {
            let b = boxes[geom];
            let at = Vector3::from_fn(|k, _| b[k] + if i >> k & 1 == 1 { b[k + 3] } else { -b[k + 3] });
            let turned = nalgebra::Matrix3::from_row_slice(&data.geom_xmat()[geom]) * at;
            (Vector3::from(data.geom_xpos()[geom]) + turned).into()
        };
        let corners = self.geoms.iter().flat_map(|geom| (0..8).map(|i| corner(*geom, i)));
        corners.chain(self.points.iter().map(|p| p.position(sim))).collect()
    }

    /// Includes a point, world frame, m; one that is not finite is left out.
    pub fn include_point(&mut self, point: [f64; 3]) {
        let [x, y, z] = self.seen(point);
        if !(x + y + z).is_finite() {
            return;
        }
        for ((most, slope), across) in self.most.iter_mut().zip(self.slopes).zip([x, -x, y, -y]) {
            *most = most.max(across - slope * z);
        }
        self.depths = [self.depths[0].min(z), self.depths[1].max(z)];
    }

    /// A point to the right, upward and forward of the world's origin.
    fn seen(&self, point: [f64; 3]) -> [f64; 3] {
        self.axes.map(|axis| axis.dot(&Vector3::from(point)))
    }

    /// Position of the camera to the right, upward and forward of the world's origin; nothing without a point.
    fn position(&self) -> Option<[f64; 3]> {
        if self.depths[0] > self.depths[1] {
            return None;
        }
        let meet = |i: usize| -(self.most[i] + self.most[i + 1]) / (self.slopes[i] + self.slopes[i + 1]);
        // Something as wide as it is deep stays in front of the camera.
        let near = self.depths[0] - 0.05 * (self.depths[1] - self.depths[0]).max(0.1);
        let z = meet(0).min(meet(2)).min(near);
        let middle = |i: usize| {
            let (low, high) = (self.most[i] + self.slopes[i] * z, -self.most[i + 1] - self.slopes[i + 1] * z);
            0.5 * (low + high)
        };
        Some([middle(0), middle(2), z])
    }

    /// The camera; nothing if no point was included.
    pub fn camera(&self) -> Option<MjvCamera> {
        let position = self.position()?;
        let distance = 0.5 * (self.depths[0] + self.depths[1]) - position[2];
        let at: Vector3<f64> = self.axes.iter().zip(position).map(|(axis, along)| axis * along).sum();
        let lookat = (at + distance * self.axes[2]).into();
        let (azimuth, elevation) = (self.azimuth, self.elevation);
        Some(MjvCamera { lookat, distance, azimuth, elevation, ..MjvCamera::default() })
    }

    /// Where the camera sees a point: −1 to 1 from the left to the right edge of the picture and from the bottom to the
    /// top; nothing behind it.
    pub fn project(&self, task: &Task, aspect: f64, point: [f64; 3]) -> Option<[f64; 2]> {
        let (at, camera) = (self.seen(point), self.position()?);
        let half = (0.5 * f64::from(task.compiled_model().vis().global.fovy).to_radians()).tan();
        let depth = at[2] - camera[2];
        (depth > 0.0).then(|| [(at[0] - camera[0]) / (depth * half * aspect), (at[1] - camera[1]) / (depth * half)])
    }
}

/// Geoms that move or belong to what the task speaks of, as far as they are shown, and points without a size.
fn framed(task: &Task, model: &MjModel) -> (Vec<usize>, Vec<Point>) {
    // A body that cannot move is welded to the world.
    let moves = |body: usize| model.body_weldid()[body] != 0;
    let bodies = model.geom_bodyid();
    let named = |geom: usize| {
        task.landmarks().iter().any(|p| match p {
            Point::Body(body) => *body > 0 && bodies[geom] as usize == *body,
            Point::Geom(own) => *own == geom,
            Point::Site(_) | Point::Fixed(_) => false,
        })
    };
    let shown = |geom: usize| model.geom_group()[geom] <= SHOWN_GROUP && model.geom_rgba()[geom][3] > 0.0;
    let geoms = (0..bodies.len()).filter(|g| shown(*g) && (moves(bodies[*g] as usize) || named(*g))).collect();
    let sizeless = |p: &&Point| matches!(p, Point::Site(_) | Point::Fixed(_));
    (geoms, task.landmarks().iter().filter(sizeless).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experts::demonstrate::demonstrate;
    use crate::world::World;
    use imle_configs::seed::Purpose;
    use std::sync::Arc;

    /// The corners of all that moves lie in the picture, above what is covered, throughout an episode of every task,
    /// and reach its edges in one direction.
    #[test]
    fn all_that_moves_is_in_the_picture_of_every_task() {
        for name in imle_configs::embedded::task_names() {
            let task = Arc::new(Task::load(name).unwrap());
            let mut world = World::new(task.clone()).unwrap();
            let mut framing = Framing::new(&task, (640, 480), 0.08);
            assert!(framing.camera().is_none());
            let episode = demonstrate(&task, None, 1, 0).unwrap();
            let play = |world: &mut World, see: &mut dyn FnMut(&Simulation)| {
                world.reset(1, Purpose::Demonstration, 0).unwrap();
                see(world.simulation());
                for action in episode.actions.chunks_exact(task.spec().action.size()) {
                    world.step(action);
                    see(world.simulation());
                }
            };
            play(&mut world, &mut |sim| framing.include(sim));
            let mut most = [0.0f64; 2];
            let framing = framing;
            play(&mut world, &mut |sim| {
                for corner in framing.corners(sim) {
                    let [x, y] = framing.project(&task, 640.0 / 480.0, corner).unwrap();
                    assert!(x.abs() < 0.921 && y < 0.921 && y > -0.761, "{name}: {x} {y}");
                    most = [most[0].max(x.abs()), most[1].max(y.abs())];
                }
            });
            assert!(most[0] > 0.9 || most[1] > 0.75, "{name}: {most:?}");
            assert!(framing.camera().unwrap().distance > 0.0, "{name}");
        }
    }

    #[test]
    fn points_that_are_not_finite_are_left_out_and_one_point_is_enough() {
        let task = Task::load("cartpole").unwrap();
        let mut framing = Framing::new(&task, (64, 64), 0.0);
        framing.include_point([f64::NAN, 0.0, 0.0]);
        assert!(framing.camera().is_none());
        framing.include_point([1.0, 2.0, 3.0]);
        let seen = framing.project(&task, 1.0, [1.0, 2.0, 3.0]).unwrap();
        assert!(seen.iter().all(|x| x.abs() < 1e-9), "{seen:?}");
    }
}
