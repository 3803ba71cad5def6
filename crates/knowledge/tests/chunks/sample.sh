#!/usr/bin/env bash
set -euo pipefail

folder=${1:-.}

# Prints the size of every file below a folder, largest first, with sizes that people can read; what cannot be
# opened is left out without a word, as du does it.
sizes() {
  local folder=$1
  find "$folder" -type f -print0 2>/dev/null |
    du --files0-from=- --human-readable |
    sort --human-numeric-sort --reverse
}

fail() {
  echo "$1" >&2
  exit 1
}

[ -d "$folder" ] || fail "$folder is no folder"
sizes "$folder"
