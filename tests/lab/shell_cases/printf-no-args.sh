printf "%s %d\n"
