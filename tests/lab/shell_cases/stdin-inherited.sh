printf "1\n2\n3\n" > f; { read -r a; cat; } < f; echo "a=$a"
