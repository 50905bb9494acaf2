//! Subjects: tasks with their demonstrations, recorded from the scripted expert or the user's own.

use super::args::ClaimsArgs;
use super::cell::POOR;
use imle_cli::failure::{Failure, Result};
use imle_cli::load;
use imle_cli::output::Output;
use imle_cli::training::dataset;
use imle_cli::training::demonstrations::{self, Demonstrators};
use imle_configs::spec::Horizons;
use imle_configs::{Error as InputError, embedded};
use imle_data::Dataset;
use imle_envs::task::Task;
use imle_policy::fidelity::HeldOutWindows;
use imle_policy::targets::DemonstrationChunks;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Demonstrations whose chunks stand for what else is done near a held-out state.
pub const NEIGHBOURS: usize = 10;
/// Most held-out windows.
const WINDOWS: usize = 500;

/// A task with its demonstrations.
pub struct Subject {
    /// The task, if it can be run here.
    pub task: Option<Arc<Task>>,
    /// All demonstrations, those held out last.
    pub dataset: Dataset,
    /// Where they lie.
    pub data: PathBuf,
    /// Number of them to learn from.
    pub demos: u32,
    /// Held-out windows, to judge by.
    pub judge: HeldOutWindows,
}

impl Subject {
    /// The first `count` demonstrations.
    pub fn first(&self, count: u32) -> Dataset {
        let episodes = self.dataset.episodes.iter().take(count as usize).cloned().collect();
        Dataset { spec: self.dataset.spec.clone(), episodes }
    }

    /// Demonstrations of each named mode, of those that are learned from.
    pub fn modes(&self) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        let learned = self.dataset.episodes.iter().take(self.demos as usize);
        for episode in learned.filter(|e| !e.mode.is_empty()) {
            *counts.entry(episode.mode.as_str()).or_default() += 1;
        }
        counts
    }
}

/// Name of the demonstrations of `task` that are in part poor.
pub fn poorly(task: &str) -> String {
    format!("{task}-poor")
}

/// Those taken up so far.
pub struct Subjects<'a> {
    args: &'a ClaimsArgs,
    pool: &'a rayon::ThreadPool,
    output: Output,
    horizons: Horizons,
    all: BTreeMap<String, Subject>,
}

impl<'a> Subjects<'a> {
    /// None yet; their windows are of `horizons`.
    pub fn new(args: &'a ClaimsArgs, pool: &'a rayon::ThreadPool, horizons: Horizons) -> Self {
        Self { args, pool, output: args.common.output(), horizons, all: BTreeMap::new() }
    }

    /// The task of that name, which was taken up.
    pub fn of(&self, task: &str) -> Result<&Subject> {
        self.all.get(task).ok_or_else(|| Failure::Run(format!("task `{task}` was not taken up")))
    }

    /// Takes up the task of that name or path, its demonstrations recorded if they are not there yet; returns its name.
    ///
    /// # Errors
    /// An unknown task, one without an expert, demonstrations of another task or too few of them.
    pub fn take_up(&mut self, named: &str) -> Result<String> {
        let task = load::task(named)?;
        let name = task.spec().task.clone();
        if self.all.contains_key(&name) {
            return Ok(name);
        }
        let subject = match &self.args.data {
            Some(data) => {
                let dataset = dataset::read(data, None)?;
                dataset.spec.check_matches(task.spec(), &data.display().to_string())?;
                self.divided(Some(task), data, dataset)?
            }
            None => self.recorded(task, &name, 0.0)?,
        };
        self.all.insert(name.clone(), subject);
        Ok(name)
    }

    /// Takes up the task called `name` again with demonstrations of which a share of [`POOR`] is poor, as [`poorly`]
    /// names it.
    ///
    /// # Errors
    /// As [`take_up`](Self::take_up).
    pub fn take_up_poor(&mut self, name: &str) -> Result<()> {
        let key = poorly(name);
        if let (false, Some(task)) = (self.all.contains_key(&key), self.of(name)?.task.clone()) {
            let subject = self.recorded(task, &key, POOR)?;
            self.all.insert(key, subject);
        }
        Ok(())
    }

    /// Takes up the dataset of a task that cannot be run here; returns its name.
    ///
    /// # Errors
    /// As [`take_up`](Self::take_up).
    pub fn take_up_data(&mut self, data: &Path) -> Result<String> {
        let dataset = dataset::read(data, None)?;
        let name = dataset.spec.task.clone();
        if embedded::task(&name).is_some() {
            return self.take_up(&name);
        }
        self.output
            .note(format!("task `{name}` is not built in: no episodes are run; its file can be named in --tasks"));
        let subject = self.divided(None, data, dataset)?;
        self.all.insert(name.clone(), subject);
        Ok(name)
    }

    /// With demonstrations of the scripted expert, recorded if they are not there yet.
    fn recorded(&self, task: Arc<Task>, key: &str, poor: f64) -> Result<Subject> {
        let demos = self.args.demos.unwrap_or(100);
        let count = (demos + self.args.held_out) as usize;
        let folder = self.args.work.join("demos").join(format!("{key}-{count}"));
        if !folder.exists() {
            self.output.note(format!("{key}: recording {count} demonstrations"));
            let by = Demonstrators { mode: None, poor, seed: 0 };
            let recorded = demonstrations::record(&task, by, count, self.pool, self.output)?;
            // Another process may have recorded the same meanwhile.
            if !folder.exists() {
                imle_data::write(&folder, task.spec(), &recorded.episodes)?;
            }
        }
        self.subject(Some(task), &folder, imle_data::read(&folder)?, demos)
    }

    /// With the user's dataset: all but those held out, which are the last, are learned from.
    fn divided(&self, task: Option<Arc<Task>>, data: &Path, mut dataset: Dataset) -> Result<Subject> {
        let (there, held_out) = (dataset.episodes.len() as u32, self.args.held_out);
        let most = there.saturating_sub(held_out);
        let demos = self.args.demos.unwrap_or(most);
        if demos == 0 || demos > most {
            let wanted = self.args.demos.map_or("one or more".into(), |n| n.to_string());
            let expected = format!("{wanted} episodes and {held_out} to hold out (--demos, --held-out)");
            return Err(InputError::unexpected(data.display(), expected, there).into());
        }
        // The last are held out; between them and the first none is used.
        dataset.episodes.drain(demos as usize..most as usize);
        self.subject(task, data, dataset, demos)
    }

    fn subject(&self, task: Option<Arc<Task>>, data: &Path, dataset: Dataset, demos: u32) -> Result<Subject> {
        let windows = DemonstrationChunks::new(&dataset.spec, self.horizons, &dataset.episodes)?;
        let normalizers = windows.normalizers()?;
        let judge = HeldOutWindows::new(self.pool, &windows, &normalizers, demos as usize, NEIGHBOURS, WINDOWS)?;
        Ok(Subject { task, dataset, data: data.into(), demos, judge })
    }
}
