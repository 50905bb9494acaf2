//! Iterative LQG without its noise, also called control-limited differential dynamic programming with Gauss–Newton
//! Hessians (Tassa, Erez and Todorov, "Synthesis and stabilization of complex behaviors through online trajectory
//! optimization", IROS 2012; Tassa, Mansard and Todorov, "Control-limited differential dynamic programming", ICRA
//! 2014).
//!
//! Around a trajectory with [`Derivatives`](imle_configs::derivatives::Derivatives) F, g, H it solves, with z = (δx,
//! δa),
//!
//! minimise over δa_0 … δa_{T−1}   Σ_t g_t·z_t + ½ z_tᵀ H_t z_t + ½ μ |δa_t|²
//! subject to                      δx_{t+1} = F_t z_t,  δx_0 = 0,  −1 ≤ a_t + δa_t ≤ 1
//!
//! backwards in time: a box-constrained quadratic program a step ([`box_qp`]) gives the change of the action and how it
//! goes on changing with the state ([`FeedbackPolicy`]).

pub mod box_qp;
mod feedback_policy;
pub(super) mod search;

pub use feedback_policy::FeedbackPolicy;
pub use search::Ilqg;
