[ "$(hostname)" = "$(uname -n)" ] && echo same; uname -s; uname -m; [ "$(cat /proc/sys/kernel/hostname)" = "$(uname -n)" ] && echo proc
