x=$(echo a; echo b); echo "$x"; echo $x; y=`echo c`; echo $y; x=$(false); echo $?
