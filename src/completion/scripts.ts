/**
 * What each shell runs to complete a command line. The scripts know nothing about the commands: they
 * ask `curfew __complete WORD…`, as kubectl's own script does (complete.ts).
 */

/**
 * It runs in bash 3.2, too, which macOS has: `compopt` is missing there, so file names are suggested
 * where nothing else is. bash splits words at `=`, so they're joined again, and what's before `=`
 * isn't in its suggestions.
 */
const BASH = `# bash completion for curfew. To load it: source <(curfew completion bash)
_curfew() {
  local words=("") last=0 word line before=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    [[ $word == = || \${words[last]} == --*= ]] || ((last += 1))
    words[last]+=$word
  done
  [[ \${words[last]} == --*=* ]] && before=\${words[last]%%=*}=
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :4) compopt +o default 2>/dev/null ;;
      :16) compopt +o default -o dirnames 2>/dev/null ;;
      :*) ;;
      *)
        line=\${line%%$'\\t'*}
        COMPREPLY+=("\${line#"$before"}")
        ;;
    esac
  done < <("$1" __complete "\${words[@]:1}" </dev/null 2>/dev/null)
}
complete -o default -F _curfew curfew
`;

const ZSH = `#compdef curfew
# zsh completion for curfew. To load it: source <(curfew completion zsh)
_curfew() {
  local line paths=none
  local -a suggestions
  while IFS= read -r line; do
    case $line in
      :0) paths=files ;;
      :16) paths=directories ;;
      :*) ;;
      *) suggestions+=("\${\${line//:/\\\\:}/$'\\t'/:}") ;;
    esac
  done < <(\${~words[1]} __complete "\${(@Q)words[2,CURRENT-1]}" "$PREFIX" </dev/null 2>/dev/null)
  if (($#suggestions)); then
    _describe curfew suggestions
  elif [[ $paths != none ]]; then
    compset -P '--*='
    if [[ $paths == files ]]; then _files; else _files -/; fi
  fi
}
# Autoloaded from fpath, this file is the function itself.
if [[ $funcstack[1] == _curfew ]]; then _curfew "$@"; else compdef _curfew curfew; fi
`;

const FISH = `# fish completion for curfew. To load it: curfew completion fish | source
function __curfew_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l flag (string match -r -- '^--[^=]+=' "$current")
    set -l rest (string replace -r -- '^--[^=]+=' '' "$current")
    for line in ($words[1] __complete $words[2..-1] "$current" </dev/null 2>/dev/null)
        switch $line
            case ':0'
                for path in (__fish_complete_path "$rest")
                    echo "$flag$path"
                end
            case ':16'
                for path in (__fish_complete_directories "$rest" '')
                    echo "$flag$path"
                end
            case ':*'
            case '*'
                echo $line
        end
    end
end
complete -c curfew -f -a '(__curfew_complete)'
`;

export const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH } as const;
