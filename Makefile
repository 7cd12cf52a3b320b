# Shortcuts. What a change has to pass is .ci/run; `make ci` runs it.

tool := go tool -modfile=$(CURDIR)/internal/tools/go.mod

.PHONY: help test race soak lint fmt bench allbench fuzz generate golden crash ci

help: ## print this
	@sed -nE 's/^([a-z]+): ## (.*)/\1\t\2/p' $(MAKEFILE_LIST)

test: ## run all tests
	go test ./...

race: ## run all tests under the race detector, in random order
	go test -race -shuffle=on ./...

soak: ## make SOAK_OPERATIONS (100000) requests while everything goes wrong; SOAK_SEED repeats one
	SOAK_OPERATIONS=$${SOAK_OPERATIONS:-100000} go test -run='^TestSoak$$' -count=1 -timeout=60m -v ./snapshot/engine

lint: ## check format, vet and lint
	.ci/run format vet lint docs

fmt: ## format all Go files
	$(tool) golangci-lint fmt

bench: ## print the figures that README quotes; the reflink needs root and xfsprogs
	go test -run='^$$' -bench='Create$$|CommitPair|Listing|Scale' -benchtime=2s ./internal/bench
	go test -run='^$$' -bench='Build/sorted/n=1000000' -benchtime=3x -cpu=1 ./snapshot
	go test -run='^$$' -bench='Snapshot' -benchtime=10x ./drivers/local

allbench: ## run every benchmark
	go test -run='^$$' -bench=. -benchmem ./...

crash: ## kill processes at every point, three in a row, and stop and wake them
	STORAGESNAP_CRASHTEST_DEATHS=3 go test -count=1 -timeout=60m -v ./internal/crashtest

fuzz: ## run each fuzz target for FUZZTIME (5s)
	.ci/run fuzz

generate: ## make the mocks anew
	go generate ./...

golden: ## write the list of imports anew
	go test ./internal/doctest -update

ci: ## everything that a change has to pass
	.ci/run
