//! Every optimizer, parameterization, simulator and source through the command line: same bits, known figures, bad
//! inputs.

use crate::call::Call;
use crate::fixtures::{checkpoint, demonstrations, folder};
use serde_json::Value;

fn run(words: &str) -> Call {
    Call::new("run --task stack --episodes 1 --candidates 12 --seed 3").and(words).with("--checkpoint", checkpoint())
}

fn figures(words: &str, demonstrated: bool) -> Value {
    let call = run(words);
    repeatable(if demonstrated { call.with("--demonstrations", demonstrations()) } else { call })
}

/// Figures of a run that do not depend on the machine's speed.
fn repeatable(call: Call) -> Value {
    let mut result = call.json();
    ["plan_ms", "wall_s", "plan_batch"].iter().for_each(|key| drop(result.as_object_mut().unwrap().remove(*key)));
    result
}

#[test]
fn every_planner_is_the_same_at_any_number_of_threads_and_spends_what_it_is_given() {
    for words in [
        "--optimizer mppi --waves 2",
        "--optimizer cem --parameterization cubic",
        "--optimizer cma-es --parameterization chunk --proposals imle,warm,noise",
        "--optimizer dial --parameterization zero --knots 3",
        "--optimizer mode-preserving --proximal-cost 1",
        "--optimizer cma-es --parameterization latent",
        "--proposals retrieval+noise,imle+noise,warm",
        "--models none,heavy --risk cvar:0.5",
    ] {
        let demonstrated = words.contains("retrieval");
        let one = figures(&format!("{words} --threads 1"), demonstrated);
        let two = figures(&format!("{words} --threads 2 --lockstep 1"), demonstrated);
        assert_eq!(one, two, "{words}");
        let (rollouts, decisions) = (one["rollouts"].as_u64().unwrap(), one["decisions"].as_u64().unwrap());
        assert_eq!(rollouts, 12 * decisions, "{words}");
        assert!(one["quality"]["spread"].as_f64().unwrap() > 0.0, "{words}");
        let won: f64 = one["winners"].as_object().unwrap().values().map(|w| w.as_f64().unwrap()).sum();
        assert!((won - 1.0).abs() < 1e-9, "{words}");
    }
}

#[test]
fn old_names_of_flags_are_read_as_the_new_ones() {
    let old = figures("--planner mode-preserving --space linear --stay 1 --slack 0.1", false);
    let new = "--optimizer mode-preserving --parameterization linear --proximal-cost 1 --near-optimal 0.1";
    assert_eq!(old, figures(new, false));
}

#[test]
fn looking_ahead_costs_the_rollouts_that_it_says_and_is_the_same_at_any_number_of_threads() {
    let steps = |words: &str| {
        let one = figures(&format!("{words} --threads 1"), false);
        assert_eq!(one, figures(&format!("{words} --threads 2 --lockstep 1"), false), "{words}");
        one["physics_steps"].as_f64().unwrap() / one["decisions"].as_f64().unwrap()
    };
    // 12 rollouts, and 2 · 3 on each of two levels.
    let (near, far) = (steps(""), steps("--depth 3 --beam 2 --branches 3"));
    assert!((far / near - 2.0).abs() < 0.02, "{near} {far}");
}

#[test]
fn shortcuts_cost_less_and_an_early_abort_changes_no_plan() {
    let same = |words: &str| {
        let one = figures(&format!("{words} --threads 1"), false);
        assert_eq!(one, figures(&format!("{words} --threads 2 --lockstep 1"), false), "{words}");
        one
    };
    let number = |of: &Value, key: &str| of[key].as_f64().unwrap();
    // In cartpole costs part early; candidates of the barely trained generator of stack cost nearly the same.
    let poles = |words: &str| {
        let of = |more: &str| Call::new("run --task cartpole --episodes 1 --candidates 12").and(words).and(more);
        let one = repeatable(of("--threads 1"));
        assert_eq!(one, repeatable(of("--threads 2 --lockstep 1")), "{words}");
        one
    };
    let (whole, abort) = (poles(""), poles("--shortcuts abort"));
    for key in ["mean_cost", "winners", "env_steps", "boundary_jerk", "predicted_cost", "rollouts"] {
        assert_eq!(abort[key], whole[key], "{key}");
    }
    assert!(number(&abort, "physics_steps") < number(&whole, "physics_steps"));
    assert!(number(&abort, "censored_rollouts") > 0.0 && number(&whole, "censored_rollouts") == 0.0);
    let whole = same("");
    let halving = same("--shortcuts halving");
    let each = |of: &Value| number(of, "physics_steps") / number(of, "decisions");
    assert!((each(&halving) / each(&whole) - 0.5).abs() < 0.05);
    assert!((each(&same("--shortcuts coarse")) / each(&whole) - 0.5).abs() < 0.02);
    let budget = same("--budget auto:0.4");
    assert!(number(&budget, "rollouts") < 12.0 * number(&budget, "decisions"));
}

