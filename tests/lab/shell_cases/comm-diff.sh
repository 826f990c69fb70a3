printf 'a\nb\n' > x; printf 'b\nc\n' > y; comm -12 x y; diff x y; echo $?; diff x x; echo $?; cmp -s x y; echo $?
