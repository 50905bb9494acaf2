//! Loading a user's task once in a process of its own, with limits of time and memory. MuJoCo believes the sizes that a
//! model file names: what ends MuJoCo, or keeps it busy for ever, ends that process alone.

use crate::failure::{Failure, Result};
use imle_configs::Error as InputError;
use imle_envs::task::Task;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::{prctl::set_pdeathsig, signal::Signal};
use std::collections::BTreeSet;
use std::io::Read;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use std::{env, os::unix::process::ExitStatusExt, path::Path, thread};

/// First word of the command line that asks for [`answer`].
const COMMAND: &str = "check-task";
/// Longest time that loading may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Most memory that it may take, address space of the process, GiB.
const GIBIBYTES: u64 = 4;

/// Tasks that loaded in a process of their own; there is none where the program does not answer.
static CHECKED: OnceLock<Mutex<BTreeSet<String>>> = OnceLock::new();

/// The end of a process that was started to load a task; nothing in any other, whose tasks are checked from now on. A
/// program's first call.
pub fn answer() -> Option<ExitCode> {
    let mut words = env::args_os().skip(1);
    if words.next().is_none_or(|word| word != COMMAND) {
        CHECKED.get_or_init(Mutex::default);
        return None;
    }
    let name = words.next()?.into_string().ok()?;
    // It ends with the program that waits for it. Where the system refuses a limit, there is none.
    let _ = set_pdeathsig(Signal::SIGKILL);
    let _ = setrlimit(Resource::RLIMIT_AS, GIBIBYTES << 30, GIBIBYTES << 30);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let failure = Task::load(&name).err().map(Failure::from);
    failure.iter().for_each(|f| eprintln!("{}", f.line()));
    Some(failure.map_or(ExitCode::SUCCESS, |f| f.code()))
}

/// Loads the task file `name` in a process of its own, once.
///
/// # Errors
/// What is wrong with the task; a bad input, if loading it takes too much or ends the process.
pub(crate) fn check(name: &str) -> Result<()> {
    let Some(checked) = CHECKED.get() else { return Ok(()) };
    let known = || checked.lock().unwrap_or_else(PoisonError::into_inner);
    if !Path::new(name).exists() || known().contains(name) {
        return Ok(());
    }
    let start = |program| {
        let mut command = Command::new(program);
        command.arg(COMMAND).arg(name).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
    };
    // Where no process can be started, the task is loaded unchecked.
    let Ok(child) = env::current_exe().and_then(start) else { return Ok(()) };
    judge(name, child, LIMIT)?;
    known().insert(name.to_string());
    Ok(())
}

/// Waits for `child`, which loads `name`, no longer than `limit`.
fn judge(name: &str, mut child: Child, limit: Duration) -> Result<()> {
    let told = child.stderr.take().map(|mut pipe| {
        thread::spawn(move || {
            let mut text = Vec::new();
            let _ = pipe.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    let status = wait(&mut child, limit);
    let text = told.and_then(|thread| thread.join().ok()).unwrap_or_default();
    let limits = format!("{} s and {GIBIBYTES} GiB", limit.as_secs());
    let found = match status {
        None => "one that takes longer".to_string(),
        Some(status) if status.success() => return Ok(()),
        Some(status) => match (status.code(), text.lines().last()) {
            (Some(1), Some(line)) => return Err(Failure::Run(line.into())),
            (Some(_), Some(line)) if line.contains("alloc") => line.to_string(),
            (Some(_), Some(line)) => return Err(Failure::Input(line.into())),
            _ => match status.signal().and_then(|s| Signal::try_from(s).ok()) {
                // A Ctrl-C goes to both processes.
                Some(Signal::SIGINT | Signal::SIGTERM | Signal::SIGHUP) => {
                    return Err(Failure::Run("interrupted".into()));
                }
                Some(signal) => format!("one on which it ends ({signal})"),
                None => "one on which it ends".into(),
            },
        },
    };
    Err(InputError::unexpected(name, format!("a model that MuJoCo loads in {limits}"), found).into())
}

/// The end of `child`; nothing if it was ended for taking longer than `limit`, or the system lost it.
fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    while begun.elapsed() < limit {
        match child.try_wait() {
            Ok(None) => thread::sleep(pause),
            Ok(status) => return status,
            Err(_) => break,
        }
        pause = (2 * pause).min(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(script: &str, limit: Duration) -> String {
        let mut command = Command::new("sh");
        let child = command.args(["-c", script]).stderr(Stdio::piped()).spawn().unwrap();
        judge("my.toml", child, limit).map_or_else(|e| e.line(), |()| "fits".into())
    }

    #[test]
    fn what_ends_or_takes_too_long_is_told_in_one_line() {
        let long = Duration::from_secs(20);
        assert_eq!(told("exit 0", long), "fits");
        assert_eq!(
            told("echo warning >&2; echo my.toml: expected a, found b >&2; exit 2", long),
            "my.toml: expected a, found b"
        );
        let limits = "my.toml: expected a model that MuJoCo loads in 20 s and 4 GiB, found";
        assert_eq!(told("kill -SEGV $$", long), format!("{limits} one on which it ends (SIGSEGV)"));
        assert_eq!(told("kill -TERM $$", long), "interrupted");
        assert!(told("exec sleep 60", Duration::from_millis(50)).ends_with("found one that takes longer"));
        let full = "my.xml: Could not allocate memory";
        assert_eq!(told(&format!("echo {full} >&2; exit 2"), long), format!("{limits} {full}"));
    }
}
