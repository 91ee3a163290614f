#!/bin/sh
# Finds a Python 3.11 or newer and has it make .venv: sh tools/prepare.sh run|dev|bench
# PYTHON=/path/to/python names the one to take.

set -u
cd "$(dirname "$0")/.." || exit 1
unset PYTHONDONTWRITEBYTECODE PYTHONHOME

without_venv=
if [ -n "${PYTHON:-}" ]; then
    set -- "$1" "$PYTHON"
else
    set -- "$1" python3 python3.14 python3.13 python3.12 python3.11 python
fi
kind=$1
shift
for name in "$@"; do
    "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
    if "$name" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        exec "$name" tools/environment.py "$kind"
    fi
    without_venv=${without_venv:-$name}
done

if [ -n "$without_venv" ]; then
    version=$("$without_venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    cat >&2 <<EOF
$without_venv is Python $version, but without the modules venv and ensurepip, which its system packages
apart. Install them (Debian and Ubuntu: apt install python3-venv or python$version-venv), or name
another Python: make PYTHON=/path/to/python3 ...
EOF
else
    cat >&2 <<EOF
Python 3.11 or newer is needed, and none was found (looked for: $*).
Install one (Debian and Ubuntu: apt install python3 python3-venv; macOS: brew install python), or
name it: make PYTHON=/path/to/python3 ...
EOF
fi
exit 1
