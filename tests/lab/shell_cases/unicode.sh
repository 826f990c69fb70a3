x="привет"; echo "$x" ; printf "%s\n" "ü€" ; echo "$x" | wc -c; case $x in при*) echo match;; esac
