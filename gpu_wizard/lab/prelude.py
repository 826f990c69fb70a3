"""Shell functions that put right what bashkit's built-ins get wrong; the names are a shell's own.

Names with two underscores in front are commands of shell.py, or variables that it sets.
"""

from __future__ import annotations

_COMMON = r"""
sh() { /bin/sh "$@"; }
bash() { /bin/bash "$@"; }
umask() {
  local __u
  __u=$(__umask) || return
  __umask "$@" || return
  case $#.$BASH_SUBSHELL in 0.*|*.0) ;; *) builtin trap "__umask $__u" EXIT ;; esac
}
trap() {
  builtin trap "$@" || return
  case $#.$BASH_SUBSHELL in 0.*) ;; *.0) __trap "$@" ;; esac
}
kill() {
  case $1 in -l|-L) builtin kill "$@"; return ;; esac
  local __k
  __k=$(__kill $__dialect "$@") || return
  case $__k in ?*) eval "builtin kill $__k" ;; esac
}
command() {
  case $1 in
    -v|-V) __command $__dialect "$1" "$2" "$(builtin type -t "$2")" ;;
    -p) builtin shift; builtin command "$@" ;;
    *) builtin command "$@" ;;
  esac
}
type() {
  local __t __k __s=0
  for __t in "$@"; do
    __k=$(builtin type -t "$__t")
    case $__dialect.$__k.$__t in
      bash.function.[\[sbuktcr]|bash.function.sh|bash.function.bash|bash.function.umask) ;;
      bash.function.trap|bash.function.kill|bash.function.command|bash.function.type) ;;
      bash.function.test|bash.function.read|bash.function.cd) ;;
      bash.function.*) builtin type "$__t"; continue ;;
    esac
    __command $__dialect -V "$__t" "$__k" || __s=$?
  done
  return $__s
}
test() {
  case " $* " in *" -"[rwxOG]" "*) __test "$@" ;; *) builtin test "$@" ;; esac
}
function [ {
  case " $* " in *" -"[rwxOG]" "*) __test "$@" ;; *) builtin [ "$@" ;; esac
}
read() {
  builtin read "$@" || return
  local __a __v=REPLY __l
  for __a in "$@"; do
    case $__a in -*) ;; *) __v=$__a; break ;; esac
  done
  eval "__l=\$$__v"
  case $__l in "$__mark"*) ;; *) return 0 ;; esac
  builtin exec 0</proc/self/fd/0
  if __l=$(__line); then
    builtin read "$@" <<__END__
$__l
__END__
  else
    builtin read "$@" <<__END__
$__l
__END__
    return 1
  fi
}
"""
# Last, for an alias would be put in where a function of its name is defined.
_ALIASES = r"""
shopt -s expand_aliases
alias exec='exec ' sh=/bin/sh bash=/bin/bash
"""
_POSIX = r"""
echo() {
  local IFS=' '
  case $1 in
    -n) shift; builtin printf '%b' "$*" ;;
    *) builtin printf '%b\n' "$*" ;;
  esac
}
cd() {
  builtin cd "$@" || return 2
  __enter || { builtin cd "$OLDPWD"; return 2; }
}
"""
_BASH = r"""
cd() {
  builtin cd "$@" || return
  __enter || { builtin cd "$OLDPWD"; return 1; }
}
"""
FUNCTIONS = frozenset(
    {"sh", "bash", "umask", "trap", "kill", "command", "type", "test", "[", "read", "echo", "cd"}
)
"""What the prelude defines, to be told apart from the functions of a script."""

HELD = '__s=0; while __more; do eval "$(__text $__s)"; __s=$?; done; __s=$__s; builtin exit $__s'
"""Runs what `__more` finds complete on standard input, command by command."""


def prelude(posix: bool) -> str:
    """The functions for a POSIX shell as dash is, or for bash."""
    return _COMMON + (_POSIX if posix else _BASH) + _ALIASES
