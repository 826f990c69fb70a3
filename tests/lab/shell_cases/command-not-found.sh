definitely-not-a-program 2>/dev/null; echo $?
