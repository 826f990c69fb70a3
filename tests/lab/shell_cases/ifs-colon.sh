IFS=:; v=/a/b:x:y; set -- $v; echo $# "$2"; echo "$*"
