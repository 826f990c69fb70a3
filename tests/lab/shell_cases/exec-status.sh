sh -c "exec false"; echo $?; (exec sh -c "exit 6"); echo $?
