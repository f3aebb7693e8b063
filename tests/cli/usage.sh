# Wrong words: one sentence on stderr, exit code 2, nothing on stdout.
try() { "$FABRICA" "$@"; echo "exit $?" >&2; }
try docter
try completion
try completion zsh
try doctor --jsno
try doctor --threads many
try doctor --threads 9999
try doctor extra
try help nothing
"$FABRICA" 2>/dev/null
echo "exit $?" >&2