#[test]
fn in_real_time_every_plan_is_handed_over_or_counted_as_missed() {
    let result = run("--realtime --deadline 80").json();
    let clock = &result["realtime"];
    let count = |key: &str| clock[key].as_u64().unwrap();
    assert_eq!(count("hand_over_steps"), 2);
    assert!(count("hand_overs") > 0 && count("missed") <= count("hand_overs"));
    // The first plan is made while the robot stands still; one may be on its way when the episode ends.
    let taken = result["decisions"].as_u64().unwrap() - 1;
    assert!((count("hand_overs") - count("missed")).abs_diff(taken) <= 1, "{result}");
}

#[test]
fn what_planners_cannot_do_is_refused() {
    let dir = folder();
    for (words, parts) in [
        ("--parameterization chnk", &["unknown parameterization `chnk`", "`chunk`"][..]),
        ("--optimizer cma-es --knots 99 --parameterization linear", &["knots", "99"]),
        ("--optimizer cem --waves 12", &["candidates", "at least 14", "first wave"]),
        ("--optimizer mppi --lambda 0", &["--lambda", "above 0"]),
        ("--optimizer cem --elite 2", &["--elite", "2"]),
        ("--optimizer mode-preserving --margin=-1", &["--margin", "-1"]),
        ("--proximal-cost=nan", &["--proximal-cost", "NaN"]),
        ("--near-optimal=-1", &["--near-optimal", "-1"]),
        ("--depth 0", &["--depth", "'0'"]),
        ("--models heavyy", &["heavyy", "`heavy`"]),
        ("--models none,heavy --depth 2", &["--models", "--depth"]),
        ("--models none,heavy --risk most", &["risk", "cvar:SHARE", "most"]),
        ("--proposals retrieval,warm", &["--demonstrations", "retrieval"]),
        ("--budget some", &["--budget", "auto", "some"]),
        ("--budget auto:1.5", &["--budget", "auto:1.5"]),
        ("--budget auto --optimizer cem", &["--budget", "predictive-sampling", "cem"]),
        ("--shortcuts abrt", &["unknown shortcut `abrt`", "`abort`"]),
        ("--shortcuts abort,halving", &["--shortcuts", "halving without abort"]),
        ("--shortcuts abort --proximal-cost 1", &["--shortcuts", "--proximal-cost"]),
        ("--shortcuts halving --depth 2", &["--shortcuts", "--depth 1"]),
        ("--realtime --deadline 900", &["deadline", "16 steps", "900 ms"]),
    ] {
        run(words).refused_without_trace(dir.path(), parts);
    }
    let nowhere = run("--proposals retrieval,warm").with("--demonstrations", dir.path().join("none"));
    nowhere.refused(&["none"]);
}

#[test]
fn a_sweep_of_planners_goes_on_where_it_was() {
    let dir = folder();
    let results = dir.path().join("plan.jsonl");
    let sweep = |words: &str| Call::new("bench plan --episodes 1").and(words).with("--results", &results);
    let own = || {
        Call::new("bench plan --episodes 1 --tasks avoid")
            .with("--contender", "--candidates 4")
            .with("--contender", "--optimizer cma-es --candidates 8 --waves 2")
            .with("--results", &results)
    };
    assert_eq!(own().and("--shard 1/2").json()["open"], 1);
    let all = own().json();
    assert_eq!((all["open"].as_u64(), all["cells"].as_array().unwrap().len()), (Some(0), 2));
    let table = sweep("--report").ok().out;
    assert!(table.contains("| avoid | as planned | --candidates 4 |"), "{table}");
    sweep("--parts sorces").refused(&["unknown part `sorces`", "`sources`"]);
    let bad = Call::new("bench plan --tasks avoid").with("--contender", "--planer mppi").with("--results", &results);
    bad.refused(&["--contender", "--planer"]);
}
