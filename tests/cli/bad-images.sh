# Images that cannot be used: one sentence that names the file, the right exit code, nothing on stdout, no folder.
printf '\211PNG\r\n\032\n' >cut.png
: >empty.png
echo words >words.png
mkdir folder
printf '{"image":"gone.png","question":"Is it?","answer":"Yes"\n' >cut.jsonl
: >empty.jsonl
try() { "$FABRICA" "$@" --quiet; echo "exit $?" >&2; }
for f in cut.png empty.png words.png folder gone.png; do
    try report $f -o out
    try ask $f 'Is it?'
    try caption $f
    try classify $f --labels 'a, b'
    try embed $f
done
try ask words.png ''
try ask words.png "$(printf 'a\377')"
try classify words.png --labels a
try embed words.png --text liver
try eval vqa --data cut.jsonl
try eval vqa --data empty.jsonl
try eval vqa --data gone.jsonl
try eval classify --data gone.jsonl
try embed --text liver --model gone.gguf
try eval classify --data cut.jsonl --model gone.gguf
test ! -e out || echo "a folder was left behind"
