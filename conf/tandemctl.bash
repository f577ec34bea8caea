# Completion for tandemctl in bash: source it, or put it into /usr/share/bash-completion/completions.
_tandemctl() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command="" i socket=()
  local commands="list stats events drain disable enable add change remove edits discard ping bans ban unban rules
    explain trace log reload uptime rpc parse import"
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case "${COMP_WORDS[i]}" in
      -s|--socket) socket=(-s "${COMP_WORDS[i+1]}"); ((++i)) ;;
      -*) ;;
      *) command=${COMP_WORDS[i]}; break ;;
    esac
  done
  # A destination or group that there is; colons belong to the word.
  _tandemctl_listed() { tandemctl "${socket[@]}" list 2>/dev/null | awk -v c="$1" 'NR > 1 && $1 != "*" {print $c}'; }
  local words=""
  case "$command" in
    "") words="$commands --socket --json --help" ;;
    drain|enable|disable)
      words=$(_tandemctl_listed 2)
      [ "$before" = -g ] || [ "$before" = --group ] && words=$(_tandemctl_listed 1)
      [[ $word == -* ]] && words="--group --help $([ "$command" = drain ] && echo --wait --timeout)" ;;
    add|change|remove|discard)
      words=$(_tandemctl_listed 1)
      [ "$before" != "$command" ] && words=$(_tandemctl_listed 2) ;;
    events) words="--follow" ;;
    trace) words="--call-id --user --all --seconds --text --pcap" ;;
    log) words="debug info warning error" ;;
    rpc) words=$(tandemctl "${socket[@]}" --json rpc system.listMethods 2>/dev/null | tr -d '[]",') ;;
    explain)
      [[ $word == -* ]] || { mapfile -t COMPREPLY < <(compgen -f -- "$word"); return; }
      words="--source --listen --failed-with" ;;
    parse|import) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$word"
}
complete -F _tandemctl tandemctl
