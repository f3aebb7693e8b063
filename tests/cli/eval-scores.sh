# A classifier measured from a file of scores; what cannot be measured is named.
i=0
while [ $i -lt 60 ]; do
    l=$((i * 7 % 10 > 5))
    s=$((i * 7 % 10 + i * 3 % 4))
    echo "{\"id\":\"$i\",\"label\":$l,\"score\":0.$((s < 10 ? s : 9))$((i % 10)),\"sex\":\"$([ $((i % 3)) = 0 ] && echo f || echo m)\"}"
    i=$((i + 1))
done >two.jsonl
"$FABRICA" eval classify --scores two.jsonl --subgroup sex --resamples 200
"$FABRICA" eval calibration --scores two.jsonl --resamples 200
"$FABRICA" eval calibration --answers two.jsonl --confidence score --correct label --resamples 200 | head -n 2
head -n 1 two.jsonl >only.jsonl
"$FABRICA" eval classify --scores only.jsonl --resamples 100 | head -n 8
try() { "$FABRICA" "$@" --quiet; echo "exit $?" >&2; }
: >empty.jsonl
echo '{"label":1,"score":NaN}' >nan.jsonl
echo '{"label":1,"score":7}' >seven.jsonl
printf '{"label":"a","scores":{"a":1,"b":0}}\n{"label":"a","scores":{"a":1}}\n' >unequal.jsonl
try eval classify --scores empty.jsonl
try eval classify --scores nan.jsonl
try eval classify --scores unequal.jsonl
try eval classify --scores two.jsonl --subgroup nosuch
try eval classify --scores two.jsonl --label nosuch
try eval classify --scores two.jsonl --data two.jsonl
try eval classify --scores two.jsonl --model m.gguf
try eval classify
try eval classify --scores gone.jsonl
try eval calibration --scores seven.jsonl
try eval calibration --answers two.jsonl
try eval calibration --answers two.jsonl --data two.jsonl
try eval vqa --data two.jsonl --protocol slack
