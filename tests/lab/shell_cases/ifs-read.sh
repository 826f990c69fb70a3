printf "a:b:c\n" | { IFS=: read -r x y; echo "$x|$y"; }
