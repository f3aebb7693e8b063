# Two versions: assigned by a hash, recorded without names, looked at as cases came; preferences; paired records.
for u in case-1 case-2 case-3; do "$FABRICA" eval ab assign --user $u --experiment report-v2 --arms old:5000,new:5000; done
"$FABRICA" eval ab assign --user case-1 --experiment report-v2 --json
"$FABRICA" eval ab record --user case-1 --experiment report-v2 --outcome 1 --data log.jsonl
"$FABRICA" eval ab record --user case-2 --experiment report-v2 --outcome 0 --data log.jsonl
sed 's/"time":"[^"]*"/"time":"-"/' log.jsonl
i=0
while [ $i -lt 400 ]; do
    arm=old ok=$((i % 10 < 6))
    [ $((i / 2 % 2)) = 0 ] || { arm=new ok=$((i % 10 < 9)); }
    echo "{\"user\":\"u$i\",\"arm\":\"$arm\",\"outcome\":$ok,\"time\":\"2026-05-0$((1 + i / 100))T08:00:00Z\"}"
    i=$((i + 1))
done >outcomes.jsonl
"$FABRICA" eval ab analyse --data outcomes.jsonl --planned 500 --effect 0.2 --html page.html
grep -c '<section>' page.html
head -n 60 outcomes.jsonl >early.jsonl
"$FABRICA" eval ab analyse --data early.jsonl
i=0
while [ $i -lt 60 ]; do
    p=v1
    [ $((i % 5)) -lt 3 ] && p=v2
    [ $((i % 7)) = 0 ] && p=tie
    echo "{\"a\":\"v1\",\"b\":\"v2\",\"preferred\":\"$p\",\"reader\":\"r$((i % 2))\",\"case\":\"c$((i / 2))\"}"
    i=$((i + 1))
done >prefer.jsonl
"$FABRICA" eval ab analyse --data prefer.jsonl --resamples 200
i=0
while [ $i -lt 50 ]; do
    echo "{\"id\":\"$i\",\"points\":$((i % 5 < 3))}" >>one.jsonl
    echo "{\"id\":\"$i\",\"points\":$((i % 7 < 6))}" >>two.jsonl
    i=$((i + 1))
done
"$FABRICA" eval ab compare --data one.jsonl --against two.jsonl --resamples 200
try() { "$FABRICA" eval ab "$@" --quiet; echo "exit $?" >&2; }
: >empty.jsonl
echo '{"arm":"a","outcome":2}' >two-points.jsonl
echo '{"arm":"a"}' >none.jsonl
printf '{"arm":"a","outcome":1}\n{"arm":"b","outcome":1}\n{"arm":"c","outcome":1}\n' >three.jsonl
printf '{"arm":"a","outcome":1,"user":"x"}\n{"arm":"b","outcome":1,"user":"x"}\n' >again.jsonl
printf '{"arm":"a","outcome":1,"time":"2026-05-02"}\n{"arm":"b","outcome":1,"time":"2026-05-01"}\n' >back.jsonl
echo '{"a":"v1","b":"v2","preferred":"v3"}' >other.jsonl
head -n 40 two.jsonl >short.jsonl
sed 's/"49"/"x"/' two.jsonl >renamed.jsonl
for f in empty two-points none three again back other; do try analyse --data $f.jsonl; done
head -n 1 outcomes.jsonl >one-arm.jsonl
try analyse --data one-arm.jsonl
try compare --data one.jsonl --against short.jsonl
try compare --data one.jsonl --against renamed.jsonl
try compare --data one.jsonl --against two.jsonl --field score
try assign --user u --experiment e --arms a:5000
try assign --user u --experiment e --arms a:5000,b:6000
try assign --user case-1 --experiment e --arms a:0,b:0
try assign --user u --experiment e --arms a:5000,a:5000
try assign --user u --experiment e --arms a:10000
try assign --user '' --experiment e
try assign --user u
try record --user u --experiment e --data log.jsonl
try analyse
try decide
