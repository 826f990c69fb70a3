umask 077; touch a; mkdir d; umask 022; touch b; stat -c "%a %n" a b d
