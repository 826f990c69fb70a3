: > e; echo x > f; [ -s e ]; echo $?; [ -s f ]; echo $?
