//! Places that only this user can use.

use imle_cli::failure::Result;
use imle_configs::Error as InputError;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Where the socket of `task` is without `--socket`.
///
/// # Errors
/// A bad input, if the folder for it cannot be made or is not this user's alone.
pub fn usual(task: &str) -> Result<PathBuf> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let folder = match runtime.filter(|folder| fs::metadata(folder).is_ok_and(|m| is_private(&m))) {
        Some(folder) => folder,
        None => own_folder(env::temp_dir().join(format!("planner-{}", user())))?,
    };
    Ok(folder.join(format!("planner-{}.sock", task.replace('/', "_"))))
}

/// The folder, made if it is not there, which must be this user's alone: a shared folder is above it.
fn own_folder(folder: PathBuf) -> Result<PathBuf> {
    match fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
            Err(InputError::io(&folder, "create the folder", e).into())
        }
        _ => check_own(&folder).map(|()| folder),
    }
}

fn check_own(folder: &Path) -> Result<()> {
    let metadata = fs::symlink_metadata(folder).map_err(|e| InputError::io(folder, "look at it", e))?;
    let found = match (metadata.is_dir(), metadata.uid() == user()) {
        (false, _) => "a link or a file".to_string(),
        (_, false) => format!("one of user {}", metadata.uid()),
        _ => format!("mode {:03o}", metadata.mode() & 0o777),
    };
    let expected = "a folder of this user's with mode 700 (or --socket)";
    Ok(InputError::ensure(is_private(&metadata), folder.display(), expected, found)?)
}

/// Whether it is a folder in which only this user can do something.
fn is_private(metadata: &fs::Metadata) -> bool {
    metadata.is_dir() && metadata.uid() == user() && metadata.mode() & 0o077 == 0
}

/// Number of the user whose rights the process has.
pub fn user() -> u32 {
    // SAFETY: it has no arguments and cannot fail.
    unsafe { libc::geteuid() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_folder_that_others_can_use_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let made = own_folder(dir.path().join("made")).unwrap();
        assert_eq!(fs::metadata(&made).unwrap().mode() & 0o777, 0o700);
        own_folder(made.clone()).unwrap();
        let told = |name: &str| own_folder(dir.path().join(name)).unwrap_err().line();
        symlink(&made, dir.path().join("link")).unwrap();
        assert!(told("link").contains("expected a folder of this user's with mode 700 (or --socket), found a link"));
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(told("file").contains("found a link or a file"));
        fs::set_permissions(&made, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(told("made").ends_with("found mode 770"));
        // Every other user's looks like this one.
        if user() != 0 {
            assert!(check_own(Path::new("/")).unwrap_err().line().contains("found one of user 0"));
        }
    }
}
