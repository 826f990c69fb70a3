{ echo x > no/such/file; } 2>/dev/null; echo $?
