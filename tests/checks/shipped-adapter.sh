# The adapter in models/ was trained on the weights in models/mini.gguf: the one without the other is of no use. A file that
# refit wrote has the weights of another, which its card names.
set -eu
base=$("$FABRICA" adapter info models/pefomed.safetensors | sed -n 's/.*"base_name": "\(mini-[^"]*\)".*/\1/p')
[ -n "$base" ] || { echo "models/pefomed.safetensors names no model"; exit 1; }
case $("$FABRICA" inspect models/mini.gguf --json) in
*'weights_of\":\"'"$base"'\"'*) exit 0 ;;
esac
mini=$(sha256sum models/mini.gguf)
case $mini in "${base##*-}"*) ;; *) echo "models/pefomed.safetensors belongs to $base, models/mini.gguf is $mini"; exit 1 ;; esac
