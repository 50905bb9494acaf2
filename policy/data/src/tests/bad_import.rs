//! Datasets of others with something wrong in them: one line, and nothing is left.

use super::import::{RECORD, fixture, make_two, write_records};
use super::*;
use crate::import::{DatasetFormat, ImportOptions, convert};

/// Converting `from` fails with one line in which all of `parts` are, and leaves nothing.
pub(super) fn refused(from: &Path, options: &ImportOptions, parts: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let message = convert(from, &dir.path().join("out"), options).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_is_no_dataset_is_told_with_what_would_be() {
    let dir = tempfile::tempdir().unwrap();
    refused(&dir.path().join("none"), &ImportOptions::default(), &["none: cannot read"]);
    refused(dir.path(), &ImportOptions::default(), &["meta/info.json", "record.toml", "none of them"]);
    let file = dir.path().join("a.zarr.zip");
    fs::write(&file, "PK").unwrap();
    refused(&file, &ImportOptions::default(), &["a.zarr.zip", "unpack it first"]);
    assert!(DatasetFormat::of(&file).is_err());
}

#[test]
fn records_are_checked() {
    type Spoil = (&'static str, &'static str, &'static [&'static str]);
    // In the description: this is replaced by that.
    let described: [Spoil; 14] = [
        ("control_rate = 8", "control_rat = 8", &["record.toml:3", "control_rat"]),
        ("control_rate = 8", "control_rate = 0", &["record.toml", "control_rate", "Hz"]),
        ("control_rate = 8", "control_rate = \"8\"", &["record.toml:3"]),
        ("control_rate = 8", "control_rate = ", &["record.toml:3"]),
        ("time_unit = \"ms\"", "time_unit = \"minutes\"", &["unknown time_unit `minutes`", "`ms`"]),
        ("time = \"ms\"", "time = \"mss\"", &["unknown column `mss`", "`ms`"]),
        ("success = \"solved\"", "success = \"solvd\"", &["unknown column `solvd`", "`solved`"]),
        ("columns = [\"x\", \"y\", \"z\"]", "columns = [\"x\", \"y\"]", &["observation `tip`", "columns", "3", "2"]),
        ("columns = [\"x\"", "columns = [\"w\"", &["observation `tip`", "unknown column `w`"]),
        ("unit = \"mm\"", "unit = \"miles\"", &["observation `tip`", "unknown unit `miles`"]),
        ("frame = \"base\"", "frame = \"bas\"", &["observation `tip`", "unknown frame `bas`", "`base`"]),
        ("kind = \"yaw\"", "kind = \"yow\"", &["record.toml:23", "yow"]),
        ("name = \"grip\"", "name = \"griper\"", &["action `griper`", "unknown column `griper`", "`grip`"]),
        ("quaternion = [0.70710678", "quaternion = [nan", &["frame.base", "rotation"]),
    ];
    for (from, to, parts) in described {
        let dir = tempfile::tempdir().unwrap();
        write_records(dir.path());
        assert!(RECORD.contains(from), "{from}");
        fs::write(dir.path().join("record.toml"), RECORD.replacen(from, to, 1)).unwrap();
        refused(dir.path(), &ImportOptions::default(), parts);
    }
    // In the second file.
    let recorded: [(&str, &[&str]); 10] = [
        (
            "ms,x,y,z,turn,grip,solved\n2024-05-01T10:00:00Z,1,2,3,4,5,1\n",
            &["b.csv:2: ms", "2024-05-01", "dates and times"],
        ),
        (
            "ms,x,y,z,turn,grip,solved\n0,\"[1, 2]\",2,3,4,5,1\n",
            &["b.csv:2: x", "`[1, 2]`, lists", "a column of its own"],
        ),
        ("ms,x,y,z,turn,grip,solved\n0,,2,3,4,5,1\n", &["b.csv:2: x", "an empty cell"]),
        ("ms,x,y,z,turn,grip,solved\n0,1,2,3,4,five,1\n", &["b.csv:2: grip", "a number", "`five`"]),
        ("ms,x,y,z,turn,grip,solved\n0,1,2,3,4,nan,1\n", &["b.csv: grip, record 0", "finite"]),
        ("ms,x,y,z,turn,grip,solved\n5,1,2,3,4,5,1\n5,1,2,3,4,5,1\n", &["b.csv: ms, record 1", "later"]),
        ("ms,x,y,z,turn,solved\n0,1,2,3,4,1\n", &["b.csv: unknown column `grip`"]),
        ("ms,x,y,z,turn,grip,solved\n", &["b.csv", "at least one record"]),
        ("ms,x,y,z,turn,grip,solved\n0,1,2\n", &["b.csv", "CSV"]),
        ("ms,x,y,z,turn,grip,solved\n0,1,2,3,4,5,1\n1e15,1,2,3,4,5,1\n", &["b.csv: ms", "time_unit"]),
    ];
    for (text, parts) in recorded {
        let dir = tempfile::tempdir().unwrap();
        write_records(dir.path());
        fs::write(dir.path().join("b.csv"), text).unwrap();
        refused(dir.path(), &ImportOptions::default(), parts);
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("record.toml"), RECORD).unwrap();
    refused(dir.path(), &ImportOptions::default(), &["at least one .csv or .parquet file"]);
}

