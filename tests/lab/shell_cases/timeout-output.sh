timeout 0.5 sh -c "echo before; sleep 5; echo no"; echo $?; echo in | timeout 5 cat
