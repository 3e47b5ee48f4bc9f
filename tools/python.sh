#!/bin/sh
# Prints the path of a Python >= 3.11 that can make virtual environments; PYTHON=... names one.
# When there is none: installs it as root on Debian or Ubuntu, otherwise says what to do and fails.
set -u

say() { printf '%s\n' "$*" >&2; }

# qualifies COMMAND: it runs and is recent enough (a pyenv shim may exist and not run).
qualifies() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Debian's Python without python3-venv has venv but not ensurepip.
makes_environments() { "$1" -c 'import venv, ensurepip' >/dev/null 2>&1; }

# The machine's own python3 first, then the releases the requirements were compiled for, newest first.
candidates() {
    echo "${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14 ${SYSTEM_PYTHON:-/usr/bin/python3}}"
}

find_complete() {
    for name in $(candidates); do
        if qualifies "$name" && makes_environments "$name"; then
            "$name" -c 'import sys; print(sys.executable)'
            return 0
        fi
    done
    return 1
}

find_recent() {
    for name in $(candidates); do
        qualifies "$name" && echo "$name" && return 0
    done
    return 1
}

missing_packages() {
    if recent=$(find_recent); then
        "$recent" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
        return
    fi
    case "$(apt-cache policy python3 2>/dev/null | sed -n 's/ *Candidate: *//p')" in
        3.[0-9].* | 3.10.*) echo "python3.11 python3.11-venv" ;;
        *) echo "python3 python3-venv" ;;
    esac
}

install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    say "Installing with apt-get: $*"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -y -q --no-install-recommends "$@"; } >&2 </dev/null
}

find_complete && exit 0
if [ -n "${PYTHON:-}" ] && ! find_recent >/dev/null; then
    say "PYTHON=$PYTHON is not a Python 3.11 or newer."
    exit 1
fi
packages=$(missing_packages)
# shellcheck disable=SC2086  # a list of packages
install $packages && find_complete && exit 0
if find_recent >/dev/null; then
    say "Python is here, but its venv module is not."
else
    say "Fengsui needs Python 3.11 or newer, and none was found."
fi
say "  Debian, Ubuntu:     sudo apt-get install $packages"
say "  Fedora, openEuler:  sudo dnf install python3.11"
say "  or name one:        make run PYTHON=/path/to/python3.11"
exit 1
