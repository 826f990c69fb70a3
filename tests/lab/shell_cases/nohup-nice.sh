nohup sh -c "echo n" 2>/dev/null; nice echo nice; nohup nothing-here 2>/dev/null; echo $?
