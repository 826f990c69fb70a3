echo 'a\tb'; echo 'x\cy'; echo z
