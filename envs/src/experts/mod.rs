//! Scripted experts: one file each, registered in `registry.rs`.
//!
//! An expert sees the world's true state and commands actions in the task's own mapping. It demonstrates as people
//! do: in one of several labelled modes, at varying speed, with hesitations, small noise and mistakes that it
//! recovers from. One labeller per task names the mode of any trajectory, the expert's or a policy's.

pub mod demonstrate;
pub mod expert;
pub mod forced;
pub mod kind;

mod arm;
mod around;
mod avoid;
mod block_push;
mod cartpole;
mod cylinder_push;
mod kitchen;
mod kitchen_things;
mod lift;
mod motion;
mod path;
mod pick_place;
mod picking;
mod poor;
mod push_t;
mod registry;
mod square;
mod stack;
mod tee;
