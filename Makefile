# CDDS. "make" lists what can be done; CONTRIBUTING.md says more.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build console test test-stores test-console screenshots test-long torture lint shape check sbom reproducible release package-test package-lint fuzz bench load microbench clean

# Tools are built once per machine, outside the clone.
TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/cdds/tools
LINT_VERSION := v2.15.0
LINT := $(TOOLS)/golangci-lint-$(LINT_VERSION)
VULN_VERSION := v1.9.0
VULN := $(TOOLS)/govulncheck-$(VULN_VERSION)
SBOM_VERSION := v1.10.0
SBOM := $(TOOLS)/cyclonedx-gomod-$(SBOM_VERSION)
KUSTOMIZE_VERSION := v5.7.1
KUSTOMIZE := $(TOOLS)/kustomize-$(KUSTOMIZE_VERSION)
SCORE_VERSION := v1.20.0
SCORE := $(TOOLS)/kube-score-$(SCORE_VERSION)
VERSITYGW_VERSION := v1.8.0
VERSITYGW := $(TOOLS)/versitygw-$(VERSITYGW_VERSION)
FAKE_GCS_VERSION := v1.56.1
FAKE_GCS := $(TOOLS)/fake-gcs-server-$(FAKE_GCS_VERSION)
AZURITE_VERSION := $(shell sed -n 's/.*"azurite": "\(.*\)".*/\1/p' .ci/azurite/package.json)
AZURITE := $(TOOLS)/azurite-$(AZURITE_VERSION)
VERSION ?= $(shell sed -n 's/^var version = "\(.*\)"$$/\1/p' cmd/cdds/version.go)
FUZZTIME ?= 20s
KILLS ?= 200
ROUNDS ?= 4

# The race detector watches our code and the drivers, not arithmetic: SQLite's C
# code that modernc.org has translated to Go, and deflate, ours and a library's.
# Each of their values belongs to one goroutine at a time, which our own code
# decides. Watching them finds nothing of ours and takes five times as long.
UNWATCHED := modernc.org/sqlite/lib modernc.org/libc modernc.org/memory github.com/klauspost/compress/... cdds/export/deflate
RACE := -race $(foreach package,$(UNWATCHED),-gcflags=$(package)=-race=false)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Start the service on http://127.0.0.1:8080 with sample data in ./data
	@./bin/cdds demo --data ./data --if-missing --export
	@exec ./bin/cdds serve --data ./data

# The tag leaves out what Google's library needs for gRPC alone, a fifth of the
# binary: the service speaks HTTP to it.
build: console ## Build bin/cdds, with the web console in it where Node is there
	CGO_ENABLED=0 go build -tags disable_grpc_modules -trimpath -buildvcs=false -o bin/cdds ./cmd/cdds

# Without Node the binary still builds; its pages then say what is missing.
console: ## Build the web console into console/dist
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory console/dist/index.html; \
	else echo "Node is not here: building without the web console. Install Node 20.19 or newer for it."; fi

console/node_modules/.stamp: console/package.json console/package-lock.json
	@echo "Getting the console's packages (once, about 30 seconds) ..."
	cd console && npm ci --ignore-scripts --engine-strict --loglevel=error && touch node_modules/.stamp

console/dist/index.html: console/node_modules/.stamp api/testdata/openapi.golden.json $(shell find console -name node_modules -prune -o -name dist -prune -o -name e2e -prune -o -type f ! -name '*.gen.ts' ! -name '*.go' -print)
	cd console && npm run --silent build

test: ## Run all tests of daily use, with the race detector (under 15 minutes)
	@.ci/prepare
	@$(MAKE) --no-print-directory test-stores build
	@echo "Checking the formatting and the code ..."
	@bad=$$(find . -name node_modules -prune -o -name '*.go' -exec gofmt -l {} +); \
	if [ -n "$$bad" ]; then echo "Not formatted, run gofmt -w on:" $$bad; exit 1; fi
	go vet -tags long ./...
	@echo "Running the tests: imports, shape, and every package on real servers ..."
	go test $(RACE) -count=1 -timeout 12m -json ./... | go run .ci/tally.go .ci/leaks.go
	@$(MAKE) --no-print-directory test-console

