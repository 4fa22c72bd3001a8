# Two commands do everything: `make demo` and `make test`. Each sets itself up into .venv first.
VENV := .venv

.PHONY: demo test check lock clean
demo:
	@scripts/setup engine
	@$(VENV)/bin/kfadapter demo $(DEMO)

test:
	@scripts/setup test
	@scripts/test $(TESTS)

check:
	@scripts/setup test
	@scripts/check

lock:
	@scripts/setup test
	@scripts/lock $(LOCK)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
