n=0; until [ $n -ge 3 ] || [ -e done ]; do n=$((n+1)); [ $n = 2 ] && : > done; done; echo $n
