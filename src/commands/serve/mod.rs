//! `planner serve`: decisions for robot code in other processes, over a local socket. The protocol: docs/reference/protocol.md.
//!
//! A thread accepts, each client has one of its own, and the controller is the calling thread's: it takes one request
//! at a time. What a client's decisions come to depends on its own requests alone.

pub mod args;
mod client;
mod protocol;
mod service;
mod session;
mod socket;
mod wire;
mod worker;

use args::ServeArgs;
use imle_cli::{controller::from_flags, failure::Result, interrupt, load};
use imle_configs::Error as InputError;
use imle_envs::rollout::RolloutEngine;
use imle_policy::policy::Policy;
use protocol::Answer;
use serde_json::{Value, json};
use service::Service;
use socket::Socket;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};
use std::{io::Write as _, os::unix::net::UnixStream, path::PathBuf, sync::Arc};
use worker::Job;

/// Rest of the listener when nobody comes, before it looks again and whether to stop.
const REST: Duration = Duration::from_millis(20);

/// Serves until Ctrl-C.
pub fn run(args: &ServeArgs) -> Result<()> {
    let output = args.common.output();
    let begun = Instant::now();
    from_flags::check(&args.controller)?;
    let (task, checkpoint) = load::any_checkpoint(args.checkpoint.as_deref(), load::task(&args.task)?)?;
    if let Some(pictures) = checkpoint.as_ref().and_then(|c| c.config().spec.pictures.as_ref()) {
        let found = format!("one that sees pictures ({pictures}), which the protocol does not carry");
        return Err(InputError::unexpected("--checkpoint", "a generator that sees the state", found).into());
    }
    let checkpoint = checkpoint.map(|c| from_flags::sampled(&args.controller, c)).transpose()?;
    let device = load::device(args.device)?;
    let threads = args.common.threads();
    let pool = load::pool(&args.common)?;
    let path = args.socket.clone().unwrap_or_else(|| usual_place(&task.spec().task));
    let socket = Socket::listen(&path)?;
    let sampler = checkpoint.as_ref().map(|c| Policy::with_threads(c, threads, device)).transpose()?;
    let engine = Arc::new(RolloutEngine::new(task.clone(), threads)?);
    let (mut decider, horizons) = from_flags::new(&args.controller, args.seed, &task, sampler.as_ref(), &engine)?;
    let service = Service::new(args, &task, horizons)?;
    output.note(format!("{}: listening at {}; Ctrl-C stops", args.task, socket.path().display()));
    // A client waits for its answer before it asks again, so that the queue never holds more than one request of each.
    let (jobs, queue) = sync_channel(service.most);
    let decisions = thread::scope(|scope| {
        scope.spawn(|| accept(scope, &service, &socket, jobs));
        let decisions = worker::run(&mut decider, &pool, &queue, service.hello.state_needed, interrupt::asked);
        // Whoever still waits for an answer hears that none will come.
        drop(queue);
        decisions
    });
    let (clients, refused) = (service.clients.into_inner(), service.refused.into_inner());
    output.say(format!("{}: {decisions} decisions for {clients} clients, {refused} requests refused", args.task));
    output.result(&json!({
        "task": task.spec().task, "optimizer": args.controller.optimizer, "candidates": args.controller.candidates,
        "seed": args.seed, "clients": clients, "decisions": decisions, "refused": refused,
        "wall_s": begun.elapsed().as_secs_f64(),
    }))
}

/// Lets clients in, each into a thread of its own, until the server stops.
fn accept<'s, 'e>(scope: &'s Scope<'s, 'e>, service: &'e Service, socket: &Socket, jobs: SyncSender<Job>) {
    while !interrupt::asked() {
        // What goes wrong here (too many open files) may get better by itself.
        let Ok((stream, _)) = socket.listener().accept() else {
            thread::sleep(REST);
            continue;
        };
        let Some(seat) = Seat::take(service) else {
            turn_away(&stream, format!("the server has its {} clients (--clients); try again later", service.most));
            continue;
        };
        let jobs = jobs.clone();
        let serve = move || {
            let _seat = seat;
            client::serve(service, stream, jobs);
        };
        // Where no thread can be had, stream and seat are dropped.
        let _ = thread::Builder::new().name("client".into()).spawn_scoped(scope, serve);
    }
}

/// A client's place among those that are there at once; free again when dropped.
struct Seat<'a>(&'a AtomicUsize);

impl<'a> Seat<'a> {
    /// Only one thread takes seats, so that none is taken twice.
    fn take(service: &'a Service) -> Option<Self> {
        let free = service.present.load(Ordering::SeqCst) < service.most;
        free.then(|| {
            service.present.fetch_add(1, Ordering::SeqCst);
            Self(&service.present)
        })
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Writes to a client why it is not served, without waiting until it reads.
fn turn_away(mut stream: &UnixStream, error: String) {
    let line = protocol::line(&Value::Null, &Answer::Refused { error }) + "\n";
    let _ = stream.set_nonblocking(true).and_then(|()| stream.write_all(line.as_bytes()));
}

/// Where the socket of `task` is without `--socket`.
fn usual_place(task: &str) -> PathBuf {
    let folder = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|f| f.is_dir());
    folder.unwrap_or_else(std::env::temp_dir).join(format!("planner-{task}.sock"))
}
