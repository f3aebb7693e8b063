# A tiny LLaMA to q8_0, what each matrix loses, and that what comes out is a decoder's file; what is no GGUF is refused.
"$FABRICA" convert "$SRC/tests/golden/decoders/llama" t.gguf >/dev/null
"$FABRICA" quantize t.gguf q.gguf --type q8_0
"$FABRICA" inspect q.gguf --json | grep '"Q8_0"'
cp "$SRC/tests/golden/quants.safetensors" x.safetensors
"$FABRICA" quantize x.safetensors o.gguf --type q8_0 2>&1
echo "exit $?"
test ! -e o.gguf || echo "a file was left behind"