test-stores: $(VERSITYGW) $(FAKE_GCS) $(AZURITE)/.stamp ## Build the object stores that the tests start, once per machine

$(VERSITYGW):
	@echo "Building versitygw $(VERSITYGW_VERSION), the tests' S3 server, into $(TOOLS), once per machine (about 90 seconds) ..."
	@mkdir -p $(TOOLS)
	@GOBIN=$(TOOLS) go install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW_VERSION)
	@mv $(TOOLS)/versitygw $(VERSITYGW)

$(FAKE_GCS):
	@echo "Building fake-gcs-server $(FAKE_GCS_VERSION), the tests' Google Cloud Storage, into $(TOOLS), once per machine (about 2 minutes) ..."
	@mkdir -p $(TOOLS)
	@GOBIN=$(TOOLS) go install github.com/fsouza/fake-gcs-server@$(FAKE_GCS_VERSION)
	@mv $(TOOLS)/fake-gcs-server $(FAKE_GCS)

$(AZURITE)/.stamp: .ci/azurite/package.json .ci/azurite/package-lock.json
	@echo "Installing azurite $(AZURITE_VERSION), the tests' Azure Blob Storage, into $(TOOLS), once per machine (about 90 seconds) ..."
	@mkdir -p $(AZURITE)
	@cp .ci/azurite/package.json .ci/azurite/package-lock.json .ci/azurite/.npmrc $(AZURITE)
	@cd $(AZURITE) && npm ci --ignore-scripts --loglevel=error && touch .stamp

test-console: build ## Run the console's tests alone: units, then a real browser against the real service
	cd console && npm run --silent unit
	cd console && CI=1 npm run --silent e2e | (cd .. && go run .ci/tally.go .ci/leaks.go -lines "$${CDDS_E2E_DATA:-console/e2e/.work}"/service-{0,1}.log)

