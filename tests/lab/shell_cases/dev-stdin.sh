echo in | cat /dev/stdin; echo in | cat - ; echo b | cat /dev/null -; head -c 4 /dev/zero | wc -c; head -c 8 /dev/urandom | wc -c
