# What is counted, what cannot be.
[ -f "$SRC/models/mini.gguf" ] || exit 77
export FABRICA_MODEL="$SRC/models/mini.gguf"
cp "$SRC/tests/cases/png/ok-grey16.png" a.png
try() { "$FABRICA" eval count --quiet "$@"; echo "exit $?" >&2; }
printf '{"image":"a.png","counts":{"WBC":1,"RBC":12}}\n{"image":"a.png","counts":{}}\n' >two.jsonl
try --data two.jsonl --json | grep -c '"mae"\|"relative"\|"same_in_chinese"'
printf '{"image":"a.png","counts":{"WBC":1}}\n{"image":"none.png","counts":{"WBC":1}}\n' >one.jsonl
try --data one.jsonl --json | grep -c '"n": 1,\|"failed": 1,'
echo '{"image":"a.png"}' >without.jsonl
echo '{"image":"a.png","counts":{"RBC":-1}}' >below.jsonl
echo '{"image":"a.png","counts":{"RBC":"3"}}' >words.jsonl
for f in without below words; do try --data $f.jsonl; done
try
