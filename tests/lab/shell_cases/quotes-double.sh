x=1; echo "a  $x" "b\$x" "\""
