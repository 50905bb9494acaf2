//! Formats that are folders: one file of a good folder is replaced by what is fuzzed.

use std::fs;
use std::path::{Path, PathBuf};

/// A good folder in memory, copied once to the disk (a RAM disk where there is one).
pub struct Folder {
    root: PathBuf,
    /// Paths in it, sorted, with their good content.
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Folder {
    /// Of the files under `good`.
    pub fn copied(name: &str, good: &Path) -> Self {
        let mut files = Vec::new();
        walk(good, good, &mut files);
        Self::of(name, files)
    }

    /// Of these files.
    pub fn of(name: &str, mut files: Vec<(PathBuf, Vec<u8>)>) -> Self {
        files.sort();
        let root = scratch().join(name);
        let _ = fs::remove_dir_all(&root);
        for (path, bytes) in &files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        Self { root, files }
    }

    /// Lets `read` have the folder with one file replaced.
    pub fn with(&self, bytes: &[u8], read: impl FnOnce(&Path)) {
        let Some((index, content)) = bytes.split_first() else { return };
        let (path, good) = &self.files[usize::from(*index) % self.files.len()];
        fs::write(self.root.join(path), content).unwrap();
        read(&self.root);
        fs::write(self.root.join(path), good).unwrap();
    }

    /// A seed of each file as it is.
    pub fn seeds(&self) -> impl Iterator<Item = Vec<u8>> {
        self.files.iter().enumerate().map(|(index, (_, good))| [&[index as u8], &good[..]].concat())
    }
}

/// A folder of this process.
pub fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let folder = base.join(format!("planner-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn walk(at: &Path, top: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => walk(&path, top, found),
            false => found.push((path.strip_prefix(top).unwrap().to_path_buf(), fs::read(&path).unwrap())),
        }
    }
}
