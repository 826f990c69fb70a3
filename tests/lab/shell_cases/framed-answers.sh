m=tok
ask() { printf '%s begin %s\n' $m "$1"; shift; out=$("$@" 2>err); s=$?; printf '%s\n' "$out"; printf '%s end %d %d\n' $m $s ${#out}; }
ask a echo hi
ask b sh -c 'echo oops >&2; exit 3'
ask c timeout 0.2 sleep 3
cat err
