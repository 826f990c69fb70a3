printf "1\n2\n3\n" > f; exec 4<f; read -r a <&4; read -r b <&4; echo $a$b; exec 4<&-
