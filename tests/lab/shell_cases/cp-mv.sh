echo 1 > a; chmod 640 a; cp a b; cp -p a c; mv b d; cat c d; stat -c "%a %n" a c d; mkdir t; cp a c t; ls t; mv a c t/; ls; cp missing x 2>/dev/null; echo $?
