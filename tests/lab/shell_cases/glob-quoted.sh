touch a; echo "*" '*' \*
