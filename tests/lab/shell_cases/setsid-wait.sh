setsid -w sh -c "exit 3"; echo $?; true; setsid sh -c "echo in; exit 4"; echo $?
