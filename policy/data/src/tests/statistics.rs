//! Statistics against numbers worked by hand.

use super::*;
use crate::layout::stats::of_values;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};

#[test]
fn a_series_worked_by_hand() {
    // 1, 2, 3, 10: mean 4, squared deviations 9 + 4 + 1 + 36 = 50, quantile q at index 3q.
    let [min, max, mean, std, q01, q10, q50, q90, q99] = of_values(&mut [10.0, 2.0, 1.0, 3.0]);
    assert_eq!((min, max, mean, q50), (1.0, 10.0, 4.0, 2.5));
    for (got, expected) in [(std, 12.5_f64.sqrt()), (q01, 1.03), (q10, 1.3), (q90, 7.9), (q99, 9.79)] {
        assert!((got - expected).abs() < 1e-12, "{got} {expected}");
    }
    assert_eq!(of_values(&mut [7.0]), [7.0, 7.0, 7.0, 0.0, 7.0, 7.0, 7.0, 7.0, 7.0]);
}

/// Two episodes with actions (1, -1), (3, -1) and (8, 0.5).
fn small() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d");
    let make = |actions: &[f32], success| Episode {
        observations: vec![0.25; actions.len() / 2 * 3],
        actions: actions.to_vec(),
        success,
        len: actions.len() / 2,
        ..Episode::default()
    };
    write(&path, &spec(), &[make(&[1.0, -1.0, 3.0, -1.0], true), make(&[8.0, 0.5], false)]).unwrap();
    (dir, path)
}

#[test]
fn stats_of_the_dataset() {
    let (_dir, path) = small();
    let stats: Value = serde_json::from_str(&fs::read_to_string(path.join("meta/stats.json")).unwrap()).unwrap();
    let action = &stats["action"];
    assert_eq!(action["min"], json!([1.0, -1.0]));
    assert_eq!(action["max"], json!([8.0, 0.5]));
    assert_eq!(action["mean"], json!([4.0, -0.5]));
    assert_eq!(action["q50"], json!([3.0, -1.0]));
    assert_eq!(action["count"], json!([3]));
    let std = action["std"][0].as_f64().unwrap();
    assert!((std - (26.0_f64 / 3.0).sqrt()).abs() < 1e-12, "{std}");
    assert_eq!(stats["next.success"]["max"], json!([true]));
    assert_eq!(stats["next.done"]["mean"], json!([2.0 / 3.0]));
    assert_eq!(stats["index"]["max"], json!([2]));
    assert_eq!(stats["frame_index"]["mean"], json!([1.0 / 3.0]));
    assert_eq!(stats["timestamp"]["max"], json!([f64::from(0.1_f32)]));
}

#[test]
fn stats_of_each_episode() {
    let (_dir, path) = small();
    let rows = rows_of(&path.join(EPISODES));
    let column = |name: &str| rows.column_by_name(name).unwrap().as_list::<i32>().clone();
    let floats = |name: &str, row: usize| column(name).value(row).as_primitive::<Float64Type>().values().to_vec();
    let integers = |name: &str, row: usize| column(name).value(row).as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(floats("stats/action/mean", 0), [2.0, -1.0]);
    assert_eq!(floats("stats/action/std", 0), [1.0, 0.0]);
    assert_eq!(floats("stats/action/q90", 1), [8.0, 0.5]);
    assert_eq!(integers("stats/action/count", 0), [2]);
    assert_eq!(integers("stats/index/min", 1), [2]);
    assert!(column("stats/next.success/max").value(0).as_boolean().value(0));
    assert!(!column("stats/next.success/max").value(1).as_boolean().value(0));
}