screenshots: build ## Take the pictures of docs/console.md anew (needs pngquant)
	@command -v pngquant >/dev/null || { echo "pngquant is missing: apt-get install pngquant"; exit 1; }
	cd console && CI=1 SCREENSHOTS=../docs/screenshots npm run --silent e2e -- pages.spec.ts
	pngquant --force --ext .png --strip docs/screenshots/*.png

test-long: ## Run the large and slow tests too: millions of records, gigabytes, kills (hours)
	@.ci/prepare
	@$(MAKE) --no-print-directory test-stores
	go test -tags long -count=1 -timeout 8h -p 1 -json ./... | go run .ci/tally.go .ci/leaks.go

torture: ## Break the service on purpose and look whether anything is lost (KILLS=200 ROUNDS=4 SEED=...)
	@.ci/prepare
	go run ./torture -kills $(KILLS) -rounds $(ROUNDS) $(if $(SEED),-seed $(SEED))

lint: $(LINT) ## Run the linters of .golangci.yml
	$(LINT) run ./...

$(LINT):
	@echo "Building golangci-lint $(LINT_VERSION) into $(TOOLS), once per machine (about 2 minutes) ..."
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv $(TOOLS)/golangci-lint $(LINT)

shape: ## Measure function and file lengths, comments and imports against the budget
	@go test -count=1 -v -run '^Test(Shape|Imports|SQLStaysInItsPlace|RulesHaveNoClock)$$' .

check: ## Look for known vulnerabilities in the Go modules and the npm packages
	@$(MAKE) --no-print-directory $(VULN) || echo "govulncheck could not be built; is there a network?"
	@.ci/check $(VULN) . console

$(VULN):
	@echo "Building govulncheck $(VULN_VERSION) into $(TOOLS), once per machine ..."
	@mkdir -p $(TOOLS)
	@GOBIN=$(TOOLS) go install golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION)
	@mv $(TOOLS)/govulncheck $(VULN)

sbom: $(SBOM) ## Write CycloneDX lists of all parts into bin/
	@mkdir -p bin
	$(SBOM) mod -json -std -output-version 1.6 -output bin/cdds-go.cdx.json .
	cd console && npm sbom --package-lock-only --sbom-format cyclonedx --sbom-type application > ../bin/cdds-console.cdx.json

$(SBOM):
	@echo "Building cyclonedx-gomod $(SBOM_VERSION) into $(TOOLS), once per machine ..."
	@mkdir -p $(TOOLS)
	@GOBIN=$(TOOLS) go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(SBOM_VERSION)
	@mv $(TOOLS)/cyclonedx-gomod $(SBOM)

reproducible: ## Build twice, in different folders with empty caches, and compare the bytes
	@.ci/reproducible

# Static, without the symbols of a debugger; panics still name their lines.
release: console ## Build binaries and Debian packages for amd64 and arm64 into bin/release (VERSION=1.2.3)
	@command -v dpkg-deb >/dev/null || { echo "dpkg-deb is missing: the packages are built on Debian or Ubuntu."; exit 1; }
	@mkdir -p bin/release
	packaging/notices >bin/release/THIRD-PARTY
	@for arch in amd64 arm64; do \
		echo "Building cdds $(VERSION) for $$arch ..."; \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -tags disable_grpc_modules -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' -o bin/release/cdds-$(VERSION)-linux-$$arch ./cmd/cdds; \
		packaging/debian/build $(VERSION) $$arch bin/release/cdds-$(VERSION)-linux-$$arch bin/release/THIRD-PARTY bin/release; \
	done
	cd bin/release && sha256sum cdds-$(VERSION)-* cdds_*.deb >SHA256SUMS

package-test: console ## Install, run, update, remove and purge the Debian package in a copy of this machine (as root)
	@.ci/package

package-lint: $(KUSTOMIZE) $(SCORE) ## Check the package's scripts, built packages, manual page, and the files for containers and Kubernetes
	@.ci/package-lint $(KUSTOMIZE) $(SCORE)

$(KUSTOMIZE):
	@echo "Building kustomize $(KUSTOMIZE_VERSION) into $(TOOLS), once per machine ..."
	@mkdir -p $(TOOLS)
	@GOBIN=$(TOOLS) go install sigs.k8s.io/kustomize/kustomize/v5@$(KUSTOMIZE_VERSION)
	@mv $(TOOLS)/kustomize $(KUSTOMIZE)

$(SCORE):
	@echo "Building kube-score $(SCORE_VERSION) into $(TOOLS), once per machine ..."
	@mkdir -p $(TOOLS)
	@GOBIN=$(TOOLS) go install github.com/zegl/kube-score/cmd/kube-score@$(SCORE_VERSION)
	@mv $(TOOLS)/kube-score $(SCORE)

# checked: our deflate with bounds checks where the product has none.
fuzz: ## Fuzz every fuzz test for FUZZTIME (20s) each
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/ { name[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, name[i]; n = 0 }' | \
	while read -r package name; do \
		echo "$$package $$name"; \
		go test -tags checked -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x "$$package"; \
	done

bench: ## Measure exports against psql, zip and openssl (BENCH="-size 600 -repeats 5"; about 15 minutes)
	@.ci/prepare
	go build -o bin/bench ./bench
	bin/bench $(BENCH)

load: ## Measure the scheduler and the queue: 10,000 tenants, 100,000 due jobs, four schedulers (minutes)
	@.ci/prepare
	go test -tags long -count=1 -timeout 1h -v -run '^TestFourSchedulers$$' ./cmd/cdds

microbench: ## Run the benchmarks of single packages, with allocations
	go test -run '^$$' -bench . -benchmem ./...

clean: ## Remove what was built; your data in ./data stays
	rm -rf bin console/node_modules
	find console/dist -mindepth 1 ! -name .gitkeep -delete
