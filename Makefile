# `make demo` needs Go alone, `make test` and `make bench` a redis-server, too; the other targets install the tools that they need into .tools.

TOOLS     := .tools
BUF       := $(TOOLS)/buf
LINTER    := $(TOOLS)/golangci-lint
# What `make generate` writes; all of it is committed, so that `go build` needs no tool.
OPENAPI   := gateway/openapi/openapi.json
GENERATED := ':(glob)proto/**/*.pb.go' $(OPENAPI)
# The packages that hold the rules of the product, and the part of their statements that tests must run.
RULES     := ./plansvc/internal/plan ./payoutsvc/internal/payout
COVERAGE  := 95.0
# The packages that have benchmarks.
BENCHED   := ./internal/money ./internal/store/pebblestore ./payoutsvc/internal/ledger ./payoutsvc ./plansvc ./gateway
# Licences of modules that may be in the binary.
LICENSES  := Apache-2.0,BSD-2-Clause,BSD-3-Clause,ISC,MIT,MPL-2.0
# How many inputs each fuzz target is given: a number, since a target that is stopped by time may fail for that (golang/go#75804, mended in
# Go 1.27).
FUZZTIME  ?= 100000x
# The packages that are fuzzed. The whole system takes a minute before it begins (FUZZED=./internal/systemtest); its tests make the same
# requests, by a seed.
FUZZED    ?= $$(go list ./... | grep -v /systemtest)
# The release that the protos must stay compatible with: the last one.
AGAINST   ?= $(shell git describe --tags --abbrev=0 2>/dev/null)

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/incentives
	go build -o bin/incentives .

.PHONY: demo
demo: ## a month from plan to payout in a temporary store, printed as a statement
	go run . demo

.PHONY: test
test: redis ## run all tests
	go test -timeout 20m -parallel 4 ./...

# The tests of whole servers that are killed, which `make test` does less of.
.PHONY: endure
endure: redis ## run the tests that kill, cut off and crowd out as much as is promised (about 10 minutes)
	go test -timeout 60m -parallel 4 -v -run '^Test((E2|R2)_|AbuseBy)' ./internal/systemtest -whole | grep -v '^=== '

# The tests start servers of their own. On Debian, root has the command installed here.
.PHONY: redis
redis:
	@command -v redis-server >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update && \
		apt-get install --yes --no-install-recommends redis-server; } || \
		{ echo "The tests need redis-server, of Redis 7 or later. On Debian: sudo apt-get install redis-server" >&2; exit 1; }

# As a flag of every go command, so that the servers which tests build and start are watched, too.
.PHONY: race
race: redis ## run all tests but those that take long under the race detector (needs gcc)
	GOFLAGS="$$(go env GOFLAGS) -race" GORACE=halt_on_error=1 go test -timeout 20m -short -parallel 4 ./...

# go test prints the figures, awk holds them against COVERAGE.
.PHONY: cover
cover: ## check how much of the rules the tests of their packages run
	@figures=$$(go test -cover $(RULES)) || { echo "$$figures"; exit 1; }; echo "$$figures"; \
	echo "$$figures" | awk -v least=$(COVERAGE) '{ for (i = 1; i < NF; i++) if ($$i == "coverage:" && $$(i+1)+0 < least) \
		{ print $$2 ": less than " least "% of its statements are tested"; low = 1 } } END { exit low }'

# Whole deployments are measured with `incentives bench`; see docs/performance.md.
.PHONY: bench
bench: redis ## run the Go benchmarks of what is done most often
	go test -run '^$$' -bench . -benchmem $(BENCHED)

# go test fuzzes one target of one package at a time. `-list` names a package's targets, then the package.
.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (100000x)
	@targets=$$(go test -list '^Fuzz' $(FUZZED)) || { echo "$$targets"; exit 1; }; \
	echo "$$targets" | awk '/^Fuzz/ { names = names " " $$1 } /^ok/ { n = split(names, name); names = ""; \
		for (i = 1; i <= n; i++) print name[i], $$2 }' | while read -r name package; do \
		echo "go test -fuzz $$name $$package"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x "$$package" </dev/null || exit 1; \
	done

# The linter's gofumpt covers gofmt; go vet looks at generated code, too.
.PHONY: lint
lint: tools .third_party/.printed ## check formatting, go vet, golangci-lint and buf lint
	go vet ./...
	$(LINTER) run
	$(BUF) lint
	$(BUF) format --diff --exit-code proto

