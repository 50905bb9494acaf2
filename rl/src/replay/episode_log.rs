//! The episode log: everything that was collected, appended and never changed, so that a kill loses nothing of it.
//!
//! A file of records, one an iteration. A record is its length in bytes (u64) and CRC-32 (u32), both little-endian, and
//! so many bytes of safetensors with the iteration's trajectories one after the other and its counters as metadata. A
//! last record that was cut short, by a kill or a full disk, is not there, and is collected again; damage of those that
//! were learned from is an error, and the file is left as it is. Records of older programs have costs in place of
//! rewards, which a task makes rewards of.

use super::trajectory::{Sizes, Trajectory};
use crate::error::Result;
use imle_configs::{Error as InputError, files, files::Appended};
use imle_envs::task::reward::{End, Reward};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// Name of the file in a run's folder.
pub const FILE: &str = "episode_log.bin";
/// Name up to version 0.1.0.
const OLD_FILE: &str = "journal.bin";
const HEAD: usize = 12;
/// Key of the metadata.
const ABOUT: &str = "about";

/// Episodes collected in one iteration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IterationRecord {
    /// Trajectories.
    pub trajectories: Vec<Trajectory>,
    /// Counters.
    pub counts: IterationCounts,
}

/// StepCounters of one iteration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IterationCounts {
    /// Index of the iteration.
    pub iteration: u64,
    /// Episodes begun.
    pub episodes: u64,
    /// Of them, those solved.
    pub solved: u64,
    /// Of them, those whose simulation failed: they are set aside, and not learned from.
    pub failed: u64,
    /// Control steps in the world.
    pub env_steps: u64,
    /// Physics steps of rollouts from its states.
    pub simulation_steps: u64,
}

/// The part of a record that is text.
#[derive(Serialize, Deserialize)]
struct About {
    counts: IterationCounts,
    /// Episode, length, success, lost, mode, of each trajectory.
    trajectories: Vec<(u64, usize, bool, bool, String)>,
    /// Whether the task ended each of them; with costs those that are solved or lost.
    #[serde(default)]
    terminated: Vec<bool>,
    /// Groups of candidates, which an algorithm up to version 0.1.0 kept here, and two of their sizes.
    #[serde(default, skip_serializing)]
    groups: (usize, usize, usize),
}

/// An open log.
pub struct EpisodeLog(Appended);

impl EpisodeLog {
    /// A new one in `folder`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(folder: &Path) -> Result<Self> {
        Ok(Self(Appended::create(&folder.join(FILE))?))
    }

    /// The one in `folder`, under its old name too, and its records, of which `done` were learned from; what comes
    /// after these and is not whole is removed. Costs become rewards by the task's reward and the discount of `costs`.
    ///
    /// # Errors
    /// A bad input: no log, or damage of the first `done` records, by the number of the first that is not whole; costs
    /// where there is no task.
    pub fn open(
        folder: &Path,
        sizes: Sizes,
        done: usize,
        costs: Option<(Reward, f64)>,
    ) -> Result<(Self, Vec<IterationRecord>)> {
        let path = folder.join(FILE);
        let old = folder.join(OLD_FILE);
        if old.exists() && !path.exists() {
            files::rename(&old, &path)?;
        }
        let bytes = files::read_bytes(&path)?;
        let (mut records, mut at) = (Vec::new(), 0);
        loop {
            let place = format!("{}: record {} of {done}", path.display(), records.len() + 1);
            let whole = head(&bytes[at..]).and_then(|(length, sum)| Some((bytes[at + HEAD..].get(..length)?, sum)));
            let whole = whole.filter(|(body, sum)| crc32fast::hash(body) == *sum);
            let Some((body, _)) = whole else {
                let found = format!("others from byte {at} of {} on", bytes.len());
                InputError::ensure(records.len() >= done, place, "the bytes that were written", found)?;
                break;
            };
            records.push(read(body, &place, sizes, costs)?);
            at += HEAD + body.len();
        }
        Ok((Self(Appended::keep(&path, at as u64)?), records))
    }

    /// Adds a record; it is on disk when this returns.
    ///
    /// # Errors
    /// If the disk refuses: what was written of it is taken back.
    pub fn append(&mut self, record: &IterationRecord) -> Result<()> {
        let body = write(record).map_err(|e| InputError::unexpected(FILE, "an iteration that can be written", e))?;
        let mut bytes = Vec::with_capacity(HEAD + body.len());
        bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        self.0.append(&bytes)?;
        Ok(self.0.sync()?)
    }
}

