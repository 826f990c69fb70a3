mkdir -p a/b; cd a/b; cd ..; basename "$PWD"; cd - > /dev/null; basename "$PWD"; cd /nonexistent 2>/dev/null; echo $?
