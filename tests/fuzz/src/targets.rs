//! The targets: what reads the bytes, and the seeds it starts from.

use crate::folders::{Folder, scratch};
use crate::request;
use imle_configs::episode::Episode;
use imle_configs::spec::{Layout, Spec, Term};
use imle_data::import::{ImportOptions, load};
use imle_envs::mujoco::model::Source;
use imle_envs::task::{Task, file::RewardKind, predicate::Predicate, reward::Reward};
use imle_planner::evaluation::EpisodeResult;
use imle_policy::checkpoint::{Checkpoint, CheckpointConfig, MODEL_FILE};
use imle_rl::replay::episode_log::{self, EpisodeLog, IterationCounts, IterationRecord};
use imle_rl::replay::trajectory::{Sizes, Trajectory};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// What reads the bytes of an input.
pub type Target = fn(&[u8]);

/// All of them by name.
pub const ALL: [(&str, Target); 13] = [
    ("task", task),
    ("predicate", predicate),
    ("model", model),
    ("csv", csv),
    ("hdf5", hdf5),
    ("zarr", zarr),
    ("parquet", parquet),
    ("config", config),
    ("safetensors", safetensors),
    ("msgpack", msgpack),
    ("log", log),
    ("state", state),
    ("protocol", protocol),
];

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policy/data/src/tests/fixtures");
const TEMPLATE: &str = include_str!("../../../configs/template/task.toml");
const SCENE: &str = include_str!("../../../configs/template/scene.xml");
const STACK: &str = include_str!("../../../configs/tasks/stack.toml");

const REQUESTS: [&str; 3] = [
    r#"{"type":"decide","id":7,"episode":1,"reset":true,"observations":[[0.5,-1e-3],[1,2]],"state":[0.0,1.5],"deadline_ms":30}"#,
    r#"{"type":"act","id":"a","action":[0.1,null],"qpos":[1],"qvel":[],"ctrl":[2],"executed":3}"#,
    r#"{"type":"model","which":"planner","id":{"a":[true,{"b":"\\n"}]}}"#,
];

static ZARR: LazyLock<Folder> = LazyLock::new(|| Folder::copied("zarr", &Path::new(FIXTURES).join("diffusion.zarr")));
static RECORDS: LazyLock<Folder> = LazyLock::new(|| {
    let record = "task = \"reach\"\ncontrol_rate = 10\ntime_unit = \"ms\"\nsuccess = \"won\"\n\n[frame.base]\nposition = [0, 0, 1]\n\
                  \n[[observation]]\nname = \"x\"\ncolumns = [\"x\", \"v\"]\n\n[[action]]\nname = \"u\"\n";
    let table = "time,x,v,u,won\n0,0.5,1,0.1,false\n100,0.6,1e-3,-0.1,true\n250,-0.5,1,0.2,0\n300,2,3,4,1\n";
    Folder::of("csv", vec![("record.toml".into(), record.into()), ("one.csv".into(), table.into())])
});
static LEROBOT: LazyLock<Folder> = LazyLock::new(|| {
    let made = scratch().join("lerobot-made");
    let _ = fs::remove_dir_all(&made);
    imle_data::write(&made, &spec(), &[episode(0), episode(1)]).unwrap();
    Folder::copied("parquet", &made)
});
static CHECKPOINT: LazyLock<Folder> = LazyLock::new(|| {
    let made = scratch().join("checkpoint-made");
    let _ = fs::remove_dir_all(&made);
    checkpoint().save(&made).unwrap();
    Folder::copied("config", &made)
});

fn layout(name: &str, size: usize) -> Layout {
    Layout { terms: vec![Term { name: name.into(), size }] }
}

fn spec() -> Spec {
    Spec {
        task: "reach".into(),
        control_rate: 10.0,
        observation: layout("x", 2),
        action: layout("u", 1),
        pictures: None,
    }
}

fn episode(index: u64) -> Episode {
    Episode {
        observations: vec![0.5; 6],
        actions: vec![0.1; 3],
        success: index == 0,
        seed: 0,
        index,
        mode: "near".into(),
        mismatch: String::new(),
        len: 3,
    }
}

fn checkpoint() -> Checkpoint {
    let text = include_str!("../../../configs/checkpoints/cartpole/config.json");
    let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
    value["network"]["width"] = 4.into();
    value["network"]["blocks"] = 1.into();
    let config: CheckpointConfig = serde_json::from_value(value).unwrap();
    let count = config.network.parameters(&config.network_shape()).unwrap().len();
    Checkpoint::new(config, vec![0.25; count]).unwrap()
}

/// A task file, base tasks, predicates and references to a good model included.
fn task(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let folder = scratch().join("scene");
    if !folder.exists() {
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("scene.xml"), SCENE).unwrap();
    }
    let _ = Task::from_text(text, "fuzz.toml", Source::Folder(&folder));
}

fn predicate(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let names = ["reach", "height", "speed_a"].map(String::from);
    if let Ok(parsed) = Predicate::parse(text, &names) {
        parsed.holds(&[0.0, f64::NAN, 1e300]);
    }
}

/// Additions to a model (servos, markers) that a task file describes, up to MuJoCo's own loader.
fn model(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let good = TEMPLATE.replace("{name}", "scene");
    let marker = good.find("[[marker]]").unwrap();
    let end = good.find("[action]").unwrap();
    task([&good[..marker], text, "\n", &good[end..]].concat().as_bytes());
}

fn imported(path: &Path) {
    let options = ImportOptions { rate: Some(10.0), ..ImportOptions::default() };
    let _ = load(path, &options);
    // With their pictures.
    let _ = load(path, &ImportOptions { images: true, skip_broken: true, ..options });
}

