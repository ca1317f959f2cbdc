#!/usr/bin/env bash
# Makes the environment if needed, checks style, spelling and types, runs the
# tests.
#
#   bash tools/run_tests.sh [pytest options]
#
# For instance: bash tools/run_tests.sh -k ranking -n 0
# Tests on real images run if MMREIDMIX_REALDATA names their folder.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_env.sh"

# two test processes share the cores; OpenMP threads on top only slow them
export OMP_NUM_THREADS=1

say 'checking the style: ruff check .'
lint=0
"$PY" -m ruff check --output-format concise . || {
    lint=$?
    echo 'ERROR: ruff check failed (above); the tests run all the same' >&2
}

say 'checking the spelling: codespell'
"$PY" -m codespell_lib || {
    lint=$?
    echo 'ERROR: misspelt words (above); the tests run all the same' >&2
}

say 'checking the types: mypy'
"$PY" -m mypy || {
    lint=$?
    echo 'ERROR: mypy failed (above); the tests run all the same' >&2
}

say "running the tests: pytest tests -q $*"
tests=0
"$PY" -m pytest tests -q -n 2 --dist loadfile "$@" || tests=$?
exit $((tests ? tests : lint))
