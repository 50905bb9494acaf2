//! `planner serve`: the protocol, clients that behave and clients that do not, the socket file.

use crate::call::{Call, Done, Running};
use crate::fixtures::folder;
use imle_configs::seed::Purpose;
use imle_envs::task::Task;
use imle_envs::world::World;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub struct Server {
    pub running: Running,
    pub path: PathBuf,
    /// Of the socket; not in the target folder, whose path may be too long for one.
    _folder: TempDir,
}

impl Server {
    /// `stack` with few candidates, and `words`.
    pub fn start(words: &str) -> Self {
        let few = if words.contains("--candidates") { "" } else { "--candidates 6" };
        Self::at(tempfile::tempdir().unwrap(), |path| serve(path).and(few).and(words))
    }

    /// A server in `dir`, as `call` of its socket starts it.
    pub fn at(dir: TempDir, call: impl Fn(&Path) -> Call) -> Self {
        let path = dir.path().join("s");
        let running = call(&path).start();
        // The file is there a moment before anyone listens: only then is its mode the server's.
        running.wait_until("the socket", || fs::metadata(&path).is_ok_and(|m| m.permissions().mode() & 0o777 == 0o600));
        Self { running, path, _folder: dir }
    }

    pub fn connect(&self) -> Client {
        let client = self.knock();
        assert_eq!(client.hello["protocol"], 1, "{}", client.hello);
        client
    }

    /// A connection whose first line may be anything.
    pub fn knock(&self) -> Client {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let mut client = Client { reader: BufReader::new(stream.try_clone().unwrap()), stream, hello: Value::Null };
        client.hello = client.read();
        client
    }

    /// SIGTERM: must end well, leave no socket file, and print one JSON object if `--json` asks for it.
    pub fn stop(self) -> Done {
        let done = self.running.terminate();
        assert_eq!(done.code, Some(0), "{done:?}");
        assert_eq!(fs::read_dir(self.path.parent().unwrap()).unwrap().count(), 0, "no socket, no lock");
        done
    }
}

pub fn serve(path: &Path) -> Call {
    Call::new("serve --task stack --seed 5").with("--socket", path)
}

/// A task without a shipped generator is planned for as `run` does with the same flags.
#[test]
fn a_task_without_a_generator_is_served() {
    let dir = folder();
    let (task, path) = (dir.path().join("push.toml"), tempfile::tempdir().unwrap());
    Call::new("tasks").with("--template", dir.path().join("push")).ok();
    let server = Server::at(path, |socket| {
        let words = "serve --optimizer cma-es --proposals noise,warm --candidates 6";
        Call::new(words).with("--task", &task).with("--socket", socket)
    });
    assert_eq!(server.connect().hello["state_needed"], true);
    server.stop();
}

pub struct Client {
    pub stream: UnixStream,
    pub reader: BufReader<UnixStream>,
    pub hello: Value,
}

impl Client {
    pub fn send(&mut self, line: &str) {
        self.stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    pub fn read(&mut self) -> Value {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "{line}");
        serde_json::from_str(&line).unwrap()
    }

    pub fn ask(&mut self, request: &Value) -> Value {
        self.send(&request.to_string());
        let answer = self.read();
        assert!(answer["error"].is_null(), "{answer}");
        assert_eq!(answer["id"], request["id"]);
        answer
    }

    /// Sends a line that must be refused with all of `parts` in the answer, which carries `id`.
    pub fn refused(&mut self, line: &str, id: &Value, parts: &[&str]) {
        self.send(line);
        let answer = self.read();
        let report = answer["error"].as_str().unwrap();
        assert_eq!(&answer["id"], id, "{answer}");
        assert!(parts.iter().all(|p| report.contains(p)) && answer["chunk"].is_null(), "{parts:?}: {answer}");
    }

    pub fn example(&mut self) -> Value {
        self.ask(&json!({"type": "example"}))
    }

    /// The first decision from `start`.
    pub fn first(&mut self, start: &Value) -> Value {
        let request = json!({"type": "decide", "id": "first", "reset": true, "episode": 0,
            "observations": start["observations"], "state": start["state"]});
        self.ask(&request)
    }
}

