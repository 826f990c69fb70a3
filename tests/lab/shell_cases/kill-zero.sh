kill -0 $$; echo $?; kill -0 999999 2>/dev/null; echo $?
