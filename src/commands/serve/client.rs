//! One client: its lines in, answers out, one at a time, so that what floods the server waits in the client's socket.

use super::protocol::{self, Answer};
use super::request::{self, Id, Kind};
use super::seats::Seat;
use super::wire::{PATIENCE, Read, Wire};
use super::{service::Service, session::Session, worker::Job};
use imle_cli::failure::Failure;
use imle_cli::interrupt;
use std::time::Duration;
use std::{os::unix::net::UnixStream, sync::atomic::Ordering, sync::mpsc::SyncSender, thread};

/// Rest after a request that was refused, and after a client that was sent away: a flood of them takes no processor
/// from decisions.
const REST: Duration = Duration::from_millis(5);
const LONG_REST: Duration = Duration::from_millis(100);

/// Serves a client until it goes away, is given up, or the server stops.
pub fn serve(service: &Service, seat: &Seat<'_>, stream: UnixStream, jobs: SyncSender<Job>) {
    // Errors of writing mean that the client has gone: nobody would read them.
    if let Ok(mut wire) = Wire::new(stream, service.bounds.line(), &service.room, interrupt::asked)
        && let Ok(Some(reason)) = converse(service, seat, &mut wire, jobs)
    {
        let _ = wire.write(&[&protocol::line(&Id::default(), &Answer::Closed { closed: true, error: Some(reason) })]);
        drop(wire);
        thread::sleep(LONG_REST);
    }
}

/// Answers until the client goes away or is sent away; returns why it is.
fn converse(
    service: &Service,
    seat: &Seat<'_>,
    wire: &mut Wire<'_>,
    jobs: SyncSender<Job>,
) -> std::io::Result<Option<String>> {
    let mut session = Session::new(service, jobs);
    wire.write(&[&service.greeting])?;
    let mut asked = false;
    loop {
        seat.set_silent(true);
        let line = match wire.read(|waited| waited >= service.idle || seat.is_needed()) {
            Read::Line(line) => line,
            Read::End => return Ok(None),
            given_up => return Ok(Some(reason(service, seat, &given_up))),
        };
        seat.set_silent(false);
        if line.trim_ascii().is_empty() {
            continue;
        }
        if !std::mem::replace(&mut asked, true) {
            service.standing.clients.fetch_add(1, Ordering::Relaxed);
        }
        let (id, done) = match request::parse(&line, service.bounds) {
            Ok(request) => {
                let done = match request.kind {
                    Kind::Decide => session.decide(&request, false),
                    Kind::Propose => session.decide(&request, true),
                    Kind::Observe => session.observe(&request),
                    Kind::Act => session.act(&request),
                    Kind::Example => session.example(&request),
                    Kind::Model => service.model(request.which.unwrap_or_default()).map(Answer::Model),
                    Kind::Ping => Ok(Answer::Pong { pong: true }),
                    Kind::Close => Ok(Answer::Closed { closed: true, error: None }),
                };
                (request.id, done)
            }
            Err(error) => (request::id_of(&line), Err(error.into())),
        };
        drop(line);
        match done {
            // What all clients share is not copied.
            Ok(Answer::Model(text)) => wire.write(&[&protocol::head(&id), &text[1..]])?,
            Ok(answer) => {
                wire.write(&[&protocol::line(&id, &answer)])?;
                if matches!(answer, Answer::Closed { .. }) {
                    return Ok(None);
                }
            }
            Err(failure) => {
                wire.write(&[&protocol::line(&id, &refused(service, &failure))])?;
                thread::sleep(REST);
            }
        }
        session.answered();
    }
}

fn refused(service: &Service, failure: &Failure) -> Answer {
    service.standing.refused.fetch_add(1, Ordering::Relaxed);
    Answer::Refused { error: failure.line() }
}

/// Why the connection ends.
fn reason(service: &Service, seat: &Seat<'_>, read: &Read) -> String {
    let seconds = service.idle.as_secs();
    match read {
        Read::TooLong => {
            service.standing.refused.fetch_add(1, Ordering::Relaxed);
            format!("request: expected a line of at most {} bytes, found a longer one", service.bounds.line())
        }
        Read::Unfinished => {
            format!("request: expected the rest of the line within {} s, found nothing", PATIENCE.as_secs())
        }
        _ if seat.is_needed() => "request: expected one while others wait for a place (--clients), found none".into(),
        _ => format!("request: expected one within {seconds} s (--idle-timeout), found none"),
    }
}
