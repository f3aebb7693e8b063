# An interrupt ends a command that waits (here: for a pipe) with 128 + the signal's number, and says nothing.
mkfifo never
for signal in INT TERM; do
    FABRICA_MODEL=never bash -c 'set -m; "$FABRICA" doctor & sleep 0.5; kill -'$signal' $!; wait $!; echo "exit $?"' 2>/dev/null
done
