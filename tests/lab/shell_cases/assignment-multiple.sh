a=1 b=2 c=$a$b; echo $a$b$c; x=1 y=$x; echo ${y}z