.PHONY: format
format: tools ## format Go and protos
	$(LINTER) fmt
	$(BUF) format --write proto

# The plugin for OpenAPI insists on a name of its own for what it writes, on "activitie" as the singular of
# "activities", and on calling every error unexpected.
.PHONY: generate
generate: tools .third_party/.printed ## generate Go and OpenAPI from the protos
	$(BUF) generate
	sed 's/{activitie}/{activity}/; s/"activitie"/"activity"/; s/An unexpected error response/An error/' \
		gateway/openapi/openapi.swagger.json > $(OPENAPI)
	@rm gateway/openapi/openapi.swagger.json

# Removing first shows leftovers of protos that are gone, too.
.PHONY: checkgenerate
checkgenerate: ## prove that what is generated is current and committed
	find proto -name '*.pb.go' -delete
	$(MAKE) generate
	git --no-pager diff --exit-code -- $(GENERATED)
	@untracked=$$(git ls-files --others -- $(GENERATED)); test -z "$$untracked" || { echo "not committed: $$untracked"; exit 1; }

# The release is unpacked beside today's imports, since git does not hold .third_party.
.PHONY: breaking
breaking: tools .third_party/.printed ## check that the protos stay compatible with the last release (AGAINST=tag)
	@if test -z "$(AGAINST)"; then echo "no release yet that the protos could break"; exit; fi; \
	release=$$(mktemp -d) && trap 'rm -rf "$$release"' EXIT && \
	git archive "$(AGAINST)" buf.yaml proto | tar -x -C "$$release" && cp -r .third_party "$$release" && \
	$(BUF) breaking --against "$$release"

# What is linked into the binary. The check needs nothing but the modules themselves.
.PHONY: licenses
licenses: ## check that all modules in the binary have licences that allow it
	@mkdir -p $(TOOLS)
	GOBIN=$(CURDIR)/$(TOOLS) go install github.com/google/go-licenses@v1.6.0
	@found=$$($(TOOLS)/go-licenses check . --ignore $$(go list -m) --allowed_licenses=$(LICENSES) 2>&1) || \
		{ echo "$$found" | grep -v '^W'; exit 1; }

# It asks vuln.go.dev which vulnerabilities are known, so it is no part of `make ci`, which has to work without.
.PHONY: vulncheck
vulncheck: ## look for known vulnerabilities in what the binary calls (needs the internet)
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 .

.PHONY: walk
walk: build tools ## do what README.md's walk says, word for word, and check where it ends
	.ci/walk

.PHONY: ci
ci: ## run all that continuous integration runs
	.ci/run

.PHONY: clean
clean: ## remove what was built, and the tools
	rm -rf bin $(TOOLS) .third_party coverage.out

# The protos that ours import, printed anew when the modules of go.mod change.
.third_party/.printed: go.mod proto/thirdparty/main.go
	go run ./proto/thirdparty .third_party
	@touch $@

# $(eval $(call tool,NAME,PACKAGE,VERSION)) installs a command when its version here changes, and only then.
# Not through go.mod: what lints and generates has no say in which versions the product is built from.
define tool
$(TOOLS)/.$(1)@$(3):
	GOBIN=$(CURDIR)/$(TOOLS) go install $(2)@$(3)
	@rm -f $(TOOLS)/.$(1)@* && touch $$@
tools: $(TOOLS)/.$(1)@$(3)
endef

.PHONY: tools
tools: ## install the pinned tools into .tools
$(eval $(call tool,buf,github.com/bufbuild/buf/cmd/buf,v1.75.0))
$(eval $(call tool,golangci-lint,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,v2.15.0))
$(eval $(call tool,grpcurl,github.com/fullstorydev/grpcurl/cmd/grpcurl,v1.9.4))
# Generated code must match the modules that it is compiled with: these two versions are those of go.mod.
$(eval $(call tool,protoc-gen-go,google.golang.org/protobuf/cmd/protoc-gen-go,v1.36.12))
$(eval $(call tool,protoc-gen-openapiv2,github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-openapiv2,v2.33.0))
$(eval $(call tool,protoc-gen-go-grpc,google.golang.org/grpc/cmd/protoc-gen-go-grpc,v1.6.2))
