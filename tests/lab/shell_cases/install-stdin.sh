printf secret | install -m 600 /dev/stdin out; cat out; stat -c " %a" out
