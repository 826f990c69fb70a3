echo x > /dev/null; cat /dev/null; wc -c < /dev/null; cat < /dev/null; echo $?; ls missing > /dev/null 2>&1; echo $?
