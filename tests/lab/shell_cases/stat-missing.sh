stat -c %a missing 2>/dev/null; echo $?
