//! Episodes of a round that is not collected yet, kept as they come: a kill loses no more than those in lock-step.

use crate::error::Result;
use imle_configs::{Error as InputError, files};
use imle_envs::task::Task;
use imle_planner::evaluation::{EpisodeResult, EvaluationSettings, Onwards, Outcome, Progress};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Folder of what is kept, in that of its round.
const FOLDER: &str = "collecting";

/// Where a round's episodes are kept until they are its dataset.
pub(super) struct Kept<'a> {
    folder: PathBuf,
    task: &'a Task,
}

/// An episode as it is written.
#[derive(Serialize, Deserialize)]
struct Written<M, E> {
    mode: Option<M>,
    episode: E,
}

impl<'a> Kept<'a> {
    /// In the folder of a round.
    pub(super) fn new(round: &Path, task: &'a Task) -> Self {
        Self { folder: round.join(FOLDER), task }
    }

    /// The episodes of `settings`, so many in lock-step at a time by `run`; those that an earlier call has kept as
    /// `name` are read. What was read has no times of decisions.
    ///
    /// # Errors
    /// What `run` returns; a bad input that names a file that is not what was written, or cannot be.
    pub(super) fn evaluate(
        &self,
        name: &str,
        settings: &EvaluationSettings,
        progress: &mut dyn Progress,
        mut run: impl FnMut(&EvaluationSettings, &mut dyn Progress) -> Result<Outcome>,
    ) -> Result<Outcome> {
        files::create_folder(&self.folder)?;
        let reported = self.task.reported().map(|(name, _)| name.to_string()).collect();
        let mut all = Outcome { episodes: Vec::new(), decisions_ms: Vec::new(), sources: Vec::new(), reported };
        for from in (0..settings.episodes).step_by(settings.lockstep.max(1)) {
            let to = (from + settings.lockstep.max(1)).min(settings.episodes);
            let place = self.folder.join(format!("{name}-{from:05}.msgpack"));
            if place.exists() {
                all.episodes.extend(self.read(&place, to - from)?);
                continue;
            }
            let mut onwards = Onwards { done: from, solved: all.solved(), total: settings.episodes, progress };
            let part = run(&settings.part(from..to), &mut onwards)?;
            write(&place, &part.episodes)?;
            all.sources.clone_from(&part.sources);
            all.extend(part);
        }
        Ok(all)
    }

    /// Removes what was kept.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(super) fn remove(&self) -> Result<()> {
        Ok(files::remove(&self.folder)?)
    }

    fn read(&self, place: &Path, count: usize) -> Result<Vec<EpisodeResult>> {
        let bad = |found: String| {
            let expected = format!("{count} episodes of this version (delete the file to run them again)");
            InputError::unexpected(place.display(), expected, found)
        };
        let bytes = files::read_bytes(place)?;
        let (body, sum) = bytes.split_last_chunk().ok_or_else(|| bad(format!("{} bytes", bytes.len())))?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return Err(bad("others than were written".into()).into());
        }
        let written: Vec<Written<String, EpisodeResult>> =
            rmp_serde::from_slice(body).map_err(|e| bad(e.to_string()))?;
        if written.len() != count {
            return Err(bad(written.len().to_string()).into());
        }
        let modes = self.task.expert().map(|e| e.modes()).unwrap_or_default();
        let named = |w: Written<String, EpisodeResult>| -> Result<EpisodeResult> {
            let find = |name: String| modes.iter().find(|m| **m == name).copied().ok_or(name);
            let mode = w.mode.map(find).transpose().map_err(|name| bad(format!("a mode `{name}`")))?;
            Ok(EpisodeResult { mode, ..w.episode })
        };
        written.into_iter().map(named).collect()
    }
}

/// MessagePack and its CRC-32, little-endian.
fn write(place: &Path, episodes: &[EpisodeResult]) -> Result<()> {
    let written: Vec<_> = episodes.iter().map(|episode| Written { mode: episode.mode, episode }).collect();
    let body =
        rmp_serde::to_vec_named(&written).map_err(|e| InputError::io(place, "write", std::io::Error::other(e)))?;
    let sum = crc32fast::hash(&body).to_le_bytes();
    Ok(files::write_atomic(place, |w| w.write_all(&body).and_then(|()| w.write_all(&sum)))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_configs::spec::Horizons;
    use imle_planner::decide::{Decide, Decision, Situation};
    use imle_planner::evaluation::evaluate;
    use std::sync::Arc;

    struct Still;

    impl Decide for Still {
        fn sources(&self) -> Vec<&'static str> {
            vec!["still"]
        }

        fn decide(
            &mut self,
            _: &rayon::ThreadPool,
            situation: &Situation<'_>,
            chunks: &mut [f32],
            how: &mut [Decision],
        ) -> imle_planner::Result<()> {
            chunks.copy_from_slice(situation.warm);
            how.fill(Decision { predicted: Some(0.1 + 0.2), rollouts: 3, ..Decision::default() });
            Ok(())
        }
    }

    /// Of a program that kept costs, not rewards, and did not say what ended an episode.
    #[test]
    fn episodes_of_an_older_program_are_read() {
        let mut episode = serde_json::to_value(EpisodeResult { steps: 2, ..EpisodeResult::default() }).unwrap();
        let keys = episode.as_object_mut().unwrap();
        for key in ["rewards", "total_reward", "terminated"] {
            keys.remove(key).unwrap();
        }
        keys.insert("costs".into(), serde_json::json!([1.0, 0.5, 0.0]));
        let bytes = rmp_serde::to_vec_named(&episode).unwrap();
        assert_eq!(rmp_serde::from_slice::<EpisodeResult>(&bytes).unwrap().steps, 2);
    }

    #[test]
    fn what_was_collected_before_a_kill_is_not_collected_again() {
        let task = Arc::new(Task::load("avoid").unwrap());
        let pool = imle_planner::threads::pool(1).unwrap();
        let horizons = Horizons { observation: 2, prediction: 16, action: 8 };
        let settings = EvaluationSettings {
            keep_actions: true,
            record: 3,
            lockstep: 2,
            ..EvaluationSettings::held_out(5, 7, horizons)
        };
        let whole = evaluate(&task, &mut Still, &settings, &pool, &mut ()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path(), &task);
        let attempt = |blocks: usize| {
            let mut run = 0;
            let outcome = kept.evaluate("first", &settings, &mut (), |settings, progress| {
                run += 1;
                if run > blocks {
                    return Err(imle_planner::Error::Interrupted.into());
                }
                Ok(evaluate(&task, &mut Still, settings, &pool, progress)?)
            });
            (run, outcome)
        };
        assert!(matches!(attempt(2), (3, Err(_))));
        assert!(matches!(attempt(1), (1, Ok(_))));
        let (run, outcome) = attempt(0);
        assert_eq!(run, 0);
        let outcome = outcome.unwrap();
        assert!(outcome.episodes == whole.episodes && outcome.reported == whole.reported);

        let first = folder.path().join(FOLDER).join("first-00000.msgpack");
        std::fs::write(&first, b"spoilt").unwrap();
        let message = attempt(0).1.unwrap_err().to_string();
        assert!(message.contains("first-00000.msgpack: expected 2 episodes"), "{message}");
        kept.remove().unwrap();
        kept.remove().unwrap();
        assert!(!first.exists());
    }
}
