# SPDX-License-Identifier: Apache-2.0 OR MIT
# packages.sh — makes sure that commands exist; sourced by ./run.

# need_commands command:package …
# Installs the packages of missing commands with apt-get as root; otherwise says which and exits.
need_commands() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "${0##*/}: missing packages: ${missing[*]}" >&2
        echo "  install them, on Debian: sudo apt-get install ${missing[*]}" >&2
        exit 1
    fi
    echo "Installing ${missing[*]} …"
    if ! { apt-get update -q &&
           DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
               "${missing[@]}"; } >/dev/null; then
        echo "${0##*/}: apt-get could not install ${missing[*]}" >&2
        exit 1
    fi
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null 2>&1 && continue
        echo "${0##*/}: ${pair##*:} is installed, but ${pair%%:*} is not in PATH" >&2
        exit 1
    done
}
