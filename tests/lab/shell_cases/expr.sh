expr 1 + 2; expr 3 \* 4; expr length abc; expr abc : "a\(.*\)"; expr 1 = 2; echo $?
