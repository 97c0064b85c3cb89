# complete.sh WORD...: what bash would offer for the last word of the command line `diptych WORD...`.
eval "$(diptych completion bash)"
COMP_WORDS=(diptych "$@")
COMP_CWORD=$#
_diptych
printf 'offers:'
printf ' %s' "${COMPREPLY[@]}"
printf '\n'
