//! The interface of proposal sources.

use crate::{decide::Situation, error::Result};

/// Role of a source in a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Draws of a generator, one for each latent of a decision, in order: those have latents to search in, and are what
    /// a proximal cost measures from.
    Policy,
    /// The last plan, shifted: the warm start.
    LastPlan,
    /// Anything else.
    #[default]
    Other,
}

/// Candidates of one source in a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceCount {
    /// Name of the source.
    pub name: &'static str,
    /// Role in a decision.
    pub role: Role,
    /// Candidates an episode.
    pub count: usize,
}

/// Proposes candidate chunks.
pub trait Proposal: Send + Sync {
    /// Name: one of [`crate::proposal::ProposalSource`] or the user's own.
    fn name(&self) -> &'static str;
    /// Role in a decision.
    fn role(&self) -> Role {
        Role::Other
    }
    /// Most candidates that make sense an episode: 1 for a source without randomness.
    fn most(&self) -> usize {
        usize::MAX
    }
    /// Whether it has something to propose for episode `index` of the batch; what it writes is not chosen otherwise.
    fn offers(&self, situation: &Situation<'_>, index: usize) -> bool {
        let _ = (situation, index);
        true
    }
    /// Writes `count` candidates for each of the B episodes, (B, count, T_pred, A).
    ///
    /// # Errors
    /// If the source fails as a whole.
    fn propose(&self, pool: &rayon::ThreadPool, situation: &Situation<'_>, count: usize, out: &mut [f32])
    -> Result<()>;
}

/// Divides N candidates among sources: each source without randomness gets one, the others equal parts, the first
/// of them what is left over.
pub fn share_out(sources: &[Box<dyn Proposal>], candidates: usize) -> Vec<SourceCount> {
    let mut counts: Vec<usize> = vec![0; sources.len()];
    let mut left = candidates;
    for (count, source) in counts.iter_mut().zip(sources) {
        if source.most() < usize::MAX {
            *count = source.most().min(left);
            left -= *count;
        }
    }
    let random: Vec<usize> = (0..sources.len()).filter(|i| sources[*i].most() == usize::MAX).collect();
    for (k, i) in random.iter().enumerate() {
        counts[*i] = left / random.len() + usize::from(k < left % random.len());
    }
    let named = sources.iter().map(|source| (source.name(), source.role()));
    named.zip(counts).map(|((name, role), count)| SourceCount { name, role, count }).collect()
}
