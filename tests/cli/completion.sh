# The completion script is bash, completes commands, options and choices.
"$FABRICA" completion bash >script || exit 1
bash -c '
. ./script
complete_line() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _fabrica; echo "${COMPREPLY[*]}"; }
complete_line fabrica doct
complete_line fabrica doctor --j
complete_line fabrica help --m
complete_line fabrica ev
complete_line fabrica eval v
'
