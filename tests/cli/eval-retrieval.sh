# Retrieval from vectors and rankings, captions from texts; what cannot be measured is named.
i=0
while [ $i -lt 24 ]; do
    echo "{\"id\":\"$i\",\"image\":[$((i % 5)),$((i % 7)),1.5,$((i % 3))],\"text\":[$((i % 5)),$(((i + 1) % 7)),1,$((i % 3))]}"
    i=$((i + 1))
done >pairs.jsonl
"$FABRICA" eval retrieval --embeddings pairs.jsonl --resamples 200 --html page.html
grep -c '<script\|http:\|https:' page.html
printf '{"ranking":["a","b","c"],"relevant":["b"],"candidates":40}\n{"ranking":[1,2,3],"relevant":[9,1]}\n' >ranks.jsonl
"$FABRICA" eval retrieval --rankings ranks.jsonl --resamples 200
printf '{"id":"1","hyp":"no acute disease","refs":["No acute disease."]}\n{"id":"2","hyp":"a small nodule","refs":["small nodule in the left lung"]}\n' >texts.jsonl
"$FABRICA" eval caption --texts texts.jsonl --metrics bleu1,rougeL --resamples 200
try() { "$FABRICA" eval "$@" --quiet; echo "exit $?" >&2; }
: >empty.jsonl
printf '{"image":[1,2],"text":[1,2]}\n{"image":[1,2],"text":[1]}\n' >unequal.jsonl
echo '{"image":[1,2],"text":[1,1e999]}' >huge.jsonl
echo '{"image":[0,0],"text":[1,1]}' >zero.jsonl
echo '{"image":[1,null],"text":[1,1]}' >null.jsonl
echo '{"image":[1,2],"text":[1,1]}' >one.jsonl
echo '{"ranking":["a","b"],"relevant":["b"],"candidates":1}' >few.jsonl
echo '{"ranking":["a","b"],"relevant":[]}' >none.jsonl
echo '{"ranking":["a",[]],"relevant":["a"]}' >nested.jsonl
echo '{"ranking":["a","b","a"],"relevant":["b"]}' >twice.jsonl
echo '{"ranking":[1,2],"relevant":[2,2]}' >again.jsonl
echo '{"ranking":["a","b"],"relevant":["z"],"candidates":9}' >behind.jsonl
"$FABRICA" eval retrieval --rankings behind.jsonl --resamples 200 --json | grep median
for f in empty unequal huge zero null one; do try retrieval --embeddings $f.jsonl; done
for f in empty few none nested twice again; do try retrieval --rankings $f.jsonl; done
try retrieval --embeddings pairs.jsonl --untrained
try retrieval
try retrieval --data one.jsonl --rankings few.jsonl
try retrieval --embeddings pairs.jsonl --html nowhere/page.html
try caption --texts empty.jsonl
try caption --texts texts.jsonl --metrics rouge1,nosuch 2>&1 | sed 's/metric;.*/metric/' >&2
try caption
