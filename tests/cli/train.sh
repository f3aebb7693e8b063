# A run that cannot start: one sentence, the right exit code, no folder left behind.
try() { "$FABRICA" train "$@" --quiet; echo "exit $?" >&2; }
printf 'name: [1, 2\n' >broken.yaml
printf 'a: 1\na: 2\n' >twice.yaml
try nowhere.yaml
try broken.yaml
try twice.yaml
try broken.yaml --stop-after soon
try broken.yaml --stop-after 0
try
ls
