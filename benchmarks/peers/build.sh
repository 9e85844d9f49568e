#!/bin/sh
# Build the peers' own environments, .cache/peers/rectools and .cache/peers/recbole, as pinned beside this file; what is built already is left alone.
# A file of pins is a whole `pip freeze`, so nothing is resolved: RecBole's own requirements name a ray and a colorlog that it does not need to train.
# `build.sh rectools` builds one of them; PYTHON names another interpreter (3.11 was used); pip finds torch where its own settings say.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
to="$here/../../.cache/peers"
mkdir -p "$to"

[ $# -gt 0 ] || set -- rectools recbole
for name in "$@"; do
    pins="$here/$name.txt"
    if cmp -s "$pins" "$to/$name/.built"; then
        echo "$name is built"
        continue
    fi
    "${PYTHON:-python3}" -m venv "$to/$name"
    "$to/$name/bin/python" -m pip install --quiet --no-deps -r "$pins"
    cp "$pins" "$to/$name/.built"
    echo "$name is built in .cache/peers/$name"
done
