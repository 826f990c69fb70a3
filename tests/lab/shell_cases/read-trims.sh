echo "  a  " | { read x; echo "[$x]"; }; echo "  a  " | { IFS= read -r x; echo "[$x]"; }
