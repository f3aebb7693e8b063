# A folder goes to GGUF and back; a model without a tokenizer, a type that safetensors lacks and an unknown architecture
# are one sentence each.
tiny=$SRC/tests/golden/decoders/qwen3
"$FABRICA" convert "$tiny" tiny.gguf --type q8_0 && "$FABRICA" inspect tiny.gguf | head -n 2
"$FABRICA" convert tiny.gguf back --type f32 && ls back
"$FABRICA" convert tiny.gguf other 2>&1; echo $?
"$FABRICA" generate --model tiny.gguf --prompt hello 2>&1; echo $?
"$FABRICA" generate --model "$SRC/tests/golden/formats" --prompt hello >/dev/null 2>&1; echo $?
"$FABRICA" chat --model tiny.gguf </dev/null 2>&1; echo $?
"$FABRICA" generate --model tiny.gguf --prompt hello --exact --fast 2>&1; echo $?
