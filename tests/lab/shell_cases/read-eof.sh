printf "no newline" | { read -r x; echo "$? $x"; }
