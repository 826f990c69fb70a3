p=$PWD; (cd /; pwd); [ "$p" = "$PWD" ] && echo same
