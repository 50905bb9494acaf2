#!/bin/sh
# Elites as targets, repeated after the loss of RS-IMLE became a mean over states.
#
#   benches/experiments/elites.sh PLANNER OUT
#
# PLANNER is a release binary, OUT a folder. One run after the other on one thread; a finished run is skipped and a stopped
# one resumed, so the script may be started again at any time. OUT/results.jsonl has a line for each run: its name, algorithm,
# settings, seed, and the result of `finetune --json`, in which `success_rate` and `success_ci95` (Wilson, 95 %) are those of
# the generator alone in 200 held-out episodes, before and after.
#
# The weak generators are those of README.md (40 demonstrations, 4000 steps, residual) and of docs/results.md (20, 6000).
# SEEDS="0 1" and PARTS="stack results best-of-n" choose a part of it.
set -eu
planner=$(realpath "$1")
mkdir -p "$2"
cd "$2"
seeds=${SEEDS:-0 1}
parts=${PARTS:-stack results best-of-n}

[ -e demos ] || { rm -rf demos.part; "$planner" demo --task stack --episodes 100 --out demos.part --quiet --threads 1; mv demos.part demos; }

# base NAME DEMONSTRATIONS SETTINGS…: a generator that is only trained if it is not there.
base() {
    name=$1 episodes=$2
    shift 2
    [ -e "$name.done" ] && return
    resume=
    [ -e "$name/training_state/state.json" ] && resume=--resume || rm -rf "$name"
    if [ -n "$resume" ]; then
        "$planner" train --data demos --episodes "$episodes" --out "$name" --resume --evaluation-episodes 0 --quiet --threads 1
    else
        "$planner" train --data demos --episodes "$episodes" --out "$name" "$@" --evaluation-episodes 0 --quiet --threads 1
    fi
    touch "$name.done"
}

# tune NAME BASE DEMONSTRATIONS ALGORITHM ENV_STEPS SETTINGS…: a run for each seed.
tune() {
    name=$1 from=$2 episodes=$3 algorithm=$4 steps=$5
    shift 5
    for seed in $seeds; do
        run=$name-$seed
        [ -e "$run.json" ] && continue
        set_or_resume=$*
        if [ -e "$run/state.json" ]; then set_or_resume=--resume; else rm -rf "$run"; fi
        # Words are split on purpose: none of them holds a space.
        # shellcheck disable=SC2086
        "$planner" finetune --task stack --checkpoint "$from" --data demos --episodes "$episodes" --algorithm "$algorithm" \
            --env-steps "$steps" --seed "$seed" --out "$run" --threads 1 --json $set_or_resume >"$run.json.part" 2>"$run.log"
        mv "$run.json.part" "$run.json"
        printf '{"name":"%s","algorithm":"%s","settings":"%s","seed":%s,"commit":"%s","date":"%s","result":%s}\n' \
            "$name" "$algorithm" "$*" "$seed" "${COMMIT:-unknown}" "$(date -u +%FT%TZ)" "$(tr -d '\n' <"$run.json")" \
            >>results.jsonl
    done
}

for part in $parts; do
    case $part in
    stack)
        # One round of the defaults from README's weak generator; elites need attempts=1, so 0 is run with 1 too.
        base weak 40 --set steps=4000 --set residual=true
        for share in 0 0.25 0.5; do
            tune "expert-iteration-$share" weak 40 expert-iteration 12000 \
                --set evaluation_episodes=200 --set attempts=1 --set elite_share=$share
        done
        # Ten elites a state: where the old loss was furthest from the share.
        tune expert-iteration-0.5-ten weak 40 expert-iteration 12000 \
            --set evaluation_episodes=200 --set attempts=1 --set elite_share=0.5 --set elites.most=10 --set samples=10
        ;;
    results)
        # The command of docs/results.md ("no elites" 28.5 %, in the beginning 43.0 % beside 25.5 % with 30 % elites).
        base g20 20 --set steps=6000 --set evaluate_every=0
        for share in 0 0.3; do
            tune "results-$share" g20 20 expert-iteration 1 --set optimizer=predictive-sampling --set noise=0.1 --set knots=4 \
                --set attempts=1 --set tolerance=0 --set train_steps=8000 --set samples=10 --set recall_floor=0 \
                --set entropy_floor=0 --set balance=false --set pace=0 --set elite_share=$share
        done
        ;;
    best-of-n)
        base weak 40 --set steps=4000 --set residual=true
        for share in 0 0.5; do
            tune "best-of-n-$share" weak 40 best-of-n 25000 \
                --set evaluation_episodes=200 --set evaluate_every=12500 --set best_of_n.elite_share=$share
        done
        ;;
    *)
        echo "PARTS: expected stack, results or best-of-n, found $part" >&2
        exit 2
        ;;
    esac
done
