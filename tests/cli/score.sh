# Texts, records and lines against references; then what cannot be scored, one sentence each.
try() { "$FABRICA" "$@"; echo "exit $?" >&2; }
"$FABRICA" score "No acute disease." "No acute cardiopulmonary disease." --metric rouge1 rougeL bleu meteor
"$FABRICA" score 双肺未见明显结节 双肺未见明显结节 --metrics rouge1,rougeL,bleu --mode perl155
cat >r.jsonl <<'END'
{"id": "a", "hyp": "Heart size is normal.\nNo acute disease.", "refs": ["No acute cardiopulmonary disease.\nHeart size is normal."]}
{"id": "b", "hyp": "胸腔积液", "refs": ["右侧胸腔积液", "无胸腔积液"]}
{"id": 3, "hyp": "", "refs": ["clear"]}
END
"$FABRICA" score --data r.jsonl --metrics rouge1,rouge2,rougeL,rougeLsum,rougeW,rougeSU4 --mode perl155 --stem --per-record
"$FABRICA" score --data r.jsonl --metrics rouge1,bleu,cider
"$FABRICA" score --data r.jsonl --metric rougeLsum --json
printf 'a b\nc d\n' >h.txt
printf 'a b\nc d e\n' >r.txt
"$FABRICA" score --hyp-lines h.txt --ref-lines r.txt --metrics bleu --tokenize none --smooth floor

try score "one text"
try score "a" "b" --metric rouge
try score "a" "b" --metric cider
printf 'a b\n' >short.txt
try score --hyp-lines h.txt --ref-lines short.txt
printf 'a\n\264\363\n' >gb.txt
try score --hyp-lines h.txt --ref-lines gb.txt
printf '{"id": "a", "hyp": "x", "refs": []}\n' >none.jsonl
try score --data none.jsonl
printf '{"id": "a", "hyp": NaN, "refs": ["x"]}\n' >nan.jsonl
try score --data nan.jsonl
