(umask 077; : > a); : > b; x=$(umask 007; : > c; echo ok); stat -c "%a %n" a b c; echo $x