#[test]
fn columns_of_parquet_records_that_hold_no_numbers_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let times: ArrayRef = Arc::new(arrow_array::TimestampMillisecondArray::from(vec![0, 1]));
    let lists = ListArray::from_iter_primitive::<arrow_array::types::Float64Type, _, _>([Some([Some(1.0)]), None]);
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![0.0, 1.0]));
    let columns = [("time", numbers), ("stamp", times), ("pose", Arc::new(lists)), ("name", texts)];
    write_rows(&dir.path().join("a.parquet"), &RecordBatch::try_from_iter(columns).unwrap());
    for (column, part) in [("stamp", "dates and times"), ("pose", "lists"), ("name", "text"), ("pse", "unknown column")]
    {
        let observation = format!("task = \"t\"\ncontrol_rate = 1\n[[observation]]\nname = \"{column}\"\n");
        fs::write(dir.path().join("record.toml"), observation + "[[action]]\nname = \"time\"\n").unwrap();
        refused(dir.path(), &ImportOptions::default(), &["record.toml: observation", column, part]);
    }
    let flag = ImportOptions { action: vec!["time".into()], ..ImportOptions::default() };
    refused(dir.path(), &flag, &["--action: expected the columns in record.toml", "time"]);
}

#[test]
fn rates_that_contradict_or_know_no_bounds_are_refused() {
    let (_dir, path) = written();
    let at = |rate, task: Option<f64>, resample| ImportOptions {
        rate: Some(rate),
        spec: task.map(|control_rate| Spec { control_rate, ..spec() }),
        resample,
        ..ImportOptions::default()
    };
    // The dataset says 10 Hz.
    for options in [at(20.0, Some(10.0), false), at(20.0, Some(20.0), false), at(5.0, Some(20.0), true)] {
        refused(&path, &options, &["d: --rate: expected 10 Hz, the dataset's"]);
    }
    refused(&path, &at(1e300, None, true), &["control rate", "from 0.001 to 1000000"]);
    refused(&path, &at(1e-300, None, true), &["control rate", "from 0.001 to 1000000"]);
    let info = path.join("meta/info.json");
    let text = fs::read_to_string(&info).unwrap();
    fs::write(
        &info,
        text.replace("\"fps\": 10", "\"fps\": 1e-2").replace("\"control_rate\": 10.0", "\"control_rate\": 1e-2"),
    )
    .unwrap();
    replace_column(&path.join(DATA), "timestamp", None);
    refused(&path, &at(1e6, None, true), &["--resample", "at most 1e7 frames"]);
}

