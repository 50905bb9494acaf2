//! `planner serve`: decisions for robot code in other processes, over a local socket. The protocol: docs/reference/protocol.md.
//!
//! A thread accepts, each client has one of its own, and the controller is the calling thread's: it takes one request
//! at a time. What a client's decisions come to depends on its own requests alone.

pub mod args;
mod client;
mod lock;
mod model;
mod place;
mod protocol;
mod request;
mod room;
mod seats;
mod service;
mod session;
mod socket;
mod standing;
mod wire;
mod worker;

use args::ServeArgs;
use imle_cli::{controller::from_flags, failure::Result, interrupt, load};
use imle_configs::Error as InputError;
use imle_envs::rollout::RolloutEngine;
use imle_planner::episode::DecisionBatch;
use imle_policy::policy::Policy;
use protocol::Answer;
use request::Id;
use seats::{Seat, Seats};
use serde_json::json;
use service::Service;
use socket::Socket;
use standing::Standing;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};
use std::{io::Write as _, path::Path, sync::Arc, sync::atomic::Ordering};
use worker::{Job, Worker};

/// Rest of the listener when nobody comes, before it looks again and whether to stop.
const REST: Duration = Duration::from_millis(20);
/// Time of the decision under way, and of clients to hear of it, when the server is asked to stop.
const GRACE: Duration = Duration::from_millis(1500);
/// Looks for a place that a silent client leaves.
const LOOKS: u32 = 25;

/// Serves until Ctrl-C.
pub fn run(args: &ServeArgs) -> Result<()> {
    let (standing, begun) = (Arc::new(Standing::default()), Instant::now());
    let report = |first: bool| if first { report(args, &standing, begun) } else { Ok(()) };
    thread::scope(|scope| {
        scope.spawn(|| {
            if stop_is_due(&standing) && standing.end() {
                let _ = report(true);
                leave();
            }
        });
        let served = serve(args, &standing);
        let first = standing.end();
        served.and_then(|()| report(first))
    })
}

/// Waits until the server has ended, or must: it was asked to stop, and what is under way does not let go (a model's
/// compiler, the rollouts of a long decision). Returns whether it must.
fn stop_is_due(standing: &Standing) -> bool {
    let mut asked = None;
    while !standing.has_ended() {
        thread::sleep(REST);
        if interrupt::asked() {
            let since: &mut Instant = asked.get_or_insert_with(Instant::now);
            if !standing.listens() || since.elapsed() >= GRACE {
                return true;
            }
        }
    }
    false
}

/// Ends the process at once, with exit code 0.
fn leave() {
    let _ = (std::io::stdout().flush(), std::io::stderr().flush());
    // SAFETY: it never returns. What `exit` would clear up is in use by threads that cannot be stopped.
    unsafe { libc::_exit(0) }
}

fn serve(args: &ServeArgs, standing: &Arc<Standing>) -> Result<()> {
    let output = args.common.output();
    let mut controller = args.controller.clone();
    if args.task.is_none() {
        alone(&mut controller.optimizer)?;
    }
    from_flags::check(&controller)?;
    let (task, checkpoint) = match (&args.task, args.checkpoint.as_deref()) {
        (Some(task), folder) => {
            let (task, checkpoint) = load::any_checkpoint(folder, load::task(task)?)?;
            (Some(task), checkpoint)
        }
        (None, folder) => (None, folder.map(load::checkpoint_in).transpose()?),
    };
    if let Some(pictures) = checkpoint.as_ref().and_then(|c| c.spec().pictures.as_ref()) {
        let found = format!("one that sees pictures ({pictures}), which the protocol does not carry");
        return Err(InputError::unexpected("--checkpoint", "a generator that sees the state", found).into());
    }
    let checkpoint = checkpoint.map(|c| from_flags::sampled(&controller, c)).transpose()?;
    let device = load::device(args.device)?;
    let threads = args.common.threads();
    let pool = load::pool(&args.common)?;
    let spec = task
        .as_deref()
        .map(imle_envs::task::Task::spec)
        .or(checkpoint.as_ref().map(imle_policy::checkpoint::Checkpoint::spec));
    let name = spec.map(|spec| spec.task.clone()).unwrap_or_default();
    let path = args.socket.clone().map_or_else(|| place::usual(&name), Ok)?;
    let _ = standing.task.set(name);
    let (socket, listener) = Socket::listen(&path)?;
    standing.keep(socket);
    let policy = checkpoint.as_ref().map(|c| Policy::with_threads(c, threads, device)).transpose()?;
    let (mut decider, horizons) = match (&task, &policy) {
        (None, Some(policy)) => from_flags::alone(&controller, args.seed, policy)?,
        (None, None) => return Err(InputError::unexpected("--task", "a task, or --checkpoint", "neither").into()),
        (Some(task), policy) => {
            let engine = Arc::new(RolloutEngine::new(task.clone(), threads)?);
            from_flags::new(&controller, args.seed, task, policy.as_ref(), &engine)?
        }
    };
    let service = Service::new(args, task, policy.as_ref(), horizons, standing.clone())?;
    output.note(format!("{}: listening at {}; Ctrl-C stops", served(args), path.display()));
    let alone = policy.as_ref().filter(|_| !service.hello.state_needed);
    let alone = alone.map(|policy| (policy, args.seed, controller.candidates as usize));
    let mut worker = Worker { decider: &mut decider, pool: &pool, alone, batch: DecisionBatch::default() };
    // A client waits for its answer before it asks again, so that the queue never holds more than one request of each.
    let (jobs, queue) = sync_channel(args.clients.into());
    thread::scope(|scope| {
        let service = &service;
        scope.spawn(move || accept(scope, service, &listener, jobs));
        worker.run(&queue, &standing.decisions, interrupt::asked);
        // Whoever still waits for an answer hears that none will come.
        drop(queue);
    });
    Ok(())
}

