# A front for Meson: installs what is missing, configures once, builds. `make help` lists what there is.
BUILD ?= build
JOBS ?= $(shell nproc)
FORMAT = $(firstword $(wildcard /usr/bin/clang-format /usr/bin/clang-format-14))
SOURCES = $(shell git ls-files 'include/*.h' 'src/*.[ch]' 'src/*.cc' 'tests/*.[ch]' 'bench/*.[ch]' 'fuzz/*.[ch]')
FUZZ_SECONDS ?= 120

all: ## build ./build/src/cli/fabrica
	@tools/install-deps build
	@$(MAKE) --no-print-directory -s $(BUILD)/build.ninja
	@ninja -C $(BUILD) -j $(JOBS)

$(BUILD)/build.ninja:
	@meson setup $(BUILD) >/dev/null || { tail -n 20 $(BUILD)/meson-logs/meson-log.txt; rm -rf $(BUILD); exit 1; }

demo: all ## a report of a real CT slice, written to ./demo-out
	@tools/demo $(BUILD)

test: all ## every test; the last line is "N passed, N failed"
	@tools/run-tests $(BUILD) $(WORDS)

asan: ## the same tests under AddressSanitizer and UBSan, in build-asan
	@tools/install-deps build
	@test -f build-asan/build.ninja || \
	    meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false -Db_ndebug=false >/dev/null
	@ninja -C build-asan -j $(JOBS)
	@ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	    LSAN_OPTIONS=suppressions=$(CURDIR)/tools/leaks.txt:print_suppressions=0 \
	    tools/run-tests build-asan $(WORDS)

bench: ## the machine's peaks, and each kernel as a fraction of them
	@tools/install-deps build bench
	@test -f $(BUILD)/build.ninja && meson setup --reconfigure $(BUILD) >/dev/null || meson setup $(BUILD) >/dev/null
	@tools/bench $(BUILD)

fuzz: ## each fuzz target for FUZZ_SECONDS (120), in build-fuzz
	@tools/install-deps build fuzz
	@tools/fuzz $(FUZZ_SECONDS)

check: ## layers, headers alone, formatting: the checks that need no build
	@tools/check-layers
	@sh tests/checks/check-layers.sh
	@sh tests/checks/headers.sh
	@tools/install-deps fmt
	@$(FORMAT) --dry-run -Werror $(SOURCES)

fmt: ## lay out the sources with clang-format
	@tools/install-deps fmt
	@$(FORMAT) -i $(SOURCES)

install: all ## into PREFIX (/usr/local)
	@meson configure $(BUILD) --prefix $${PREFIX:-/usr/local} && ninja -C $(BUILD) install

clean: ## remove the build folders
	rm -rf build build-asan build-fuzz

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: all demo test asan bench fuzz check fmt install clean help
