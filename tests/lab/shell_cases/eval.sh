c="echo a; echo b"; eval "$c"; eval "x=\$((1+1))"; echo $x; eval "exit 5"
