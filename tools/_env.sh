#!/usr/bin/env bash
# Makes the environment of the scripts beside it. To be sourced, not run:
# afterwards $ROOT is the repository, the working directory is $ROOT, and
# $PY is the Python of $ROOT/.venv, which has mmreidmix (editable) and its
# dependencies in the versions of requirements/constraints.txt.
#
#   PYTHON   the Python to make .venv with (default: python3)

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
PY="$ROOT/.venv/bin/python"
# how far .venv is: making, made, installing, installed WHERE CHECKSUM
_STATE=.venv/mmreidmix-state

say() { printf '== %s\n' "$*"; }

fail() {
    printf 'ERROR: %s\n' "$*" >&2
    exit 1
}

_make_venv() {
    local base="${PYTHON:-python3}" hint
    hint="Name another Python: PYTHON=/path/to/python3 bash $0"
    command -v "$base" >/dev/null ||
        fail "no '$base' on PATH, but Python >= 3.9 is needed. $hint"
    "$base" -c 'import sys; sys.exit(sys.version_info < (3, 9))' ||
        fail "'$base' is $("$base" --version 2>&1), but Python >= 3.9 is" \
            "needed. $hint"
    say "making the virtual environment .venv with $("$base" --version)"
    rm -rf .venv
    mkdir .venv
    echo making >"$_STATE"
    "$base" -m venv .venv >.venv/venv.log 2>&1 || {
        cat .venv/venv.log >&2
        fail "'$base' could not make .venv (see above). On Debian and" \
            "Ubuntu the module is a package of its own: apt install" \
            "python3-venv. $hint"
    }
    echo made >"$_STATE"
}

_install() {
    local log=.venv/install.log
    say "installing mmreidmix and its dependencies into .venv (about 2 GB," \
        "a minute or more; log: $log)"
    echo installing >"$_STATE"
    "$PY" -m pip install --disable-pip-version-check \
        -c requirements/constraints.txt -e '.[tests,tensorboard]' \
        >"$log" 2>&1 || {
        cat "$log" >&2
        fail 'the installation failed (see above), mend the cause and run' \
            'this again'
    }
    echo "$1" >"$_STATE"
}

setup_environment() {
    local state='' installed
    installed="installed $ROOT $(cat setup.py requirements/constraints.txt |
        cksum)"
    # settings that are meant for another environment
    unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX
    export PIP_USER=0

    if [[ -e .venv && ! -f $_STATE ]]; then
        fail "$ROOT/.venv was not made by this script and is left as it is;" \
            'move it away and run this again'
    fi
    [[ -f $_STATE ]] && state="$(<"$_STATE")"
    case "$state" in
    made | "installed $ROOT "*)
        "$PY" -m pip --version >/dev/null 2>&1 || _make_venv
        ;;
    *) _make_venv ;; # not there, interrupted half-way, or moved
    esac
    [[ $(<"$_STATE") == "$installed" ]] || _install "$installed"
    say "environment ready: .venv ($("$PY" --version))"
}

cd "$ROOT" || exit 1
setup_environment
