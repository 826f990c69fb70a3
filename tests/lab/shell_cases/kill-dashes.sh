kill -0 -- -999999 2>/dev/null; echo $?; kill -s 0 -- -999999 2>/dev/null; echo $?; kill -0 -999999 2>/dev/null; echo $?; kill 2>/dev/null; echo $?
