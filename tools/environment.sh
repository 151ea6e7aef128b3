#!/bin/sh
# Makes the Python environment: environment.sh FOLDER. With uv where it is present (never `uv run`,
# `uv sync` or `uv lock`, which write download addresses), else with venv and pip. Set
# GRADCHAIN_INSTALLER=pip or uv to choose. Hash-checked packages first, then gradchain itself.
set -eu
folder=${1:?usage: tools/environment.sh FOLDER}
root=$(cd "$(dirname "$0")/.." && pwd)
installer=${GRADCHAIN_INSTALLER:-}
if [ -z "$installer" ]; then
    if command -v uv >/dev/null 2>&1; then installer=uv; else installer=pip; fi
fi
python=
for name in "${PYTHON:-}" python3.11 python3 python; do
    [ -n "$name" ] || continue
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        python=$(command -v "$name")
        break
    fi
done
if [ -z "$python" ]; then
    echo "no Python 3.11 or newer was found; install one, or set PYTHON=/path/to/python3.11" >&2
    exit 2
fi
echo "setting up $folder with $installer and $("$python" --version) (about half a minute)"
case $installer in
uv)
    export UV_PYTHON_DOWNLOADS=never
    uv venv --quiet --clear --python "$python" "$folder"
    uv pip install --quiet --python "$folder/bin/python" --require-hashes -r "$root/constraints/dev.txt"
    uv pip install --quiet --python "$folder/bin/python" --no-deps --no-build-isolation -e "$root"
    ;;
pip)
    "$python" -m venv --clear "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        -r "$root/constraints/dev.txt"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --no-build-isolation -e "$root"
    ;;
*)
    echo "GRADCHAIN_INSTALLER is '$installer', expected uv or pip" >&2
    exit 2
    ;;
esac
