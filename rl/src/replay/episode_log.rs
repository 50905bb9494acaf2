//! The episode log: everything that was collected, appended and never changed, so that a kill loses nothing of it.
//!
//! A file of records, one an iteration. A record is its length in bytes (u64) and CRC-32 (u32), both little-endian, and
//! so many bytes of safetensors with the iteration's trajectories one after the other and its counters as metadata. A
//! record that was cut short at the end of the file, by a kill or a full disk, is not there; one that is damaged is an
//! error.

use super::trajectory::{Sizes, Trajectory};
use crate::error::Result;
use imle_configs::Error as InputError;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

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
    /// Groups of candidates, which an algorithm up to version 0.1.0 kept here, and two of their sizes.
    #[serde(default, skip_serializing)]
    groups: (usize, usize, usize),
}

/// An open log.
pub struct EpisodeLog {
    file: File,
    path: PathBuf,
}

impl EpisodeLog {
    /// A new one in `folder`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let file = File::create(&path).map_err(|e| InputError::io(&path, "write", e))?;
        Ok(Self { file, path })
    }

    /// The one in `folder`, under its old name too, and its records; a last one that was cut short is removed.
    ///
    /// # Errors
    /// A bad input: no log, or a record that is damaged, by its number.
    pub fn open(folder: &Path, sizes: Sizes) -> Result<(Self, Vec<IterationRecord>)> {
        let path = folder.join(FILE);
        let failed = |action: &'static str| {
            let path = path.clone();
            move |e| InputError::io(&path, action, e)
        };
        let old = folder.join(OLD_FILE);
        if old.exists() && !path.exists() {
            std::fs::rename(&old, &path).map_err(|e| InputError::io(&old, "rename", e))?;
        }
        let mut file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed("read"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed("read"))?;
        let (mut records, mut at) = (Vec::new(), 0);
        while let Some((length, sum)) = head(&bytes[at..]) {
            let Some(body) = bytes[at + HEAD..].get(..length) else { break };
            let place = format!("{}: record {}", path.display(), records.len() + 1);
            if crc32fast::hash(body) != sum {
                return Err(InputError::unexpected(place, "the bytes that were written", "others").into());
            }
            records.push(read(body, &place, sizes)?);
            at += HEAD + length;
        }
        file.set_len(at as u64).map_err(failed("write"))?;
        file.seek(SeekFrom::End(0)).map_err(failed("read"))?;
        Ok((Self { file, path }, records))
    }

    /// Adds a record; it is on disk when this returns.
    ///
    /// # Errors
    /// If the disk refuses: what was written of it is taken back.
    pub fn append(&mut self, record: &IterationRecord) -> Result<()> {
        let failed = |e| InputError::io(&self.path, "write", e);
        let body = write(record).map_err(|e| failed(std::io::Error::other(e)))?;
        let mut bytes = Vec::with_capacity(HEAD + body.len());
        bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        let end = self.file.stream_position().map_err(failed)?;
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // A second refusal changes nothing: the next start removes a record that was cut short.
            let _ = self.file.set_len(end).and_then(|()| self.file.seek(SeekFrom::Start(end)));
            return Err(failed(error).into());
        }
        Ok(())
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
    let costs: Vec<u8> = all.iter().flat_map(|t| &t.costs).flat_map(|x| x.to_le_bytes()).collect();
    let parts = [
        ("observations", Dtype::F32, floats(|t| &t.observations)),
        ("actions", Dtype::F32, floats(|t| &t.actions)),
        ("planned", Dtype::F32, floats(|t| &t.planned)),
        ("latents", Dtype::F32, floats(|t| &t.latents)),
        ("costs", Dtype::F64, costs),
    ];
    let about = About {
        counts: record.counts,
        trajectories: all.iter().map(|t| (t.episode, t.len, t.success, t.lost, t.mode.clone())).collect(),
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

fn read(body: &[u8], place: &str, sizes: Sizes) -> Result<IterationRecord> {
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
    let mut costs = tensor("costs")?.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b));
    let total: usize = about.trajectories.iter().map(|t| t.1.div_ceil(sizes.executed)).sum();
    let latent = latents.len() / total.max(1);
    let mut record = IterationRecord { counts: about.counts, ..IterationRecord::default() };
    for (episode, len, success, lost, mode) in about.trajectories {
        let k = len.div_ceil(sizes.executed);
        let trajectory = Trajectory {
            episode,
            len,
            success,
            lost,
            mode,
            observations: observations.by_ref().take((len + 1) * sizes.observation).collect(),
            actions: actions.by_ref().take(len * sizes.action).collect(),
            costs: costs.by_ref().take(len + 1).collect(),
            planned: planned.by_ref().take(k * sizes.chunk()).collect(),
            latents: latents.by_ref().take(k * latent).collect(),
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

    fn record(iteration: u64) -> IterationRecord {
        let mut second = straight(2 * iteration + 1, 5, false);
        second.latents = vec![0.5; 6];
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
            let (mut log, records) = EpisodeLog::open(dir.path(), SIZES).unwrap();
            assert_eq!(records, [record(0)]);
            log.append(&record(1)).unwrap();
            assert_eq!(std::fs::read(dir.path().join(FILE)).unwrap(), both);
        }
        assert_eq!(EpisodeLog::open(dir.path(), SIZES).unwrap().1, [record(0), record(1)]);
    }

    #[test]
    fn groups_of_candidates_of_an_older_version_are_refused_and_none_of_them_read() {
        let body = |groups: &str| {
            let about = format!(r#"{{"counts":{},"trajectories":[],"groups":{groups}}}"#, counts());
            let parts = ["observations", "actions", "planned", "latents", "costs"];
            let views = parts.map(|name| {
                let kind = if name == "costs" { Dtype::F64 } else { Dtype::F32 };
                (name, TensorView::new(kind, vec![0], &[]).unwrap())
            });
            safetensors::serialize(views, Some(HashMap::from([(ABOUT.to_string(), about)]))).unwrap()
        };
        assert_eq!(read(&body("[0,0,0]"), "log", SIZES).unwrap(), IterationRecord::default());
        let refused = read(&body("[2,6,4]"), "log", SIZES).unwrap_err().to_string();
        assert!(refused.contains("0.1.0 was the last version that had them"), "{refused}");
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
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.len() - 20;
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let told = EpisodeLog::open(dir.path(), SIZES).err().unwrap().to_string();
        assert!(told.contains("episode_log.bin: record 2: expected the bytes that were written"), "{told}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "a damaged log is left as it is");
    }
}