#[test]
fn lerobot_of_version_two_is_checked() {
    type Spoil = fn(&Path);
    fn edit(path: &Path, change: impl FnOnce(String) -> String) {
        fs::write(path, change(fs::read_to_string(path).unwrap())).unwrap();
    }
    let spoilt: [(Spoil, &[&str]); 9] = [
        (|p| fs::remove_file(p.join("meta/episodes.jsonl")).unwrap(), &["meta/episodes.jsonl", "cannot read"]),
        (|p| edit(&p.join("meta/episodes.jsonl"), |t| t + "{broken"), &["episodes.jsonl:5", "JSON"]),
        (|p| edit(&p.join("meta/episodes.jsonl"), |t| t.replacen("length", "len", 1)), &["episodes.jsonl:1: length"]),
        (
            |p| edit(&p.join("meta/episodes.jsonl"), |t| t.replacen("\"length\": 4", "\"length\": 9", 1)),
            &["length of episode 0"],
        ),
        (
            |p| edit(&p.join("meta/episodes.jsonl"), |t| t.replacen("index\": 0", "index\": 1", 1)),
            &["episodes.jsonl", "episode 1 twice"],
        ),
        (|p| edit(&p.join("meta/tasks.jsonl"), |t| t + "7"), &["meta/tasks.jsonl:2", "a JSON object, found 7"]),
        (
            |p| fs::remove_file(p.join("data/chunk-000/episode_000002.parquet")).unwrap(),
            &["episode_000002.parquet", "cannot read"],
        ),
        (
            |p| edit(&p.join("meta/info.json"), |t| t.replace("episode_{episode_index:06d}", "../{x}")),
            &["info.json: data_path"],
        ),
        (|p| edit(&p.join("meta/info.json"), |t| t.replace("\"fps\"", "\"fsp\"")), &["info.json", "fps"]),
    ];
    for (spoil, parts) in spoilt {
        let (_dir, path) = written();
        let old = make_two(&path);
        spoil(&old);
        refused(&old, &ImportOptions::default(), parts);
    }
}

#[test]
fn what_does_not_fit_the_task_is_told() {
    let (_dir, path) = written();
    let wide = Spec { action: layout(&[("arm", 7)]), ..spec() };
    refused(&path, &ImportOptions { spec: Some(wide), ..ImportOptions::default() }, &["action", "arm[7]", "arm[2]"]);
    refused(&path, &ImportOptions { rate: Some(5.0), ..ImportOptions::default() }, &["--rate", "10 Hz", "--resample"]);
    refused(&path, &ImportOptions { images: true, ..ImportOptions::default() }, &["pictures"]);
    refused(&path, &ImportOptions { episodes: Some(0), ..ImportOptions::default() }, &["at least one episode"]);
}

#[cfg(feature = "hdf5")]
#[test]
fn hdf5_that_is_broken_anywhere_is_told_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.hdf5");
    let whole = fs::read(fixture("robomimic.hdf5")).unwrap();
    let out = dir.path().join("out");
    let options = ImportOptions { images: true, ..ImportOptions::default() };
    let message = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let result = convert(&path, &out, &options).map_err(|e| e.to_string());
        if result.is_ok() {
            fs::remove_dir_all(&out).unwrap();
        }
        assert!(!out.exists() && fs::read_dir(dir.path()).unwrap().count() == 1);
        result.err()
    };
    assert!(message(&whole).is_none());
    for length in [0, 10, 600, whole.len() / 2, whole.len() - 1] {
        let message = message(&whole[..length]).unwrap();
        assert!(message.contains("a.hdf5") && !message.contains('\n'), "{message}");
    }
    // A byte that is another may do no harm, but never any but this.
    for at in (0..whole.len()).step_by(151) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        assert!(message(&bytes).is_none_or(|message| !message.contains('\n')));
    }
    let keys = |keys: &[&str]| ImportOptions {
        observation: keys.iter().map(|k| k.to_string()).collect(),
        ..ImportOptions::default()
    };
    let whole = fixture("robomimic.hdf5");
    refused(&whole, &keys(&["objct"]), &["--observation: unknown column `objct`", "`object`"]);
    refused(&whole, &keys(&["agentview_image"]), &["agentview_image", "vectors"]);
}

#[cfg(feature = "zarr")]
#[test]
fn zarr_that_is_broken_is_told() {
    let spoilt: [(&str, Option<&str>, &[&str]); 5] = [
        ("data/action/.zarray", None, &["data: action", "--action NAME", "`state`"]),
        ("data/state/.zarray", Some("{"), &["data/state", "zarr"]),
        ("data/state/0.0", Some("garbage"), &["data/state"]),
        ("meta/episode_ends/0", Some("garbage"), &["meta/episode_ends"]),
        ("data/img/1.0.0.0", Some(""), &["data/img"]),
    ];
    for (file, text, parts) in spoilt {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zarr");
        copy(&fixture("diffusion.zarr"), &path);
        match text {
            Some(text) => fs::write(path.join(file), text).unwrap(),
            None => fs::remove_file(path.join(file)).unwrap(),
        }
        refused(&path, &ImportOptions { rate: Some(10.0), images: true, ..ImportOptions::default() }, parts);
    }
    refused(&fixture("diffusion.zarr"), &ImportOptions::default(), &["control rate", "--rate HZ"]);
}

#[cfg(feature = "zarr")]
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