fn csv(bytes: &[u8]) {
    RECORDS.with(bytes, imported);
}

fn hdf5(bytes: &[u8]) {
    let path = scratch().join("fuzz.hdf5");
    fs::write(&path, bytes).unwrap();
    imported(&path);
}

fn zarr(bytes: &[u8]) {
    ZARR.with(bytes, imported);
}

/// Our own reader and the importer, on one file of a LeRobot dataset.
fn parquet(bytes: &[u8]) {
    LEROBOT.with(bytes, |folder| {
        let _ = imle_data::read(folder);
        imported(folder);
    });
}

fn config(bytes: &[u8]) {
    CHECKPOINT.with(bytes, |folder| {
        let _ = Checkpoint::load(folder);
    });
}

fn safetensors(bytes: &[u8]) {
    static GOOD: LazyLock<CheckpointConfig> = LazyLock::new(|| checkpoint().config().clone());
    let _ = Checkpoint::from_safetensors(GOOD.clone(), "fuzz.safetensors", bytes);
}

/// Episodes of a round that is not collected yet.
fn msgpack(bytes: &[u8]) {
    let _ = rmp_serde::from_slice::<Vec<EpisodeResult>>(bytes);
}

/// The body of a record of the episode log, under a checksum that holds.
fn log(bytes: &[u8]) {
    let folder = scratch().join("log");
    fs::create_dir_all(&folder).unwrap();
    let (length, sum) = ((bytes.len() as u64).to_le_bytes(), crc32fast::hash(bytes).to_le_bytes());
    fs::write(folder.join(episode_log::FILE), [&length[..], &sum, bytes].concat()).unwrap();
    let costs = Reward { kind: RewardKind::Cost, scale: 1.0 };
    let _ =
        EpisodeLog::open(&folder, Sizes { observation: 2, action: 1, executed: 2, seen: 1 }, 1, Some((costs, 0.99)));
}

/// `state.json` of a fine-tuning run.
fn state(bytes: &[u8]) {
    let folder = scratch().join("state");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("state.json"), bytes).unwrap();
    let _ = imle_rl::run::saved_algorithm(&folder);
    let _ = imle_rl::run::saved_settings::<imle_rl::expert_iteration::ExpertIterationSettings>(&folder);
}

/// A line that a client sends to `serve`, and what is told of one that cannot be read.
fn protocol(bytes: &[u8]) {
    match request::parse(bytes, request::Bounds::new(64)) {
        Ok(request) => assert!(serde_json::from_str::<serde_json::Value>(request.id.as_str()).is_ok()),
        Err(error) => {
            assert!(error.to_string().len() < 1000);
            request::id_of(bytes);
        }
    }
}

/// Writes a folder of seeds for each target into `folder`.
pub fn write_seeds(folder: &Path) {
    let template = TEMPLATE.replace("{name}", "scene");
    let parts = &template[template.find("[[marker]]").unwrap()..template.find("[action]").unwrap()];
    let weights = scratch().join("weights");
    let _ = fs::remove_dir_all(&weights);
    checkpoint().save(&weights).unwrap();
    let results = vec![EpisodeResult { episode: 1, success: true, ..EpisodeResult::default() }];
    let place = scratch().join("log-made");
    fs::create_dir_all(&place).unwrap();
    let trajectory = Trajectory {
        len: 2,
        observations: vec![0.5; 6],
        actions: vec![0.1; 2],
        rewards: vec![1.0; 2],
        planned: vec![0.1; 2],
        mode: "near".into(),
        ..Trajectory::default()
    };
    let record = IterationRecord { trajectories: vec![trajectory], counts: IterationCounts::default() };
    EpisodeLog::create(&place).unwrap().append(&record).unwrap();
    let written = fs::read(place.join(episode_log::FILE)).unwrap().split_off(12);
    let state = "{\"format\": 3, \"algorithm\": \"expert-iteration\", \"seed\": 0, \"inputs\": {\"task\": \"stack\", \
                 \"mismatch\": null, \"reward\": \"success\", \"checkpoint\": \"a\", \"demonstrations\": \"b\"}, \
                 \"settings\": {}, \"rounds\": [{\"round\": 0}]}";
    let seeds: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("task", vec![template.clone().into(), STACK.into(), "base = \"stack\"\n".into()]),
        ("predicate", ["height < 1.0", "reach >= -0.5e-3", "abs(speed_a) <= 2"].map(Into::into).into()),
        ("model", vec![parts.into(), "[[servo]]\njoint = \"finger_x\"\ngain = 60.0\nrange = [-0.4, 0.4]\n".into()]),
        ("csv", RECORDS.seeds().collect()),
        ("hdf5", vec![fs::read(Path::new(FIXTURES).join("robomimic.hdf5")).unwrap()]),
        ("zarr", ZARR.seeds().collect()),
        ("parquet", LEROBOT.seeds().collect()),
        ("config", CHECKPOINT.seeds().collect()),
        ("safetensors", vec![fs::read(weights.join(MODEL_FILE)).unwrap()]),
        ("msgpack", vec![rmp_serde::to_vec_named(&results).unwrap()]),
        ("log", vec![written]),
        ("state", vec![state.into()]),
        ("protocol", REQUESTS.map(Into::into).into()),
    ];
    for (name, inputs) in seeds {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).unwrap();
        for (number, bytes) in inputs.into_iter().enumerate() {
            fs::write(folder.join(number.to_string()), bytes).unwrap();
        }
    }
}
