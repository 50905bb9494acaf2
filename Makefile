# The daily commands. `make run` and `make test` are all a newcomer needs.
.PHONY: run test python wheel c fuzz golden setup cuda install env lint checks api reference lines format doc

PYTHON ?= python3
RUN := runs/stack-$(shell date +%Y%m%d-%H%M%S)

run: setup  ## fetch the native libraries once, build, run stack with the shipped checkpoint
	cargo build --release --locked
	./target/release/planner run --task stack --episodes 10 --video $(RUN)/stack.mp4 --out $(RUN)

test: setup  ## all tests of the workspace
	cargo test --workspace --locked
	@$(PYTHON) python/make.py test

python: setup  ## the Python package, in an environment in the cache folder
	@$(PYTHON) python/make.py install

wheel: setup  ## a wheel of the Python package, into target/wheels
	@$(PYTHON) python/make.py wheel

c: setup  ## imle.h and libimle.so for C and C++, into target/c
	cargo build --release --locked -p planner -p imle-c
	mkdir -p target/c && cp src/c/imle.h target/release/libimle.so target/c/
	@echo 'g++ examples/c/plan.cpp -o target/c/plan -Itarget/c -Ltarget/c -limle -Wl,-rpath,"$$PWD/target/c"'

MINUTES ?= 20
fuzz: setup  ## every parser of foreign bytes fuzzed for MINUTES each (cargo install cargo-afl); TARGETS="hdf5 csv" for some
	sh tests/fuzz/run.sh $(MINUTES) $(TARGETS)

golden:  ## answers of the working tree beside those of a commit: make golden OLD=252fef8 [GOLDEN="--only 'run/*'"]
	@$(PYTHON) tests/golden/golden.py --old $(or $(OLD),$(error name a commit: make golden OLD=COMMIT)) $(GOLDEN)

setup:  ## libtorch and MuJoCo into the cache folder (590 MB, once), and cargo's settings for them
	@$(PYTHON) configs/native/fetch.py setup

cuda:  ## what libtorch needs on an NVIDIA GPU (1.9 GB, once); then --device cuda
	@$(PYTHON) configs/native/fetch.py cuda

install: setup  ## `planner` on the PATH, runnable from any folder
	cargo install --path . --locked

env:  ## Cargo.toml and .cargo/config.toml of a program that uses the library
	@$(PYTHON) configs/native/fetch.py env

lint: setup checks  ## formatting, lints and documentation, warnings denied
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy -p imle-planner --no-default-features --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

checks:  ## structure, documents, licences and the listing of the API (needs Python 3.11)
	$(PYTHON) -m unittest discover -q -s tests/checks
	$(PYTHON) tests/checks/structure.py
	$(PYTHON) tests/checks/prose.py
	$(PYTHON) tests/checks/api.py --check
	$(PYTHON) tests/checks/cargo_deny.py --locked check licenses bans sources

api:  ## write the listing of the public API, docs/reference/api/
	$(PYTHON) tests/checks/api.py

reference:  ## write the generated parts of docs/reference: the command line and the settings
	PLANNER_WRITE_REFERENCE=1 cargo test --workspace --bin planner reference

lines:  ## non-test lines of code, a crate a line; AT=COMMIT counts that commit
	@$(PYTHON) tests/checks/lines.py $(if $(AT),--at $(AT))

format:
	cargo fmt --all
