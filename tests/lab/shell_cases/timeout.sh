timeout 0.3 sleep 5; echo $?; timeout 5 true; echo $?; timeout 5 sh -c "exit 3"; echo $?; timeout -s KILL 0.3 sleep 5; echo $?; timeout 5 nothing-here 2>/dev/null; echo $?
