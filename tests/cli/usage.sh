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
FABRICA_ISA=none "$FABRICA" --version 2>&1 >out | sed 's/ has c.*/ has c .../' >&2
wc -c <out >&2
FABRICA_ISA=c "$FABRICA" --version >out || echo "plain C is not there"
