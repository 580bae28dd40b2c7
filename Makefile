# Gozer: gate your changes on Kubernetes. `make help` shows what can be made.
#
# `make demo` and `make test` set everything up by themselves on a Debian 12
# with Go, git, make and root: nothing else needs to be there.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# When everything began: steps show how long it has been.
ifndef STEP_BEGIN
export STEP_BEGIN := $(shell date +%s)
endif
STEP := $(CURDIR)/hack/demo/step

# A cluster of your own: `make demo KUBECONFIG=...`. The local cluster's own
# file is no such thing, for people export it after a first demo.
KUBECONFIG ?=

include hack/hack.mk
-include charts/gozer/chart.mk

LOCAL_KUBECONFIG := $(CLUSTER_DIR)/kubeconfig
ifeq ($(filter-out $(abspath $(LOCAL_KUBECONFIG)),$(abspath $(KUBECONFIG))),)
OWN_CLUSTER :=
export KUBECONFIG := $(LOCAL_KUBECONFIG)
else
OWN_CLUSTER := yes
export KUBECONFIG := $(abspath $(KUBECONFIG))
endif

# All sources of the product; make rebuilds when one changed, and Go then
# compiles only what it must.
GO_SOURCES := go.mod go.sum $(shell find api cmd controllers internal -type f ! -name '*_test.go' ! -path '*/testdata/*')
DEMO_SOURCES := $(shell find hack/demo test/e2e/story -type f ! -name '*_test.go')

# $(call go_build,PACKAGE): a static binary.
go_build = @mkdir -p $(@D) && $(STEP) 'built $(@F)' env CGO_ENABLED=0 $(HACK_GO) build -buildvcs=false -ldflags '-s -w' -o $@ $(1) && touch $@

##@ Start here

