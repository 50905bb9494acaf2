//! The LeRobot v3 layout: the columns of a frame and the files of `meta/`.

pub(crate) mod episodes;
pub(crate) mod features;
pub(crate) mod info;
pub(crate) mod jsonl;
pub(crate) mod naming;
pub(crate) mod row;
pub(crate) mod stats;
pub(crate) mod tasks;
pub(crate) mod vector;
