#!/usr/bin/env bash
# Builds the delegate with Bazel and puts it where tf_pconv.delegate_path() looks.
set -euo pipefail
cd "$(dirname "$0")/.."

target=//delegate/tflite:libtf_pconv_delegate.so
bazel build "$target"

# Renaming keeps a running program that has mapped the old library alive.
mkdir -p tf_pconv/_native
library=tf_pconv/_native/libtf_pconv_delegate.so
install -m 755 bazel-bin/delegate/tflite/libtf_pconv_delegate.so "$library.new"
mv -f "$library.new" "$library"
