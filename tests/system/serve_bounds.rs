//! `planner serve` beside others: servers for one socket, clients that want too much, a stop in the middle of work.

use crate::call::{Call, Done};
use crate::fixtures::STACK;
use crate::serve::{Server, bits, serve};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

/// Bad clients at once.
const MANY: usize = 16;
/// Memory that they may take, MB.
const MOST: f64 = 100.0;

/// Most memory that process `id` has had, MB.
fn most_memory(id: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e3
}

/// However many start at once where a dead server has left its socket.
#[test]
fn one_server_gets_a_dead_ones_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    drop(UnixListener::bind(&path).unwrap());
    let start = || {
        let call = serve(&path).and("--candidates 6");
        std::thread::spawn(move || call.run())
    };
    let servers = [start(), start(), start()];
    // The others end by themselves.
    while servers.iter().filter(|s| s.is_finished()).count() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    while UnixStream::connect(&path).and_then(|mut s| s.read_exact(&mut [0])).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let id = fs::read_to_string(dir.path().join("s.lock")).unwrap();
    assert!(Command::new("kill").arg(id.trim()).status().unwrap().success());
    let done = servers.map(|s| s.join().unwrap());
    let of = |code: i32| done.iter().filter(|d| d.code == Some(code)).collect::<Vec<&Done>>();
    assert_eq!((of(0).len(), of(2).len()), (1, 2), "{done:?}");
    for refused in of(2) {
        assert!(refused.err.contains(&format!("found one that does, process {}", id.trim())), "{refused:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_silent_client_is_told_and_leaves() {
    let server = Server::start("--idle-timeout 2 --clients 1");
    let mut silent = server.connect();
    assert_eq!(silent.hello["idle_timeout_s"], 2);
    let told = silent.read();
    assert!(told["error"].as_str().unwrap().contains("expected one within 2 s (--idle-timeout)"), "{told}");
    assert_eq!((&told["closed"], silent.reader.read(&mut [0]).unwrap()), (&json!(true), 0));
    // Its place is free again.
    let mut next = server.knock();
    while next.hello["protocol"].is_null() {
        next = server.knock();
    }
    assert_eq!(next.ask(&json!({"type": "ping"}))["pong"], true);
    server.stop();
}

/// Long lines of lists in lists, and floods of requests whose answers nobody reads, beside silent clients.
#[test]
fn greedy_clients_get_no_memory() {
    let server = Server::start("");
    let mut good = server.connect();
    let start = good.example();
    let first = bits(&good.first(&start));
    let before = most_memory(server.running.id());
    let silent: Vec<_> = (0..MANY).map(|_| server.connect()).collect();
    let nested = format!(r#"{{"type":"decide","state":{}{}}}"#, "[".repeat(2 << 20), "]".repeat(2 << 20));
    let all = format!("{}\n", json!({"type": "propose", "state": start["state"]}));
    std::thread::scope(|scope| {
        for i in 0..MANY {
            let (server, nested, all) = (&server, nested.as_bytes(), all.as_bytes());
            scope.spawn(move || {
                let mut greedy = server.connect();
                greedy.stream.set_write_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
                if i % 2 == 0 {
                    while greedy.stream.write_all(all).is_ok() {}
                    return;
                }
                assert!(greedy.stream.write_all(nested).is_err());
                assert!(greedy.read()["error"].as_str().unwrap().contains("a line of at most"));
            });
        }
        assert_eq!(bits(&good.first(&start)), first);
    });
    let most = most_memory(server.running.id());
    assert!(most < before + MOST, "{before} MB, {most} MB");
    drop(silent);
    server.stop();
}

/// Where the system gives no folder for sockets, the server makes one that is the user's alone.
#[test]
fn the_usual_place_is_the_users_own() {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join(format!("planner-{}", fs::metadata(dir.path()).unwrap().uid()));
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_planner"));
        command.args("serve --task cartpole --optimizer cem --proposals noise,warm".split(' '));
        command.env("TMPDIR", dir.path()).env_remove("XDG_RUNTIME_DIR");
        command
    };
    symlink("/", &own).unwrap();
    let refused = start().output().unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("expected a folder of this user's with mode 700 (or --socket), found a link"), "{told}");
    assert_eq!((refused.status.code(), told.lines().count()), (Some(2), 1));
    fs::remove_file(&own).unwrap();
    let mut server = start().spawn().unwrap();
    let path = own.join("planner-cartpole.sock");
    while UnixStream::connect(&path).is_err() {
        assert!(server.try_wait().unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
    assert_eq!((server.wait().unwrap().code(), path.exists()), (Some(0), false));
}

/// SIGTERM while MuJoCo compiles a model, which nothing can interrupt: it is not waited for, nor is what comes after it.
#[test]
fn a_stop_ends_the_compiling_of_a_model() {
    let dir = tempfile::tempdir().unwrap();
    // A minute of compiling.
    let long = r#"<mujoco><worldbody><flexcomp name="f" type="grid" count="18 18 18" dim="3" spacing="0.01 0.01 0.01"
        mass="1" radius="0.001"><edge equality="false"/></flexcomp></worldbody></mujoco>"#;
    fs::write(dir.path().join("long.xml"), long).unwrap();
    let model = STACK.lines().find(|l| l.starts_with("model")).unwrap();
    let task = dir.path().join("long.toml");
    fs::write(&task, STACK.replacen(model, "model = \"long.xml\"", 1)).unwrap();
    let call = |path: &Path| Call::new("serve --json --quiet").with("--task", &task).with("--socket", path);
    let done = call(&dir.path().join("s")).start().terminate();
    // The task does not fit this model: once it were compiled, the exit code would be another.
    assert_eq!(done.code, Some(0), "{done:?}");
    let result: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(result["decisions"], 0);
}
