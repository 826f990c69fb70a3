mkdir d; printf abc > d/f; chmod 640 d/f; find d -type f -printf "%m %s %f %p\n"; find d -perm 640; find d -newer missing 2>/dev/null; echo $?; find d -type f -size -2 -print0 | tr "\0" "\n"
