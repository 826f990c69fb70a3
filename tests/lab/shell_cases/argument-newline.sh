x="a
b"; echo "$x" | wc -l; set -- "$x"; echo $#; printf "%s|" $x
