echo x > a; chmod 604 a; mkdir d; mv a d; stat -c "%a %n" d/a; mv d e; cat e/a; echo y > b; mv -f b e/a; cat e/a
