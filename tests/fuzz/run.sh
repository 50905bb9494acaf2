#!/bin/sh
# Fuzzes targets one after the other: tests/fuzz/run.sh MINUTES [TARGET…]. Findings and statistics: target/fuzz/TARGET.
set -eu
minutes=$1
shift
cd "$(dirname "$0")/../.."
command -v cargo-afl >/dev/null || { echo "fuzz: cargo-afl is missing: cargo install cargo-afl --locked" >&2; exit 2; }
cargo afl build --release --quiet --features afl --manifest-path tests/fuzz/Cargo.toml --target-dir target/fuzz/build
fuzz=target/fuzz/build/release/planner-fuzz
[ $# -gt 0 ] || set -- $(ls tests/fuzz/corpus)
export AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1
failed=0
for target in "$@"; do
    out=target/fuzz/$target
    rm -rf "$out"
    # 2 GiB and ten seconds an input: what a parser takes more of is a finding.
    cargo afl fuzz -i "tests/fuzz/corpus/$target" -o "$out" -V $((minutes * 60)) -t 10000 -m none -- "$fuzz" "$target" >"$out.log" 2>&1 ||
        { tail -5 "$out.log" >&2; exit 1; }
    stat() { sed -n "s/^$1 *: //p" "$out/default/fuzzer_stats"; }
    crashes=$(stat saved_crashes) hangs=$(stat saved_hangs)
    echo "$target: $(stat execs_done) executions, $crashes crashes, $hangs hangs, $(stat corpus_found) inputs found"
    [ "$crashes$hangs" = 00 ] || failed=1
done
# Folders of processes that are gone: another target may be running.
for folder in /dev/shm/planner-fuzz-*; do
    [ -d "/proc/${folder##*-}" ] || rm -rf "$folder"
done
exit $failed
