# Every verb sets up what it needs: a virtual environment in .venv with the C extension built in place.
# CI runs these verbs and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080
SERVE ?= 0
C_SOURCES := $(wildcard csrc/*.c csrc/*.h csrc/tests/*.c csrc/tests/*.h csrc/fuzz/*.[ch] benchmarks/*/*.[ch])
EXTENSION := $(VENV)/extension.stamp

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

$(VENV)/installed.stamp: pyproject.toml constraints.txt
	@.ci/build-tools $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip -c constraints.txt
	$(BIN)/pip install --quiet -c constraints.txt "setuptools>=77" "cffi>=1.17"
	$(BIN)/pip install -qq -c constraints.txt --no-build-isolation --editable ".[test,style,fuzz]"
	@touch $@

$(EXTENSION): $(VENV)/installed.stamp setup.py rtcsplit/_native/build.py $(wildcard rtcsplit/_native/cdef/*.h csrc/*.c csrc/*.h)
	$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

.PHONY: setup
setup: $(EXTENSION) ## make the virtual environment and build the extension

.PHONY: system-packages
system-packages:
	@.ci/system-packages $(PACKAGES)

.PHONY: test
test: PACKAGES = libopus0 chromium redis-server espeak-ng
test: system-packages setup csrc-test ## run all tests
	$(BIN)/pytest

# pipecat asks for soxr 1.0 where the tests run with 1.1, and brings 500 MB along: an environment of its own.
ADAPTERS := .venv-adapters
ADAPTER_TESTS := tests/interop/test_pipecat.py tests/interop/test_pipecat_client.py tests/interop/test_livekit.py tests/unit/test_livekit_output.py \
	tests/unit/test_examples.py tests/unit/test_resample.py

$(ADAPTERS)/installed.stamp: $(EXTENSION)
	$(PYTHON) -m venv $(ADAPTERS)
	$(ADAPTERS)/bin/pip install --quiet --upgrade pip -c constraints.txt
	@sed 's/^soxr==.*/soxr==1.0.0/' constraints.txt > $(ADAPTERS)/constraints.txt
	$(ADAPTERS)/bin/pip install -qq -c $(ADAPTERS)/constraints.txt "setuptools>=77" "cffi>=1.17"
	$(ADAPTERS)/bin/pip install -qq -c $(ADAPTERS)/constraints.txt --no-build-isolation --editable ".[adapters-test]"
	@touch $@

ifeq ($(shell $(PYTHON) -c "import sys; print(sys.version_info >= (3, 11))"),True)
.PHONY: adapters
adapters: PACKAGES = libopus0 chromium
adapters: system-packages $(ADAPTERS)/installed.stamp ## the frameworks that have adapters, as they are
	$(ADAPTERS)/bin/pytest -q $(ADAPTER_TESTS)
else
adapters:
	@echo "adapters: skipped, pipecat needs Python 3.11"
endif

.PHONY: faults
faults: setup ## the long forms of the fault tests, with their figures
	$(BIN)/pytest -q -m long --capture=no --timeout=900

.PHONY: soak
soak: setup ## minutes of load each, to see what grows; prints what it measures
	$(BIN)/pytest -q -m soak --capture=no --timeout=1800

.PHONY: demo
demo: setup ## one call through relay and transceiver; SERVE=1: a page to call from, on PORT=8080
	$(BIN)/python -m rtcsplit demo $(if $(filter 1,$(SERVE)),--serve --port $(PORT))

.PHONY: style
style: setup ## ruff, clang-format, codespell
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(C_SOURCES)
	$(BIN)/codespell

.PHONY: format
format: setup ## rewrite the sources to the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(C_SOURCES)

.PHONY: types
types: setup ## mypy --strict
	$(BIN)/mypy

# Each csrc/tests/test_X.c is a program of its own, linked with the whole packet path, under ASan and UBSan.
C_TEST_FLAGS := -std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -pthread -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -Icsrc
C_TESTS := $(patsubst csrc/tests/%.c,build/csrc/%,$(wildcard csrc/tests/test_*.c))

C_OBJECTS := $(patsubst csrc/%.c,build/csrc/%.o,$(wildcard csrc/*.c))

.SECONDARY: $(C_OBJECTS)

build/csrc/%.o: csrc/%.c $(wildcard csrc/*.h)
	@mkdir -p build/csrc
	@$(CC) $(C_TEST_FLAGS) -c -o $@ $<

build/csrc/test_%: csrc/tests/test_%.c $(C_OBJECTS) $(wildcard csrc/tests/*.h)
	@$(CC) $(C_TEST_FLAGS) -o $@ $< $(C_OBJECTS)

.PHONY: csrc-test
csrc-test: $(C_TESTS) ## C tests under ASan and UBSan
	@set -e; for test in $(C_TESTS); do $$test; done

# The C tests that have threads once more, under ThreadSanitizer: clang's, since gcc's knows no fences.
C_RACE_TESTS := $(patsubst %,build/races/test_%,counters flow_ring flow_table relay relay_moves relay_threads)
C_RACE_FLAGS := -std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -pthread -fsanitize=thread -Icsrc

build/races/test_%: csrc/tests/test_%.c $(wildcard csrc/*.c csrc/*.h csrc/tests/*.h)
	@mkdir -p build/races
	@clang $(C_RACE_FLAGS) -o $@ $< $(wildcard csrc/*.c)

.PHONY: csrc-race-test
csrc-race-test: ## the C tests with threads under TSan
	@if .ci/clang; then $(MAKE) --no-print-directory csrc-races; else echo "csrc-race-test: skipped, there is no clang"; fi

.PHONY: csrc-races
csrc-races: $(C_RACE_TESTS)
	@set -e; for test in $(C_RACE_TESTS); do TSAN_OPTIONS=halt_on_error=1 $$test; done

# Each csrc/fuzz/fuzz_X.c is a libFuzzer target that begins with its invariant; csrc/fuzz/corpus/X are its seeds. What a
# run finds out stays in build/fuzz/X, and the next one begins there.
SECONDS ?= 20
FUZZ_FLAGS := -std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -pthread -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=all -Icsrc
FUZZ_TARGETS := $(patsubst csrc/fuzz/%.c,%,$(wildcard csrc/fuzz/fuzz_*.c))

build/fuzz/fuzz_%: csrc/fuzz/fuzz_%.c $(wildcard csrc/fuzz/*.h csrc/*.c csrc/*.h)
	@mkdir -p build/fuzz
	@clang $(FUZZ_FLAGS) -o $@ $< $(wildcard csrc/*.c)

FUZZ_IN_PYTHON := rtp_session sctp sdp session

.PHONY: fuzz
fuzz: setup ## fuzz packet path and protocols, SECONDS=20 per target, two at a time
	@if .ci/clang; then $(MAKE) --no-print-directory fuzz-c; else echo "fuzz: C skipped, there is no clang"; fi
	@if $(BIN)/python -c "import atheris" 2>/dev/null; then .ci/fuzz $(SECONDS) $(FUZZ_IN_PYTHON); else \
		echo "fuzz: Python skipped, there is no atheris for this interpreter"; fi

.PHONY: fuzz-c
fuzz-c: $(addprefix build/fuzz/,$(FUZZ_TARGETS))
	@.ci/fuzz $(SECONDS) $(FUZZ_TARGETS:fuzz_%=%)

# QUICK=1 proves that the benchmarks run and compute the right things; it times nothing.
BENCH_FLAGS := -std=c11 -D_GNU_SOURCE -O3 -Wall -Wextra -Werror -pthread -Icsrc
QUICK ?= 0

build/bench/%.so: benchmarks/native/%.c $(wildcard csrc/*.c csrc/*.h)
	@mkdir -p build/bench
	$(CC) $(BENCH_FLAGS) -fPIC -shared -o $@ $< $(wildcard csrc/*.c)

build/bench/load: $(wildcard benchmarks/relay/load*.[ch] csrc/*.c csrc/*.h)
	@mkdir -p build/bench
	$(CC) $(BENCH_FLAGS) -o $@ $(filter %.c,$^)

build/bench/forwarder: benchmarks/relay/forwarder.c
	@mkdir -p build/bench
	$(CC) $(BENCH_FLAGS) -o $@ $<

GO ?= $(shell command -v go || ls /usr/local/go/bin/go 2>/dev/null)
GORELAY := $(if $(GO),build/bench/gorelay)

build/bench/gorelay: benchmarks/relay/gorelay/main.go
	@mkdir -p build/bench
	cd benchmarks/relay/gorelay && GOTOOLCHAIN=local $(GO) build -o ../../../$@ .

RELAY_BENCH := build/bench/load build/bench/forwarder $(GORELAY)

.PHONY: bench
bench: setup build/bench/loops.so $(RELAY_BENCH) ## time the packet path beside its peers; QUICK=1: only show that it runs
ifeq ($(QUICK),1)
	$(BIN)/pytest benchmarks -q --benchmark-disable
	$(BIN)/python -m benchmarks.relay --quick
else
	$(BIN)/pytest benchmarks -q --benchmark-json=build/bench/results.json --benchmark-columns=median,iqr,rounds
	$(BIN)/python -m benchmarks.report build/bench/results.json
endif

# The property tests of the parsers and the batch path once more, on an extension that is built with the sanitizers.
SANITIZERS := $(shell $(CC) -print-file-name=libasan.so) $(shell $(CC) -print-file-name=libubsan.so)

.PHONY: sanitized-test
sanitized-test: setup ## parsers, tables, batch path and sockets under ASan and UBSan
	@rm -rf build/sanitized && mkdir -p build/sanitized
	@cp -r setup.py pyproject.toml README.md csrc rtcsplit tests build/sanitized/
	@rm -f build/sanitized/rtcsplit/_native/*.so
	cd build/sanitized && RTCSPLIT_CFLAGS="-O1 -g -Werror -fsanitize=address,undefined -fno-sanitize-recover=all" \
		../../$(BIN)/python setup.py --quiet build_ext --inplace
	cd build/sanitized && PYTHONPATH=. PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD="$(SANITIZERS)" \
		../../$(BIN)/python -m pytest -q -p no:cacheprovider tests/property/test_parsers.py tests/property/test_flow_table.py \
		tests/property/test_relay.py tests/property/test_batch_path.py tests/property/test_srtp.py tests/unit/test_native_udp.py tests/unit/test_reader.py

ROUNDS ?= 5
RUNS ?=
TRIALS ?= 10
# PRECEDENCE=1: those who are measured go before everything else that the machine does (needs root).
PRECEDENCE_FLAG = $(if $(filter 1,$(PRECEDENCE)),--precedence)

.PHONY: bench-relay
bench-relay: setup $(RELAY_BENCH) ## what a relay costs beside the kernel limit, Go and asyncio; ROUNDS=5, QUICK=1
ifeq ($(QUICK),1)
	$(BIN)/python -m benchmarks.relay --quick
else
	$(BIN)/python -m benchmarks.relay --rounds $(ROUNDS) --json build/bench/relay.json
endif

FLOWS ?= 1000000

build/bench/flows: benchmarks/relay/flows.c $(wildcard csrc/*.c csrc/*.h)
	@mkdir -p build/bench
	$(CC) $(BENCH_FLAGS) -o $@ $< $(wildcard csrc/*.c)

.PHONY: bench-flows
bench-flows: build/bench/flows ## the flow table alone: memory, look-ups, expiry of all at once; FLOWS=1000000
	@$< $(FLOWS)

.PHONY: bench-transceiver
bench-transceiver: setup build/bench/speak.so build/bench/echo.so ## what a call costs, beside aiortc; RUNS="aiortc=40 rtcsplit=400", PRECEDENCE=1
	$(BIN)/python -m benchmarks.transceiver --rounds $(ROUNDS) $(PRECEDENCE_FLAG) $(RUNS)

.PHONY: bench-joins
bench-joins: setup build/bench/speak.so ## what 100 joins a second do to 500 running calls; PRECEDENCE=1
	$(BIN)/python -m benchmarks.transceiver.joins $(PRECEDENCE_FLAG)

.PHONY: bench-handshakes
bench-handshakes: setup build/bench/speak.so build/bench/echo.so ## CPU of a handshake and of a join, memory of a session
	$(BIN)/python -m benchmarks.transceiver.handshakes

.PHONY: bench-setup
bench-setup: setup ## round trips from the first check to the first audio, both DTLS roles, with loss; TRIALS=10
	$(BIN)/python -m benchmarks.joining --trials $(TRIALS)

.PHONY: bench-codec
bench-codec: setup ## what a call costs that is decoded and encoded, beside aiortc and bare libopus; ROUNDS=5
	$(BIN)/python -m benchmarks.codec --rounds $(ROUNDS)

CALLS ?= 200
COMPLEXITY ?= 0
SECONDS_PER_RUN ?= 15

.PHONY: bench-voice
bench-voice: setup ## how evenly talking calls send, how fast they fall silent; CALLS=200 COMPLEXITY=0 SECONDS_PER_RUN=15, PRECEDENCE=1
	$(BIN)/python -m benchmarks.voice --calls $(CALLS) --complexity $(COMPLEXITY) --seconds $(SECONDS_PER_RUN) $(PRECEDENCE_FLAG)

.PHONY: bench-speech
bench-speech: setup ## what loss and jitter leave of a call's audio: completeness, delay, intelligibility
	$(BIN)/python -m benchmarks.voice.loss

.PHONY: clean
clean: ## remove what was built
	rm -rf build $(VENV) $(ADAPTERS) *.egg-info rtcsplit/_native/*.so rtcsplit/_native/_rtcsplit.c
