//! One client: its lines in, answers out, one at a time, so that what floods the server waits in the client's socket.

use super::protocol::{self, Answer, Kind};
use super::wire::{LONGEST_LINE, Read, Wire};
use super::{service::Service, session::Session, worker::Job};
use imle_cli::interrupt;
use serde_json::Value;
use std::{os::unix::net::UnixStream, sync::atomic::Ordering, sync::mpsc::SyncSender};

/// Serves a client until it goes away or the server stops.
pub fn serve(service: &Service, stream: UnixStream, jobs: SyncSender<Job>) {
    // Errors of writing mean that the client has gone: nobody would read them.
    if let Ok(mut wire) = Wire::new(stream, interrupt::asked) {
        let _ = converse(service, &mut wire, jobs);
    }
}

fn converse(service: &Service, wire: &mut Wire, jobs: SyncSender<Job>) -> std::io::Result<()> {
    let refused = |error: String| {
        service.refused.fetch_add(1, Ordering::Relaxed);
        Answer::Refused { error }
    };
    let mut session = match Session::new(service, jobs) {
        Ok(session) => session,
        Err(failure) => return wire.write(&protocol::line(&Value::Null, &refused(failure.line()))),
    };
    wire.write(&service.greeting)?;
    let mut asked = false;
    loop {
        let line = match wire.read() {
            Read::Line(line) => line,
            Read::TooLong => {
                let error = format!("request: expected a line of at most {LONGEST_LINE} bytes, found a longer one");
                return wire.write(&protocol::line(&Value::Null, &refused(error)));
            }
            Read::End => return Ok(()),
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        if !std::mem::replace(&mut asked, true) {
            service.clients.fetch_add(1, Ordering::Relaxed);
        }
        let (id, done) = match protocol::parse(&line) {
            Ok(request) => {
                let done = match request.kind {
                    Kind::Decide => session.decide(&request),
                    Kind::Observe => session.observe(&request),
                    Kind::Example => session.example(&request),
                    Kind::Ping => Ok(Answer::Pong { pong: true }),
                    Kind::Close => Ok(Answer::Closed { closed: true }),
                };
                (request.id, done)
            }
            Err(failure) => (protocol::id_of(&line), Err(failure)),
        };
        let answer = done.unwrap_or_else(|failure| refused(failure.line()));
        wire.write(&protocol::line(&id, &answer))?;
        if matches!(answer, Answer::Closed { .. }) {
            return Ok(());
        }
    }
}
