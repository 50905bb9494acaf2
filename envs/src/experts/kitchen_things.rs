//! The seven things of the task `kitchen`, as its expert sees and moves them.

use super::arm::{Hand, body};
use crate::mujoco::lookup::{ObjectKind, find};
use crate::world::World;

/// A thing to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    Bottom,
    Top,
    Light,
    Slide,
    Hinge,
    Microwave,
    Kettle,
}

impl Thing {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Bottom, Self::Top, Self::Light, Self::Slide, Self::Hinge, Self::Microwave, Self::Kettle];

    /// Name of the body and of the joint in the model.
    fn name(self) -> &'static str {
        match self {
            Self::Bottom => "bottom",
            Self::Top => "top",
            Self::Light => "light",
            Self::Slide => "slide",
            Self::Hinge => "hinge",
            Self::Microwave => "microwave",
            Self::Kettle => "kettle",
        }
    }

    /// Joint position past which it is done, as in the task file, and how much further an expert goes, rad or m.
    fn bound(self) -> (f64, f64) {
        match self {
            Self::Bottom | Self::Top => (0.7, 0.08),
            Self::Light => (0.5, 0.08),
            Self::Slide => (0.15, 0.015),
            Self::Hinge => (0.7, 0.08),
            Self::Microwave => (0.5, 0.08),
            Self::Kettle => (0.0, 0.0),
        }
    }
}

/// Distance of the kettle from the burner's middle below which it is done, as in the task file, m.
const KETTLE_DONE: f64 = 0.04;

/// Indices of one thing in the model.
#[derive(Clone, Copy, Debug, Default)]
struct Parts {
    body: usize,
    grip: usize,
    clear: usize,
    qpos: usize,
    axis: [f64; 3],
    slides: bool,
}

/// Objects that the expert observes; a model without one gives the world's origin, which fails the episode.
#[derive(Clone, Debug)]
pub struct Things {
    parts: [Parts; 7],
    pub hand: Hand,
    burner: usize,
}

impl Things {
    /// Finds them in the world's model.
    pub fn of(world: &World) -> Self {
        let model = world.simulation().model();
        let id = |kind, name: &str| find(model, kind, name).unwrap_or(0);
        let parts = Thing::ALL.map(|thing| {
            let (name, joint) = (thing.name(), id(ObjectKind::Joint, thing.name()));
            let grip = id(ObjectKind::Site, &format!("{name}_grip"));
            Parts {
                body: body(world, name),
                grip,
                // The kettle's handle is reached where it is gripped.
                clear: find(model, ObjectKind::Site, &format!("{name}_clear")).unwrap_or(grip),
                qpos: model.jnt_qposadr()[joint] as usize,
                axis: model.jnt_axis()[joint],
                slides: thing == Thing::Slide,
            }
        });
        Self { parts, hand: Hand::of(world), burner: id(ObjectKind::Site, "burner") }
    }

    fn site(world: &World, id: usize) -> [f64; 3] {
        world.simulation().data().site_xpos()[id]
    }

    fn part(&self, thing: Thing) -> Parts {
        self.parts[thing as usize]
    }

    /// Where the fingers stand beside the handle, free of it, m.
    pub fn clear(&self, world: &World, thing: Thing) -> [f64; 3] {
        Self::site(world, self.part(thing).clear)
    }

    /// Where the fingers move the thing, m.
    pub fn grip(&self, world: &World, thing: Thing) -> [f64; 3] {
        Self::site(world, self.part(thing).grip)
    }

    /// Where the thing's grip will be once it has moved by `way` m.
    pub fn ahead(&self, world: &World, thing: Thing, way: f64) -> [f64; 3] {
        let part = self.part(thing);
        let grip = self.grip(world, thing);
        if part.slides {
            return std::array::from_fn(|i| grip[i] + way * part.axis[i]);
        }
        let pivot = world.simulation().data().xpos()[part.body];
        let (x, y) = (grip[0] - pivot[0], grip[1] - pivot[1]);
        let (sin, cos) = (part.axis[2] * way / x.hypot(y).max(0.01)).sin_cos();
        [pivot[0] + cos * x - sin * y, pivot[1] + sin * x + cos * y, grip[2]]
    }

    /// From the kettle to the middle of its burner, m.
    pub fn kettle_off(&self, world: &World) -> [f64; 3] {
        let kettle = world.simulation().data().xpos()[self.part(Thing::Kettle).body];
        let burner = Self::site(world, self.burner);
        std::array::from_fn(|i| burner[i] - kettle[i])
    }

    /// Whether the kettle's handle is between closed fingers.
    pub fn holding(&self, world: &World) -> bool {
        self.hand.holds(world, self.grip(world, Thing::Kettle), 0.03, 0.006..0.014)
    }

    /// Whether it is done, as the task file says.
    pub fn done(&self, world: &World, thing: Thing) -> bool {
        self.past(world, thing, 0.0)
    }

    /// Whether it is done with some to spare.
    pub fn enough(&self, world: &World, thing: Thing) -> bool {
        self.past(world, thing, 1.0)
    }

    fn past(&self, world: &World, thing: Thing, spare: f64) -> bool {
        if thing == Thing::Kettle {
            return self.kettle_off(world).iter().map(|x| x * x).sum::<f64>().sqrt() < KETTLE_DONE;
        }
        let (bound, further) = thing.bound();
        world.simulation().data().qpos()[self.part(thing).qpos] > bound + spare * further
    }
}
