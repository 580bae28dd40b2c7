# The Helm chart. Included by the Makefile at the root.

.PHONY: chart-sync chart-test
chart-sync: ## Copy CRDs and RBAC rules from config/ into the chart.
	@charts/gozer/sync.sh
chart-test: $(BIN)/helm ## Lint and render the chart, and check what it may do.
	@HELM=$(BIN)/helm go test ./test/chart/...
