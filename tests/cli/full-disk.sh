# A result that cannot be written is a failure, not a silence; a reader that leaves early is not.
"$FABRICA" doctor --json >/dev/full
echo "exit $?"
"$FABRICA" help --man | head -n 1