/// Length and checksum of the record that `bytes` begin with, if they are whole.
fn head(bytes: &[u8]) -> Option<(usize, u32)> {
    let length: [u8; 8] = bytes.get(..8)?.try_into().ok()?;
    let sum: [u8; 4] = bytes.get(8..HEAD)?.try_into().ok()?;
    Some((usize::try_from(u64::from_le_bytes(length)).ok()?, u32::from_le_bytes(sum)))
}

fn write(record: &IterationRecord) -> std::result::Result<Vec<u8>, String> {
    let all = &record.trajectories;
    let floats = |of: fn(&Trajectory) -> &Vec<f32>| -> Vec<u8> {
        all.iter().flat_map(of).flat_map(|x| x.to_le_bytes()).collect()
    };
    let rewards: Vec<u8> = all.iter().flat_map(|t| &t.rewards).flat_map(|x| x.to_le_bytes()).collect();
    let parts = [
        ("observations", Dtype::F32, floats(|t| &t.observations)),
        ("actions", Dtype::F32, floats(|t| &t.actions)),
        ("planned", Dtype::F32, floats(|t| &t.planned)),
        ("latents", Dtype::F32, floats(|t| &t.latents)),
        ("base", Dtype::F32, floats(|t| &t.base)),
        ("rewards", Dtype::F64, rewards),
    ];
    let about = About {
        counts: record.counts,
        trajectories: all.iter().map(|t| (t.episode, t.len, t.success, t.lost, t.mode.clone())).collect(),
        terminated: all.iter().map(|t| t.terminated).collect(),
        groups: Default::default(),
    };
    let about = serde_json::to_string(&about).map_err(|e| e.to_string())?;
    let mut views = Vec::with_capacity(parts.len());
    for (name, kind, bytes) in &parts {
        let count = bytes.len() / if *kind == Dtype::F64 { 8 } else { 4 };
        views.push((*name, TensorView::new(*kind, vec![count], bytes).map_err(|e| e.to_string())?));
    }
    let about = HashMap::from([(ABOUT.to_string(), about)]);
    safetensors::serialize(views, Some(about)).map_err(|e| e.to_string())
}

