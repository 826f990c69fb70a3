ps -o pid= -p $$ | tr -d " " | grep -qx $$ && echo listed; ps -p 999999 > /dev/null; echo $?
