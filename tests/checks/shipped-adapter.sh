# The adapter in models/ was trained on the mini in models/: the one without the other is of no use.
set -eu
base=$("$FABRICA" adapter info models/pefomed.safetensors | sed -n 's/.*"base_name": "mini-.*-\([0-9a-f]*\)".*/\1/p')
mini=$(sha256sum models/mini.gguf)
[ -n "$base" ] || { echo "models/pefomed.safetensors names no model"; exit 1; }
case $mini in "$base"*) ;; *) echo "models/pefomed.safetensors belongs to the mini $base, models/mini.gguf is $mini"; exit 1 ;; esac