/// The part that must be the same for the same requests: all but the times.
pub fn bits(answer: &Value) -> Value {
    let mut answer = answer.clone();
    for key in ["plan_ms", "waited_ms"] {
        assert!(answer[key].as_f64().unwrap() >= 0.0);
        answer[key] = Value::Null;
    }
    answer
}

pub fn numbers(row: &Value) -> Vec<f32> {
    row.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

#[test]
fn hello_tells_sizes_and_a_decision_has_them() {
    let server = Server::start("--json");
    let mut client = server.connect();
    let hello = client.hello.clone();
    assert_eq!((hello["task"].as_str(), hello["control_rate"].as_f64()), (Some("stack"), Some(20.0)));
    assert_eq!((hello["state_needed"].as_bool(), hello["seed"].as_u64()), (Some(true), Some(5)));
    let size = |key: &str| hello[key].as_u64().unwrap() as usize;
    let (o, a) = (size("observation_size"), size("action_size"));
    let terms = |key: &str| hello[key].as_array().unwrap().iter().map(|t| t["size"].as_u64().unwrap()).sum::<u64>();
    assert_eq!((terms("observation") as usize, terms("action") as usize), (o, a));
    assert_eq!((numbers(&hello["action_low"]).len(), numbers(&hello["action_high"]).len()), (a, a));
    assert_eq!(client.ask(&json!({"type": "ping", "id": [1, "x"]}))["pong"], true);
    let start = client.example();
    for (key, of) in [("state", "state_size"), ("qpos", "qpos_size"), ("qvel", "qvel_size"), ("ctrl", "ctrl_size")] {
        assert_eq!(start[key].as_array().unwrap().len(), size(of), "{key}");
    }
    assert_eq!(start["observations"].as_array().unwrap().len(), size("t_obs"));
    let answer = client.first(&start);
    let chunk = answer["chunk"].as_array().unwrap();
    assert!(chunk.len() == size("t_pred") && chunk.iter().all(|row| numbers(row).len() == a), "{answer}");
    assert_eq!((answer["execute"].as_u64(), answer["rollouts"].as_u64()), (hello["t_act"].as_u64(), Some(6)));
    assert_eq!((answer["source"].as_str(), answer["failed"].as_u64()), (Some("imle"), Some(0)));
    assert!(answer["predicted"].as_f64().unwrap() > 0.0 && answer["quality"]["modes"].as_u64() >= Some(1));
    let next = client.ask(&json!({"type": "decide", "state": start["state"]}));
    assert_eq!((next["episode"].as_u64(), next["decision"].as_u64()), (Some(0), Some(1)));
    // An episode without a number is the one after the last.
    let next = client.ask(&json!({"type": "decide", "reset": true, "state": start["state"]}));
    assert_eq!((next["episode"].as_u64(), next["decision"].as_u64()), (Some(1), Some(0)));
    assert_eq!(client.ask(&json!({"type": "close"}))["closed"], true);
    assert_eq!(client.reader.read(&mut [0]).unwrap(), 0);
    let result: Value = serde_json::from_str(&server.stop().out).unwrap();
    assert_eq!((result["decisions"].as_u64(), result["clients"].as_u64()), (Some(3), Some(1)));
}

/// However often it is asked, whoever asks, at any number of threads, and however the same state is given.
#[test]
fn the_same_requests_get_the_same_bits() {
    let one = Server::start("--threads 1");
    let two = Server::start("--threads 2");
    let (mut client, mut second, mut other) = (one.connect(), one.connect(), two.connect());
    let start = client.example();
    let first = bits(&client.first(&start));
    assert_eq!(bits(&client.first(&start)), first);
    assert_eq!(bits(&second.first(&start)), first);
    assert_eq!(bits(&other.first(&start)), first);
    let mut report = |rest: Value| {
        let mut request = json!({"type": "decide", "id": "first", "reset": true, "episode": 0});
        request.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        bits(&client.ask(&request))
    };
    assert_eq!(report(json!({"state": start["state"]})), first);
    assert_eq!(report(json!({"qpos": start["qpos"], "qvel": start["qvel"], "ctrl": start["ctrl"]})), first);
    let newest = json!([start["observations"][0]]);
    assert_eq!(report(json!({"state": start["state"], "observations": newest})), first);
    // A second decision goes on from the first one's plan.
    let next = json!({"type": "decide", "state": start["state"], "executed": 2});
    let expected = bits(&second.ask(&next));
    assert_eq!(bits(&other.ask(&next)), expected);
    assert_ne!(expected["chunk"], first["chunk"]);
    one.stop();
    two.stop();
}

/// Observations of every control step, by rows and by `observe`, and the world's states in: the decisions of `run`.
#[test]
fn an_episode_is_that_of_run() {
    let dir = folder();
    let out = dir.path().join("run");
    Call::new("run --task stack --episodes 2 --candidates 6 --seed 5").with("--out", &out).ok();
    let lines = fs::read_to_string(out.join("decisions.jsonl")).unwrap();
    let lines = lines.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
    let expected: Vec<Value> = lines.filter(|l| l["episode"] == 1).collect();
    let server = Server::start("");
    let mut client = server.connect();
    let task = Arc::new(Task::load("stack").unwrap());
    let mut world = World::new(task.clone()).unwrap();
    world.reset(5, Purpose::Reset, 1).unwrap();
    let observe = |world: &World| {
        let mut seen = vec![0.0; task.spec().observation.size()];
        world.observe(&mut seen);
        seen
    };
    let mut state = vec![0.0; world.state_size()];
    let mut made = Vec::new();
    while !world.done() {
        world.get_state(&mut state).unwrap();
        let answer = client.ask(&json!({"type": "decide", "episode": 1, "reset": made.is_empty(),
            "observations": [observe(&world)], "state": state}));
        let execute = answer["execute"].as_u64().unwrap() as usize;
        for (t, action) in answer["chunk"].as_array().unwrap()[..execute].iter().enumerate() {
            if world.done() {
                break;
            }
            world.step(&numbers(action));
            if t + 1 < execute {
                client.ask(&json!({"type": "observe", "observations": [observe(&world)]}));
            }
        }
        made.push(answer);
    }
    assert_eq!(made.len(), expected.len());
    for (made, expected) in made.iter().zip(&expected) {
        for key in ["decision", "source", "predicted", "rollouts", "quality"] {
            assert_eq!(made[key], expected[key], "{key} of {expected}");
        }
    }
    server.stop();
}

#[test]
fn a_generator_alone_needs_no_state() {
    let server = Server::start("--optimizer none");
    let mut client = server.connect();
    assert_eq!(client.hello["state_needed"], false);
    let start = client.example();
    let answer = client.ask(&json!({"type": "decide", "observations": start["observations"]}));
    assert_eq!((answer["source"].as_str(), answer["rollouts"].as_u64()), (Some("imle"), Some(0)));
    assert!(answer["predicted"].is_null() && answer["quality"].is_null(), "{answer}");
    assert_eq!(answer["chunk"].as_array().unwrap().len() as u64, client.hello["t_pred"].as_u64().unwrap());
    server.stop();
}

/// A refused request changes nothing: the decision after it is the one that would have been.
#[test]
fn bad_requests_are_told_and_change_nothing() {
    let server = Server::start("");
    let (mut bad, mut good) = (server.connect(), server.connect());
    let start = good.example();
    let (first, state) = (bits(&good.first(&start)), start["state"].to_string());
    assert_eq!(bits(&bad.first(&start)), first);
    let row = start["observations"][0].to_string();
    let none = Value::Null;
    bad.refused("garbage", &none, &["request: expected one JSON object", "`garbage`"]);
    bad.refused(&"[".repeat(10_000), &none, &["request: expected"]);
    let rows = format!(r#"{{"type":"decide","observations":[{}[]]}}"#, "[],".repeat(3000));
    bad.refused(&rows, &none, &["request: expected at most", "found 3001"]);
    let deep = format!(r#"{{"type":"decide","id":3,"state":{}"#, "[".repeat(5000));
    bad.refused(&deep, &none, &["state[0]: expected a finite number"]);
    bad.refused("{}", &none, &["missing field `type`"]);
    bad.refused(r#"{"type":"dance","id":1}"#, &json!(1), &["type: expected one of `decide`", "`dance`"]);
    bad.refused(r#"{"type":"ping","id":2,"stat":[]}"#, &json!(2), &["unknown field `stat`"]);
    let decide = |rest: &str| format!(r#"{{"type":"decide","id":3,{rest}}}"#);
    let mut refused = |rest: String, parts: &[&str]| bad.refused(&decide(&rest), &json!(3), parts);
    let nan = row.replacen('[', "[NaN,", 1);
    refused(format!(r#""state":{state},"observations":[{nan}]"#), &["observations[0][0]: expected a finite", "`NaN`"]);
    refused(r#""state":[0,-Infinity]"#.into(), &["state[1]: expected a finite number", "`-Infinity`"]);
    refused(r#""state":[0,1e999]"#.into(), &["state[1]: expected a finite number"]);
    refused(format!(r#""state":{state},"observations":[[1e300]]"#), &["observations[0]: expected 19 values, found 1"]);
    let huge = format!("[{}]", ["1e300"; 19].join(","));
    refused(format!(r#""state":{state},"observations":[{huge}]"#), &["observations[0][0]", "fits 32 bits"]);
    refused(format!(r#""state":{state},"observations":[]"#), &["observations: expected 1 to 2 rows", "0 rows"]);
    refused(format!(r#""state":{state},"observations":{row}"#), &["observations[0]: expected a sequence"]);
    refused(format!(r#""state":{state},"executed":17"#), &["executed: expected at most the 16", "found 17"]);
    refused(format!(r#""state":{state},"executed":-1"#), &["executed: expected", "-1"]);
    refused(format!(r#""state":{state},"deadline_ms":0"#), &["deadline_ms: expected above 0", "found 0"]);
    refused(format!(r#""state":{state},"qpos":[0]"#), &["qpos: expected either the full state or its parts"]);
    refused(format!(r#""observations":[{row}]"#), &["state: expected 180 values, or qpos and qvel", "found none"]);
    refused(r#""state":[0]"#.into(), &["state: expected 180 values, found 1"]);
    refused(r#""qpos":[0],"qvel":[0]"#.into(), &["qpos: expected 23 values, found 1"]);
    refused(r#""qpos":[0]"#.into(), &["qvel: expected `qpos` and `qvel` together"]);
    refused(r#""reset":true"#.into(), &["observations: expected 1 to 2 rows, or a state"]);
    let next = json!({"type": "decide", "state": start["state"]});
    let expected = bits(&good.ask(&next));
    assert_eq!(bits(&bad.ask(&next)), expected);
    // A state in which nothing can be simulated is no error: the chunk holds still, and the answer says so.
    let mut fast = start["qvel"].clone();
    fast[0] = json!(1e12);
    let lost = json!({"type": "decide", "reset": true, "qpos": start["qpos"], "qvel": fast, "ctrl": start["ctrl"]});
    let lost = good.ask(&lost);
    assert_eq!((lost["rollouts"].as_u64(), lost["failed"].as_u64()), (Some(6), Some(6)), "{lost}");
    assert!(lost["source"].is_null() && lost["predicted"].is_null() && lost["chunk"][0] == lost["chunk"][15], "{lost}");
    server.stop();
}

#[test]
fn clients_that_misbehave_do_not_disturb_others() {
    let server = Server::start("--clients 3");
    let mut good = server.connect();
    let start = good.example();
    let first = bits(&good.first(&start));
    // In the middle of a line, in the middle of a decision, after garbage that is no text.
    server.connect().stream.write_all(b"{\"type\":\"dec").unwrap();
    let request = json!({"type": "decide", "state": start["state"]}).to_string();
    server.connect().send(&request);
    server.connect().stream.write_all(&[0xff, 0xfe, b'\n', 0, 0]).unwrap();
    let came = |client: &mut Client| client.hello["protocol"] == 1;
    let again = || {
        let begun = Instant::now();
        loop {
            let mut client = server.knock();
            if came(&mut client) {
                return client;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "no place gets free");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    // A line without end.
    let mut endless = again();
    let block = vec![b'x'; 1 << 20];
    // The server closes before all of it is written.
    while endless.stream.write_all(&block).is_ok() {}
    let (report, most) = (endless.read(), &endless.hello["longest_line"]);
    let told = report["error"].as_str().unwrap();
    assert!(told.contains(&format!("a line of at most {most} bytes")) && report["closed"] == true, "{report}");
    // A flood of requests whose answers nobody reads fills the socket, not the server.
    let flood = again();
    flood.stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let line = format!("{request}\n");
    while (&flood.stream).write_all(line.as_bytes()).is_ok() {}
    assert_eq!(bits(&good.first(&start)), first);
    // One place is left.
    let _third = again();
    let mut fourth = server.knock();
    let report = fourth.hello["error"].as_str().unwrap();
    assert!(report.contains("as many clients as it takes (--clients)"), "{report}");
    assert_eq!(fourth.reader.read(&mut [0]).unwrap(), 0);
    drop(flood);
    assert_eq!(bits(&good.first(&start)), first);
    server.stop();
}

#[test]
fn a_live_socket_is_refused_and_a_dead_one_replaced() {
    let server = Server::start("");
    let place = server.path.to_str().unwrap().to_string();
    let process = format!("process {}", server.running.id());
    let refused = || serve(&server.path).refused(&[&place, "expected a path where no other server listens", &process]);
    refused();
    server.connect();
    // One that was stopped answers nobody, and is not waited for.
    server.running.signal("-STOP");
    refused();
    server.running.signal("-CONT");
    server.connect();
    server.stop();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let running = serve(&path).start();
    running.wait_until("an answer", || UnixStream::connect(&path).is_ok());
    assert_eq!(running.terminate().code, Some(0));
    assert!(!path.exists());
    fs::write(&path, "precious").unwrap();
    serve(&path).refused(&["expected a path that is free or a dead server's socket"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    serve(&dir.path().join("none/s")).refused(&["none/s: cannot listen there"]);
    serve(&dir.path().join("x".repeat(200))).refused(&["cannot listen there"]);
    serve(&path).and("--optimizer mppii").refused(&["unknown optimizer `mppii`", "`mppi`"]);
    serve(&path).and("--clients 0").refused(&["--clients", "'0'"]);
    Call::new("serve --task stak").refused(&["unknown task `stak`", "`stack`"]);
}

/// SIGTERM while a client waits, another is silent, and a third never stops asking.
#[test]
fn a_stop_is_heard_by_all() {
    let server = Server::start("--candidates 65536 --threads 1 --json --quiet");
    let _silent = server.connect();
    let mut waiting = server.connect();
    let start = waiting.example();
    waiting.send(&json!({"type": "decide", "state": start["state"]}).to_string());
    let mut flood = server.connect();
    let (answered, first) = std::sync::mpsc::channel();
    let asking = std::thread::spawn(move || {
        let pings = "{\"type\":\"ping\"}\n".repeat(1000);
        let reader = flood.stream.try_clone().unwrap();
        let reading = std::thread::spawn(move || {
            for line in BufReader::new(reader).lines().take_while(Result::is_ok) {
                drop(answered.send(line));
            }
        });
        while flood.stream.write_all(pings.as_bytes()).is_ok() {}
        reading.join().unwrap();
    });
    assert!(first.recv().unwrap().unwrap().contains("pong"));
    // The decision takes minutes: it is not waited for.
    let done = server.stop();
    asking.join().unwrap();
    let result: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(result["decisions"], 0, "{done:?}");
    assert!(waiting.read()["error"].as_str().unwrap().contains("the server stops"));
}

#[test]
fn the_python_client_decides() {
    let server = Server::start("");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/client.py");
    let python = |path: &Path| Command::new("python3").arg("-B").arg(&script).arg(path).output();
    let Ok(output) = python(&server.path) else {
        eprintln!("skipped: no python3");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("chunk of 16 actions from imle") && text.contains("gripper"), "{text}");
    assert!(text.contains("over the decision itself"), "{text}");
    server.stop();
    let refused = python(Path::new("/none")).unwrap();
    let report = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && report.starts_with("error:") && report.lines().count() == 1, "{report}");
}
