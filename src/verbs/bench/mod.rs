//! `planner bench`: speed, ours and the peers' in one run.
