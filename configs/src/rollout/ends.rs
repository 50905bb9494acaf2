//! Buffers for the states and observations in which rollouts end.

/// Buffers for the ends of B · N rollouts.
///
/// A rollout that fails or loses the task leaves its part as it was.
pub struct Ends<'a> {
    /// Full states, (B, N, state size).
    pub states: &'a mut [f64],
    /// The last T_obs observations, (B, N, T_obs, O), oldest first; empty if they are not needed.
    pub histories: &'a mut [f32],
}
