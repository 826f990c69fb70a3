sh -ec "false; echo no"; echo $?; sh -u -c "echo \${x:-d}"; sh -c "exit 2"; echo $?