.PHONY: help
help: ## Show this.
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n\033[1m%s\033[0m\n", substr($$0, 5) } \
	  /^[a-zA-Z0-9_-]+:.*## / { printf "  \033[36m%-16s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Both cores: while one program is linked, another compiles.
JOBS ?= $(shell nproc)

# What the demo plays on, with a cluster that is started here or with yours.
# What takes long comes first, and neighbours have little in common: two
# compilers at once do not wait for one another, nor do the same work twice.
ifdef OWN_CLUSTER
STAGE := images-base $(BIN)/helm
else
STAGE := images-base $(BIN)/kube $(BIN)/gitea $(BIN)/helm $(BIN)/coredns cluster-up gitea-up
endif
STAGE += $(BIN)/gozer $(BIN)/gozerctl images

.PHONY: demo
demo: ## See five pull requests go through the gate. With KUBECONFIG=... on a cluster of yours.
ifdef OWN_CLUSTER
	@[ -n '$(IMAGE_REGISTRY)$(KIND_CLUSTER)' ] || { echo 'Your cluster ($(KUBECONFIG)) must get the images: set IMAGE_REGISTRY=registry/path that it pulls from, or KIND_CLUSTER=name.' >&2; exit 2; }
	@[ -n '$(GITEA_URL)' ] && [ -n '$(GITEA_ADMIN_TOKEN)' ] && [ -n '$(WEB_URL)' ] || { echo 'On a cluster of yours the demo needs a Gitea: set GITEA_URL (as Pods and you reach it), GITEA_ADMIN_TOKEN (of an administrator, all scopes) and WEB_URL (where that Gitea and you reach the Service gozer-web of the namespace gozer-system, e.g. http://NODE:30080).' >&2; exit 2; }
endif
	@$(MAKE) --no-print-directory --jobs=$(JOBS) stage $(BIN)/demo
	@$(STAGE_ENV) $(BIN)/demo

.PHONY: demo-down
demo-down: ## End the demo: its cluster, its Gitea, all of its data.
ifdef OWN_CLUSTER
	@$(MAKE) --no-print-directory $(BIN)/demo $(BIN)/helm
	@$(STAGE_ENV) $(BIN)/demo --down
else
	@$(MAKE) --no-print-directory cluster-down
	@rm -rf $(CLUSTER_DIR)/demo
endif

.PHONY: stage
stage: $(STAGE)

# What the demo and the end-to-end tests need to know.
export GITEA_URL GITEA_ADMIN_USER GITEA_ADMIN_TOKEN WEB_URL
GOZER_IMAGE = $(if $(IMAGE_REGISTRY),$(IMAGE_REGISTRY:%/=%),docker.io/local)/gozer
NODE_IMAGE = $(if $(IMAGE_REGISTRY),$(IMAGE_REGISTRY:%/=%),docker.io/local)/node-debian:dev
STAGE_ENV = BUILD='$(BUILD)' BIN='$(BIN)' CHART='$(CURDIR)/charts/gozer' GOZER_IMAGE='$(GOZER_IMAGE)' NODE_IMAGE='$(NODE_IMAGE)' \
  OWN_CLUSTER='$(OWN_CLUSTER)' CLUSTER_NAME='$(CLUSTER_NAME)' CLUSTER_INDEX='$(CLUSTER_INDEX)' CLUSTER_DIR='$(CLUSTER_DIR)'

##@ Build

.PHONY: build
build: $(BIN)/gozer $(BIN)/gozerctl ## Build gozer and gozerctl into .build/bin.

$(BIN)/gozer: $(GO_SOURCES)
	$(call go_build,./cmd/gozer)
$(BIN)/gozerctl: $(GO_SOURCES)
	$(call go_build,./cmd/gozerctl)
$(BIN)/demo: $(GO_SOURCES) $(DEMO_SOURCES)
	$(call go_build,./hack/demo)

.PHONY: generate
generate: $(BIN)/controller-gen ## Write the code and manifests that are derived from api/ and config/.
	@$(BIN)/controller-gen object:headerFile=hack/boilerplate/boilerplate.go.txt paths=./api/... crd output:crd:dir=config/crd
	@charts/gozer/sync.sh

##@ Check

# Tests find what they need here, and fail without it.
export KUBEBUILDER_ASSETS := $(ENVTEST_ASSETS)
export HELM := $(BIN)/helm
export GOZER_GITHUB_DESCRIPTIONS := $(BUILD)/share/github
export GOZER_SHARED ?= $(abspath $(CURDIR)/../shared)
GOTESTSUM := $(BIN)/gotestsum --format-hide-empty-pkg

.PHONY: test
test: ## Test everything but what needs a whole cluster. Sets itself up.
	@$(MAKE) --no-print-directory --jobs=$(JOBS) test-ready
	@$(STEP) 'tested hack' $(MAKE) --no-print-directory hack-test
	@$(STEP) 'tested all packages' $(GOTESTSUM) --format pkgname -- -race -timeout 30m $(TESTFLAGS) $$(go list ./... | grep -v '/test/e2e$$')
	@$(STEP) 'tested with large files' $(GOTESTSUM) --format pkgname -- -timeout 20m -run '$(UNRACED)' $(TESTFLAGS) ./internal/configlang ./internal/layout ./test/oracle

# Large files for one goroutine say nothing about races, and the race detector
# makes them ten times slower: these have the build tag !race.
UNRACED := ^TestHostile(Files|Layouts)$$$$|^TestRecorded

.PHONY: test-ready
test-ready: apt-test envtest github-descriptions $(BIN)/helm $(BIN)/gotestsum

# Who has npm from elsewhere keeps it.
.PHONY: apt-test
apt-test: DEBIAN_PACKAGES := ansible openssh-client rsync git gcc libc6-dev $(if $(shell command -v npm),,npm)
apt-test:
	@$(apt_install)

# The cluster of the end-to-end tests: beside the demo's, and gone afterwards.
E2E := CLUSTER_NAME=gozer-e2e CLUSTER_INDEX=1 CLUSTER_DIR=$(BUILD)/e2e KUBECONFIG=$(BUILD)/e2e/kubeconfig
# Run only the tests that fit: make test-e2e RUN='Five|Killed'.
RUN ?=
# Set it to keep the cluster for a look, and run `make e2e-down` then.
E2E_KEEP ?=

.PHONY: test-e2e e2e-run e2e-down
test-e2e: ## Test everything together: a cluster, a code host, real Pods, and faults. Sets itself up.
	@$(MAKE) --no-print-directory --jobs=$(JOBS) $(E2E) stage github-descriptions $(BIN)/gotestsum
	@$(MAKE) --no-print-directory $(E2E) e2e-run; code=$$?; \
	[ -n '$(E2E_KEEP)' ] || $(MAKE) --no-print-directory e2e-down; exit $$code
e2e-run:
	@$(STAGE_ENV) $(GOTESTSUM) --format standard-verbose -- -count=1 -parallel 4 -timeout 40m -run '$(RUN)' $(TESTFLAGS) ./test/e2e

.PHONY: test-roles
test-roles: ## Run roles of a checkout of zuul-jobs (ZUUL_JOBS_DIR=...) in real Pods.
	@[ -n '$(ZUUL_JOBS_DIR)' ] || { echo 'ZUUL_JOBS_DIR must name a git checkout of zuul-jobs'; exit 2; }
	@ZUUL_JOBS_DIR='$(abspath $(ZUUL_JOBS_DIR))' $(MAKE) --no-print-directory test-e2e RUN='^TestRoles$$$$' TESTFLAGS='-tags roles $(TESTFLAGS)'
e2e-down:
	@$(MAKE) --no-print-directory $(E2E) cluster-down

.PHONY: test-emulator
test-emulator: github-emulator $(BIN)/gotestsum ## Test GitHub's driver against an emulator that others wrote. Sets itself up.
	@GOZER_GITHUB_EMULATOR='$(GITHUB_EMULATOR)' $(GOTESTSUM) --format testname -- -count=1 -timeout 5m -tags emulator -run '^TestEmulator$$' $(TESTFLAGS) ./internal/drivers/github

.PHONY: model-check
model-check: ## Search every state of small worlds around the queue engine: minutes, gigabytes.
	@go test ./internal/gate/modelcheck -count=1 -run TestWorlds -exhaustive -v -timeout 60m

.PHONY: model-merges
model-merges: ## Compare 1,000 random queues, in every merge mode, with git in a worktree.
	@go test ./internal/merger -count=1 -run TestTreesAreThoseOfGit -queues 1000 -timeout 60m -v | grep -v -e '^ *--- PASS' -e '^=== '; exit $${PIPESTATUS[0]}

.PHONY: crash-test
crash-test: envtest ## Kill the manager after every single write of a story; make test takes a sample of them.
	@go test ./controllers -count=1 -run TestCrashAfterEachWrite -every-write -parallel 8 -v -timeout 60m 2>&1 | grep -v '^E[0-9]'; exit $${PIPESTATUS[0]}

.PHONY: stories
stories: envtest ## Play every story that can be on the real API server; make test takes representative ones.
	@go test ./controllers -count=1 -run TestStories -every-story -v -timeout 30m 2>&1 | grep -v '^E[0-9]'; exit $${PIPESTATUS[0]}

.PHONY: bench-gate
bench-gate: envtest ## Measure a gate of 100 and 200 changes against the real API server.
	@go test ./controllers -run '^$$' -bench Gate -benchtime 1x -timeout 30m 2>&1 | grep -v '^E[0-9]'; exit $${PIPESTATUS[0]}

.PHONY: bench-scale
bench-scale: envtest ## Run 400 and 2,000 builds at once against the real API server, with simulated kubelets.
	@go test ./controllers -run '^$$' -bench Scale -benchtime 1x -timeout 30m 2>&1 | grep -v '^E[0-9]'; exit $${PIPESTATUS[0]}

.PHONY: bench-webhooks
bench-webhooks: envtest ## Measure how many webhooks of GitHub are taken in, against the real API server.
	@go test ./controllers -run '^$$' -bench Webhooks -benchtime 1x -timeout 30m 2>&1 | grep -v '^E[0-9]'; exit $${PIPESTATUS[0]}

.PHONY: bench
bench: ## Run the Go benchmarks.
	@go test -run '^$$' -bench . -skip '^Benchmark(Gate|Scale|Tick|Webhooks)$$' -benchmem $$(go list ./... | grep -v '/test/e2e')

.PHONY: bench-mirror
bench-mirror: ## Measure a merger that meets a repository of 1 GB for the first time.
	@go test ./internal/merger -run '^$$' -bench ColdMirror -benchtime 1x -mirror-bytes 1000000000 -timeout 30m

.PHONY: bench-sim
BENCH_SIM = $(BIN)/gozerctl simulate --trace $(GOZER_SHARED)/traces/gate-2014-2020.jsonl --urgent 0.05 \
  --policy all,zuul+rescue,optimistic+rescue,zuul+retry,zuul+both,zuul+retry+rescue,zuul+expedite,zuul+retry+rescue+expedite
bench-sim: $(BIN)/gozerctl ## Play the recorded years under every policy: as recorded, and so dense that nodes are scarce.
	@$(BENCH_SIM)
	@echo; $(BENCH_SIM) --speed 200 --nodes 100

.PHONY: lint
lint: $(BIN)/golangci-lint ## Find what linters find; .golangci.yml says what and why.
	@$(STEP) 'linted' $(BIN)/golangci-lint run ./...

.PHONY: fmt
fmt: ## Format all Go files.
	@gofmt -s -w $$(git ls-files -co --exclude-standard '*.go')

.PHONY: verify
verify: generate lint ## Check that generated files are up to date, all is formatted, and linters are content.
	@bad=$$(gofmt -s -l $$(git ls-files -co --exclude-standard '*.go')); \
	[ -z "$$bad" ] || { echo "not formatted (make fmt):" $$bad >&2; exit 1; }
	@git diff --exit-code || { echo 'The tree is not clean: commit what "make generate" wrote.' >&2; exit 1; }
	@new=$$(git ls-files -o --exclude-standard api config charts); \
	[ -z "$$new" ] || { echo "generated and not added to git:" $$new >&2; exit 1; }

.PHONY: clean
clean: ## End the local clusters and delete everything that make made.
	@if [ -x $(BIN)/cluster ]; then \
	  for c in 'gozer-demo 0 cluster' 'gozer-e2e 1 e2e'; do set -- $$c; \
	    [ ! -d $(BUILD)/$$3 ] || $(BIN)/cluster down --purge --name $$1 --index $$2 --dir $(BUILD)/$$3 --bin $(BIN) || exit 1; done; fi
	@rm -rf $(BUILD)