/// Leaves no optimizer but `none`, where there is no simulator; the default one says nothing of it.
fn alone(optimizer: &mut String) -> Result<()> {
    let usual = imle_planner::ControllerSettings::default().optimizer;
    let expected = "none, as without --task there is no simulator";
    InputError::ensure(*optimizer == usual || optimizer == "none", "--optimizer", expected, &optimizer)?;
    *optimizer = "none".into();
    Ok(())
}

/// Name of what is served, as the flags give it.
fn served(args: &ServeArgs) -> String {
    let folder = args.checkpoint.as_deref().map(Path::display);
    args.task.clone().or(folder.map(|folder| folder.to_string())).unwrap_or_default()
}

fn report(args: &ServeArgs, standing: &Standing, begun: Instant) -> Result<()> {
    let [decisions, clients, refused] =
        [&standing.decisions, &standing.clients, &standing.refused].map(|count| count.load(Ordering::SeqCst));
    let output = args.common.output();
    output.say(format!("{}: {decisions} decisions for {clients} clients, {refused} requests refused", served(args)));
    let optimizer = args.task.as_ref().map_or("none", |_| &args.controller.optimizer);
    output.result(&json!({
        "task": standing.task.get(), "optimizer": optimizer, "candidates": args.controller.candidates,
        "seed": args.seed, "clients": clients, "decisions": decisions, "refused": refused,
        "wall_s": begun.elapsed().as_secs_f64(),
    }))
}

/// Lets clients in, each into a thread of its own, until the server stops.
fn accept<'s, 'e>(scope: &'s Scope<'s, 'e>, service: &'e Service, listener: &UnixListener, jobs: SyncSender<Job>) {
    while !interrupt::asked() {
        // What goes wrong here (too many open files) may get better by itself.
        let Ok((stream, _)) = listener.accept() else {
            thread::sleep(REST);
            continue;
        };
        let Some(seat) = seat(&service.seats) else {
            let error = "the server has as many clients as it takes (--clients); try again later".into();
            turn_away(&stream, error);
            continue;
        };
        let jobs = jobs.clone();
        // Where no thread can be had, stream and seat are dropped.
        let serve = move || client::serve(service, &seat, stream, jobs);
        let _ = thread::Builder::new().name("client".into()).spawn_scoped(scope, serve);
    }
}

/// A place, if need be that of a client that has long been silent.
fn seat(seats: &Seats) -> Option<Seat<'_>> {
    for _ in 0..LOOKS {
        match seats.take() {
            None if seats.ask_to_leave() => thread::sleep(REST),
            seat => return seat,
        }
    }
    None
}

/// Writes to a client why it is not served, without waiting until it reads.
fn turn_away(mut stream: &UnixStream, error: String) {
    let line = protocol::line(&Id::default(), &Answer::Refused { error }) + "\n";
    let _ = stream.set_nonblocking(true).and_then(|()| stream.write_all(line.as_bytes()));
}
