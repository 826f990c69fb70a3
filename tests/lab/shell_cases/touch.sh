touch a; [ -f a ] && echo made; touch -c b; ls; touch -d @86400 a; stat -c %Y a; touch -r a c; stat -c %Y c; touch x/y 2>/dev/null; echo $?
