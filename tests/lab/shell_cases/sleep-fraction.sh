sleep 0.01; echo $?; sleep x 2>/dev/null; echo $?
