#!/usr/bin/env bash
# What a system must have to load the library, and what the library shows it.
set -euo pipefail
library=$1

expect() {
  if [[ "$2" != "$3" ]]; then
    printf '%s:\n%s\nexpected:\n%s\n' "$1" "$2" "$3" >&2
    exit 1
  fi
}

export LC_ALL=C
dynamic=$(readelf --dynamic --wide "$library")

needed=$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' <<<"$dynamic" | sort)
expect 'Needed libraries' "$needed" $'libc.so.6\nlibm.so.6'

exported=$(readelf --dyn-syms --wide "$library" |
  awk '$7 != "UND" && $8 && NR > 4 { sub(/@.*/, "", $8); print $8 }' | sort)
expect 'Exported symbols' "$exported" \
  $'tf_pconv_multiply_rate\ntf_pconv_predict_least_speedup\ntf_pconv_read_rate\ntflite_plugin_create_delegate\ntflite_plugin_destroy_delegate'

if grep -q TEXTREL <<<"$dynamic"; then
  echo 'The code needs relocations' >&2
  exit 1
fi
grep -q BIND_NOW <<<"$dynamic" || { echo 'Not linked with -z now' >&2; exit 1; }
segments=$(readelf --segments --wide "$library")
grep -q GNU_RELRO <<<"$segments" || { echo 'Not linked with -z relro' >&2; exit 1; }
if grep -q ' TLS ' <<<"$segments"; then
  echo 'The library has thread-local variables' >&2
  exit 1
fi
