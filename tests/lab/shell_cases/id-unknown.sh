id nobody-here 2>/dev/null; echo $?; id -u root
