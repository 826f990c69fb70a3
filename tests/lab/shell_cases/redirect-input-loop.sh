printf "x\ny\n" > f; while read -r l; do echo "<$l>"; done < f
