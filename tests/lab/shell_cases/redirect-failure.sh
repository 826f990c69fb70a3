cat < missing 2>/dev/null; echo $?
