//! Handing over: the generator begins an episode, and the planner takes over from where that led.
//!
//! A planner that begins every episode itself never meets the states that the generator gets itself into, and a
//! generator that learns from it alone never sees the way out of them (Ross et al. 2011, DAgger). Here the student acts
//! in the first k ∈ {1 … K} decisions, k uniform, and the teacher in all that follow; what the teacher does from there
//! on is trained on.

use super::smoothing::start_of;
use super::student_turns::StudentTurns;
use imle_configs::spec::Horizons;
use imle_envs::task::Task;
use imle_planner::decide::{Decide, Decision, Key, Situation};
use imle_planner::evaluation::{EpisodeResult, Start};

/// Lets the student decide first, then the teacher.
pub struct DaggerMixing<'a> {
    /// Decider that begins.
    pub student: &'a mut dyn Decide,
    /// Decider that takes over.
    pub teacher: &'a mut dyn Decide,
    /// When.
    pub turns: StudentTurns,
}

impl Decide for DaggerMixing<'_> {
    fn sources(&self) -> Vec<&'static str> {
        let mut sources = self.teacher.sources();
        sources.push("student");
        sources
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> imle_planner::Result<()> {
        let turns = self.turns;
        let of = |key: &Key| key.decision < turns.students(key.episode);
        let (students, teachers): (Vec<usize>, Vec<usize>) = (0..how.len()).partition(|b| of(&situation.keys[*b]));
        if students.is_empty() {
            return self.teacher.decide(pool, situation, chunks, how);
        }
        let source = self.teacher.sources().len();
        for (mine, decider) in [(students, &mut *self.student), (teachers, &mut *self.teacher)] {
            if mine.is_empty() {
                continue;
            }
            let batch = how.len();
            let part = Situation {
                observations: &gathered(situation.observations, batch, &mine),
                pictures: &gathered(situation.pictures, batch, &mine),
                states: &gathered(situation.states, batch, &mine),
                warm: &gathered(situation.warm, batch, &mine),
                warm_left: &gathered(situation.warm_left, batch, &mine),
                keys: &gathered(situation.keys, batch, &mine),
                ..*situation
            };
            let chunk = chunks.len() / how.len();
            let (mut drawn, mut drawn_how) = (vec![0.0; chunk * mine.len()], vec![Decision::default(); mine.len()]);
            decider.decide(pool, &part, &mut drawn, &mut drawn_how)?;
            for ((b, drawn), mut drawn_how) in mine.iter().zip(drawn.chunks_exact(chunk)).zip(drawn_how) {
                if of(&situation.keys[*b]) {
                    drawn_how.source = source;
                }
                chunks[b * chunk..][..chunk].copy_from_slice(drawn);
                how[*b] = drawn_how;
            }
        }
        Ok(())
    }
}

/// The given rows of `batch` rows.
fn gathered<T: Copy>(values: &[T], batch: usize, rows: &[usize]) -> Vec<T> {
    let width = values.len() / batch.max(1);
    rows.iter().flat_map(|b| &values[b * width..][..width]).copied().collect()
}

/// Leaves of an episode what came after the student's first `decisions`, with as many steps before that as a decision
/// looks back on. Returns the state of the hand-over, from where the rest can be tried again; nothing if the episode
/// was over before.
pub(crate) fn take_over(task: &Task, horizons: Horizons, decisions: u64, episode: &mut EpisodeResult) -> Option<Start> {
    let begun = usize::try_from(decisions).ok()?.saturating_mul(horizons.action);
    if begun >= episode.steps {
        return None;
    }
    let start = start_of(task, horizons, episode, begun);
    let before = begun.saturating_sub(horizons.observation - 1);
    let sizes = (task.spec().observation.size(), task.spec().action.size());
    let pictures = episode.pictures.len() / episode.steps;
    episode.steps -= before;
    episode.states.drain(..before.min(episode.states.len()));
    episode.observations.drain(..before * sizes.0);
    episode.actions.drain(..before * sizes.1);
    episode.rewards.drain(..before.min(episode.rewards.len()));
    episode.pictures.drain(..before * pictures);
    let mine = episode.decisions.len().min(begun / horizons.action);
    episode.decisions.drain(..mine);
    episode.planned.drain(..mine * horizons.action * sizes.1);
    Some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes one number and notes the episodes that it decided for.
    struct Constant(f32, Vec<Key>);

    impl Decide for Constant {
        fn sources(&self) -> Vec<&'static str> {
            vec!["constant"]
        }

        fn decide(
            &mut self,
            _: &rayon::ThreadPool,
            situation: &Situation<'_>,
            chunks: &mut [f32],
            how: &mut [Decision],
        ) -> imle_planner::Result<()> {
            // What belongs to an episode comes with it.
            for (key, row) in situation.keys.iter().zip(situation.observations.chunks(2)) {
                assert_eq!(row, [key.episode as f32; 2]);
            }
            chunks.fill(self.0);
            how.fill(Decision::default());
            self.1.extend(situation.keys);
            Ok(())
        }
    }

    #[test]
    fn the_student_decides_first_and_the_teacher_after_it() {
        let turns = StudentTurns { share: 0.5, most: 4, seed: 3 };
        let drawn: Vec<u64> = (0..400).map(|e| turns.students(e)).collect();
        let begun = drawn.iter().filter(|k| **k > 0).count();
        assert!((160..240).contains(&begun) && (1..=4).all(|k| drawn.contains(&k)) && drawn.iter().all(|k| *k <= 4));
        assert!((0..50).all(|e| StudentTurns { share: 0.0, ..turns }.students(e) == 0));

        let (mut student, mut teacher) = (Constant(1.0, Vec::new()), Constant(2.0, Vec::new()));
        let mut both = DaggerMixing { student: &mut student, teacher: &mut teacher, turns };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for decision in 0..5 {
            let keys: Vec<Key> = (0..50).map(|episode| Key { episode, decision }).collect();
            let observations: Vec<f32> = (0..100).map(|i| (i / 2) as f32).collect();
            let situation = Situation { observations: &observations, keys: &keys, ..Situation::default() };
            let (mut chunks, mut how) = (vec![0.0; 150], vec![Decision::default(); 50]);
            both.decide(&pool, &situation, &mut chunks, &mut how).unwrap();
            for (episode, chunk) in chunks.chunks(3).enumerate() {
                let students = decision < turns.students(episode as u64);
                assert_eq!(chunk, [if students { 1.0 } else { 2.0 }; 3]);
                assert_eq!(how[episode].source, usize::from(students));
            }
        }
        assert!(student.1.len() + teacher.1.len() == 250 && !student.1.is_empty());
    }
}