fn read(body: &[u8], place: &str, sizes: Sizes, costs: Option<(Reward, f64)>) -> Result<IterationRecord> {
    let bad = |expected: &str, found: String| InputError::unexpected(place, expected, found);
    let (_, metadata) = SafeTensors::read_metadata(body).map_err(|e| bad("safetensors", e.to_string()))?;
    let file = SafeTensors::deserialize(body).map_err(|e| bad("safetensors", e.to_string()))?;
    let about = metadata.metadata().as_ref().and_then(|m| m.get(ABOUT));
    let about: About = serde_json::from_str(about.map_or("", String::as_str))
        .map_err(|e| bad("the counters of an iteration", e.to_string()))?;
    let expected = "a log without groups of candidates: 0.1.0 was the last version that had them";
    InputError::ensure(about.groups.0 == 0, place, expected, "some")?;
    let tensor = |name: &str| file.tensor(name).map_err(|e| bad("the trajectories of an iteration", e.to_string()));
    let floats =
        |name: &str| -> Result<_> { Ok(tensor(name)?.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b))) };
    let (mut observations, mut actions) = (floats("observations")?, floats("actions")?);
    let (mut planned, mut latents) = (floats("planned")?, floats("latents")?);
    // Older logs have none.
    let mut base = if file.tensor("base").is_ok() { Some(floats("base")?) } else { None };
    let old = file.tensor("rewards").is_err();
    let earned = tensor(if old { "costs" } else { "rewards" })?;
    let mut earned = earned.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b));
    let expected = "rewards, where there is no task to make them of costs";
    InputError::ensure(!old || costs.is_some(), place, expected, "costs")?;
    let lengths = about.trajectories.iter().map(|t| t.1.div_ceil(sizes.executed));
    let total = lengths.fold(0, usize::saturating_add);
    let latent = latents.len() / total.max(1);
    let mut record = IterationRecord { counts: about.counts, ..IterationRecord::default() };
    for (index, (episode, len, success, lost, mode)) in about.trajectories.into_iter().enumerate() {
        let fits = len.checked_add(1).and_then(|n| n.checked_mul(sizes.observation));
        let left = observations.len();
        let expected = format!("observations of {len} steps and one more");
        InputError::ensure(fits.is_some_and(|n| n <= left), place, expected, format!("{left} values"))?;
        let k = len.div_ceil(sizes.executed);
        let mut rewards: Vec<f64> = earned.by_ref().take(len + usize::from(old)).collect();
        if let Some((reward, discount)) = costs.filter(|_| old) {
            let end = if success { Some(End::Solved) } else { lost.then_some(End::Lost) };
            let of = |(t, c): (usize, &[f64])| reward.of(c[0], c[1], end.filter(|_| t + 1 == len), discount);
            rewards = rewards.windows(2).enumerate().map(of).collect();
        }
        let trajectory = Trajectory {
            episode,
            len,
            success,
            lost,
            terminated: about.terminated.get(index).copied().unwrap_or(success || lost),
            mode,
            observations: observations.by_ref().take((len + 1) * sizes.observation).collect(),
            actions: actions.by_ref().take(len * sizes.action).collect(),
            rewards,
            planned: planned.by_ref().take(k * sizes.chunk()).collect(),
            latents: latents.by_ref().take(k * latent).collect(),
            base: base.iter_mut().flatten().take(sizes.bases(len)).collect(),
        };
        trajectory.check(sizes).map_err(|e| e.in_file(place))?;
        record.trajectories.push(trajectory);
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::trajectory::tests::{SIZES, straight};
    use imle_envs::task::file::RewardKind;

    fn record(iteration: u64) -> IterationRecord {
        let mut second = straight(2 * iteration + 1, 5, false);
        second.latents = vec![0.5; 6];
        second.success = true; // and cut off all the same
        let mut first = straight(2 * iteration, 4, true);
        first.latents = vec![0.25; 4];
        let counts = IterationCounts { iteration, episodes: 2, solved: 1, env_steps: 9, ..IterationCounts::default() };
        IterationRecord { trajectories: vec![first, second], counts }
    }

    #[test]
    fn what_was_appended_is_there_whatever_was_cut_off_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = EpisodeLog::create(dir.path()).unwrap();
        log.append(&record(0)).unwrap();
        let whole = std::fs::read(dir.path().join(FILE)).unwrap();
        log.append(&record(1)).unwrap();
        let both = std::fs::read(dir.path().join(FILE)).unwrap();
        drop(log);
        for cut in [whole.len(), whole.len() + 5, whole.len() + HEAD, both.len() - 1] {
            std::fs::write(dir.path().join(FILE), &both[..cut]).unwrap();
            let (mut log, records) = EpisodeLog::open(dir.path(), SIZES, 1, None).unwrap();
            assert_eq!(records, [record(0)]);
            log.append(&record(1)).unwrap();
            assert_eq!(std::fs::read(dir.path().join(FILE)).unwrap(), both);
        }
        assert_eq!(EpisodeLog::open(dir.path(), SIZES, 2, None).unwrap().1, [record(0), record(1)]);
    }

    /// A record as version 0.1.0 wrote it.
    fn old_body(trajectories: &str, groups: &str, all: &[Trajectory], costs: &[f64]) -> Vec<u8> {
        let about = format!(r#"{{"counts":{},"trajectories":{trajectories},"groups":{groups}}}"#, counts());
        let floats = |of: fn(&Trajectory) -> &Vec<f32>| -> Vec<u8> {
            all.iter().flat_map(of).flat_map(|x| x.to_le_bytes()).collect()
        };
        let parts = [
            ("observations", Dtype::F32, floats(|t| &t.observations)),
            ("actions", Dtype::F32, floats(|t| &t.actions)),
            ("planned", Dtype::F32, floats(|t| &t.planned)),
            ("latents", Dtype::F32, floats(|t| &t.latents)),
            ("costs", Dtype::F64, costs.iter().flat_map(|x| x.to_le_bytes()).collect()),
        ];
        let size = |kind, bytes: &[u8]| bytes.len() / if kind == Dtype::F64 { 8 } else { 4 };
        let view = |kind, bytes| TensorView::new(kind, vec![size(kind, bytes)], bytes).unwrap();
        let views: Vec<_> = parts.iter().map(|(name, kind, bytes)| (*name, view(*kind, &bytes[..]))).collect();
        safetensors::serialize(views, Some(HashMap::from([(ABOUT.to_string(), about)]))).unwrap()
    }

    #[test]
    fn groups_of_candidates_of_an_older_version_are_refused_and_none_of_them_read() {
        let read = |groups: &str| {
            let reward = Reward { kind: RewardKind::Sparse, scale: 1.0 };
            read(&old_body("[]", groups, &[], &[]), "log", SIZES, Some((reward, 0.9)))
        };
        assert_eq!(read("[0,0,0]").unwrap(), IterationRecord::default());
        let refused = read("[2,6,4]").unwrap_err().to_string();
        assert!(refused.contains("0.1.0 was the last version that had them"), "{refused}");
    }

    #[test]
    fn costs_of_an_older_version_become_the_rewards_of_the_task() {
        let all = [straight(0, 2, true), straight(1, 2, false), straight(2, 1, false)];
        let about = r#"[[0,2,true,false,"a"],[1,2,false,true,"a"],[2,1,false,false,"a"]]"#;
        let body = old_body(about, "[0,0,0]", &all, &[4.0, 3.0, 1.0, 2.0, 4.0, 8.0, 2.0, 1.0]);
        let read = |costs| read(&body, "log", SIZES, costs);
        let of = |kind| read(Some((Reward { kind, scale: 4.0 }, 0.5))).unwrap().trajectories;
        let rewards = |kind| of(kind).into_iter().map(|t| t.rewards).collect::<Vec<_>>();
        assert_eq!(rewards(RewardKind::Sparse), [vec![0.0, 1.0], vec![0.0, 0.0], vec![0.0]]);
        assert_eq!(rewards(RewardKind::Progress), [vec![0.25, 1.5], vec![-0.5, -1.0], vec![0.25]]);
        assert_eq!(rewards(RewardKind::Cost), [vec![-0.375, 0.875], vec![-0.5, -1.0], vec![-0.125]]);
        assert_eq!(of(RewardKind::Sparse).iter().map(|t| t.terminated).collect::<Vec<_>>(), [true, true, false]);
        let refused = read(None).unwrap_err().to_string();
        assert_eq!(refused, "log: expected rewards, where there is no task to make them of costs, found costs");
    }

    fn counts() -> String {
        serde_json::to_string(&IterationCounts::default()).unwrap()
    }

    #[test]
    fn a_damaged_record_is_told_by_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = EpisodeLog::create(dir.path()).unwrap();
        (0..2).for_each(|i| log.append(&record(i)).unwrap());
        let path = dir.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        // In the body of the second record, and in the length of the first.
        for (at, number) in [(whole.len() - 20, 2), (1, 1)] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            let told = EpisodeLog::open(dir.path(), SIZES, 2, None).err().unwrap().to_string();
            let expected = format!("episode_log.bin: record {number} of 2: expected the bytes that were written");
            assert!(told.contains(&expected), "{told}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "a damaged log is left as it is");
        }
    }
}
